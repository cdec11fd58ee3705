"""Which words name which place, and what a deploy.yaml may say."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resources.deployment.targets import (
    TargetError,
    TargetSettings,
    _one_spelling,
    read_targets,
)

WORDS = st.text("abcXYZ019._-", min_size=1, max_size=12)


@settings(max_examples=40)
@given(WORDS, WORDS, st.none() | st.integers(1, 65535), st.sampled_from(["/", "~/"]), st.text())
def test_an_ssh_host_and_its_folder_are_told_apart(
    user: str, host: str, port: int | None, root: str, rest: str
) -> None:
    folder = root + rest.replace("\n", "")
    address = f"{user}@{host}" + (f":{port}" if port else "")
    assert TargetSettings(place=f"{address}:{folder}").ssh == (address, folder)


@pytest.mark.parametrize(
    "place", ["models", "./user@box", "/mnt/share/user@box/models", "C:\\models", "\\\\nas\\models"]
)
def test_all_else_is_a_folder(place: str) -> None:
    assert TargetSettings(place=place).ssh is None


@pytest.mark.parametrize(
    "place",
    [
        *("user@box", "user@box:models", "user@box:22", "user@box:22:x"),
        *("box:/models", "gaming-pc:~/models", "10.0.0.2:22:/models"),
    ],
)
def test_a_host_without_a_whole_path_is_refused(place: str) -> None:
    with pytest.raises(TargetError, match="not the folder of an SSH host"):
        _ = TargetSettings(place=place).ssh


def test_one_place_has_one_key_however_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    here = TargetSettings(place="models")
    assert here.key == TargetSettings(place=str(tmp_path / "models"), python="python3.12").key
    assert here.key != TargetSettings(place="models2").key
    assert here.key == TargetSettings(place="./models/").key


@pytest.mark.parametrize(
    "place",
    [
        "a@b:22:/c/d",
        "a@b:022:/c/d",
        "a@B:/c/d",
        "a@b:/c/d/",
        "a@b:/c//d",
        "a@b:/c/./d",
        "a@b://c/d",
    ],
)
def test_a_place_behind_ssh_has_one_key_too(place: str) -> None:
    assert TargetSettings(place=place).key == TargetSettings(place="a@b:/c/d").key


@pytest.mark.parametrize(
    "place",
    [
        *("A@b:/c/d", "a@b:23:/c/d", "a@c:/c/d", "a@b:/c/D", "a@b:/c-d", "a@b:/c"),
        # What these are, the host alone knows.
        *("a@b:~/c/d", "a@b:/x/../c/d", "a@b.lan:/c/d"),
    ],
)
def test_what_may_be_another_place_has_another_key(place: str) -> None:
    assert TargetSettings(place=place).key != TargetSettings(place="a@b:/c/d").key


@settings(max_examples=40)
@given(WORDS, WORDS, st.sampled_from(["/", "~/"]), st.text("ab/.~ "), st.sampled_from(["", ":22"]))
def test_a_spelling_that_stands_for_others_stands_for_itself(
    user: str, host: str, root: str, rest: str, port: str
) -> None:
    once = _one_spelling(f"{user}@{host}{port}", root + rest)
    again = TargetSettings(place=once if not once.endswith(":~") else f"{once}/").ssh
    assert again is not None
    assert _one_spelling(*again) == once


def test_a_python_without_a_folder_is_looked_for_in_path() -> None:
    named = TargetSettings(place="models", python="python3.12").with_absolute_paths()
    assert named.python == "python3.12"


def test_targets_have_names(tmp_path: Path) -> None:
    file = tmp_path / "deploy.yaml"
    assert read_targets(file) == ()
    file.write_text("targets:\n  bot:\n    place: a@b:/c\n    game: aoe2\n", "utf-8")
    (bot,) = read_targets(file)
    assert (bot.name, bot.settings.game, bot.settings.ssh) == ("bot", "aoe2", ("a@b", "/c"))
    file.write_text("", "utf-8")
    assert read_targets(file) == ()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("targets: {bot: {game: aoe2}}", "targets.bot.place: Field required"),
        ("targets: {bot: {place: a, pythn: p}}", "targets.bot.pythn"),
        ("targets: {a/b: {place: a}}", "targets.a/b"),
        ("target: {}", "target: Extra"),
        ("targets: [", "cannot be read"),
        ("targets: &a [*a]", "cannot be read"),
    ],
)
def test_what_no_target_has_is_refused(tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / "deploy.yaml").write_text(content, "utf-8")
    with pytest.raises(TargetError) as caught:
        read_targets(tmp_path / "deploy.yaml")
    assert said in caught.value.problem
