"""Thresholds are written into a pack, and nothing else of it changes."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.games.editing import PackEdit, edit_thresholds
from pipeline.games.pack import PACKS_FOLDER, PackError, load_pack

DEMO = load_pack("demo")


def copied(folder: Path, name: str = "demo") -> Path:
    """A pack of somebody's own."""
    return Path(shutil.copytree(PACKS_FOLDER / name, folder / "mine"))


def lines_changed(edit: PackEdit) -> tuple[list[str], list[str]]:
    before, after = (text.decode().splitlines() for text in (edit.before, edit.after))
    return [x for x in before if x not in after], [x for x in after if x not in before]


def test_one_value_changes_and_all_comments_stay(tmp_path: Path) -> None:
    pack = copied(tmp_path, "aoe2")
    edit = edit_thresholds(pack, {"sheep": 0.45})
    assert lines_changed(edit) == (["    sheep: 0.20"], ["    sheep: 0.45"])
    assert (pack / "pack.yaml").read_bytes() == edit.before, "it is only planned"
    edit.write()
    rules = load_pack(pack).thresholds
    assert (rules.per_class["sheep"], rules.per_class["mill"], rules.default) == (0.45, 0.55, 0.35)
    assert [file.name for file in pack.glob("*.tmp")] == []


def written(folder: Path, thresholds: str, end: str = "\n") -> Path:
    """A pack whose thresholds are written in some way, after a comment and before another key."""
    pack = copied(folder, "demo")
    text = (pack / "pack.yaml").read_text("utf-8")
    kept = text.replace("thresholds:\n  default: 0.25\n", thresholds)
    assert "\nthresholds:\n  default: 0.25\n" not in kept
    (pack / "pack.yaml").write_bytes(kept.replace("\n", end).encode())
    return pack


@pytest.mark.parametrize(
    ("thresholds", "end"),
    [
        ("", "\n"),
        ("thresholds: {default: 0.3}\n", "\n"),
        ("thresholds: {}\n", "\r\n"),
        ("thresholds:\n  per_class: {house: 0.5}  # measured\n  default: 0.3\n", "\n"),
        ("thresholds:\n      # less than others\n      default:   0.3\n", "\r\n"),
        ('"thresholds":\n  "per_class":\n    "house": 5.0e-1 # measured\n', "\n"),
    ],
)
def test_however_thresholds_are_written_the_rest_stays(
    tmp_path: Path, thresholds: str, end: str
) -> None:
    pack = written(tmp_path, thresholds, end)
    edit = edit_thresholds(pack, {"house": 0.4, "mill": 0.6})
    edit.write()
    after = load_pack(pack)
    assert after.thresholds.per_class == {"house": 0.4, "mill": 0.6}
    assert after.thresholds.default == (0.3 if "0.3" in thresholds else 0.35)
    assert after.annotation == DEMO.annotation
    text = (pack / "pack.yaml").read_bytes().decode()
    for comment in ("# The same man", "# The built-in game", "# measured", "# less than others"):
        assert (comment in text) == (comment in edit.before.decode())
    assert text.count("\r\n") == (text.count("\n") if end == "\r\n" else 0)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        # The comment is that of the next key.
        (
            "thresholds:\n  default: 0.3   # all\n\n# The same man\nannotation:   {}\n",
            "thresholds:\n  default: 0.3   # all\n  per_class:\n    house: 0.4\n    mill: 0.6\n"
            "\n# The same man\nannotation:   {}\n",
        ),
        (
            "thresholds:\n    per_class:\n        house:  0.50 # no\n    # all\n    default: 0.3",
            "thresholds:\n    per_class:\n        house:  0.4 # no\n        mill: 0.6\n    # all\n"
            "    default: 0.3",
        ),
        (
            "thresholds: { per_class: { mill: 1, }, default: 0.3 }  # in one line",
            "thresholds: { per_class: { mill: 0.6, house: 0.4, }, default: 0.3 }  # in one line",
        ),
        (
            "annotation: {}   \n# the end\n",
            "annotation: {}   \nthresholds:\n  per_class:\n    house: 0.4\n    mill: 0.6\n"
            "# the end\n",
        ),
    ],
)
def test_every_other_character_stays(tmp_path: Path, before: str, after: str) -> None:
    pack = copied(tmp_path)
    end = "\r\n"
    head = "---\nname:   demo\ntitle: 'A  game'\ndrawn: yes\n"
    (pack / "pack.yaml").write_bytes((head + before).replace("\n", end).encode())
    edit = edit_thresholds(pack, {"house": 0.4, "mill": 0.6})
    assert edit.after.decode() == (head + after).replace("\n", end)


CONFIDENCES = st.integers(0, 1000).map(lambda value: value / 1000)


@settings(max_examples=10, deadline=None)
@given(chosen=st.dictionaries(st.sampled_from(DEMO.class_names), CONFIDENCES))
def test_what_is_written_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, chosen: dict[str, float]
) -> None:
    pack = copied(tmp_path_factory.mktemp("pack"))
    edit_thresholds(pack, chosen).write()
    after = load_pack(pack)
    assert after.thresholds.per_class == chosen
    assert after.model_copy(update={"thresholds": DEMO.thresholds}) == DEMO


def test_a_pack_of_outpost_is_left_alone() -> None:
    for name in ("demo", PACKS_FOLDER / "demo"):
        with pytest.raises(PackError) as refusal:
            edit_thresholds(name, {"house": 0.4})
        assert "comes with Outpost" in refusal.value.problem
        assert "--game" in refusal.value.fix


def test_a_file_that_is_marked_as_read_only_is_not_replaced(tmp_path: Path) -> None:
    pack = copied(tmp_path)
    (pack / "pack.yaml").chmod(0o444)
    with pytest.raises(PackError, match="read-only"):
        edit_thresholds(pack, {"house": 0.4})


def test_what_somebody_has_changed_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    pack = copied(tmp_path)
    edit = edit_thresholds(pack, {"house": 0.4})
    file = pack / "pack.yaml"
    file.write_text(file.read_text("utf-8") + "# mine\n", "utf-8")
    with pytest.raises(PackError, match="changed meanwhile"):
        edit.write()
    assert file.read_text("utf-8").endswith("# mine\n")
    file.unlink()
    with pytest.raises(PackError, match="cannot be written"):
        edit.write()


def test_yaml_that_two_readers_understand_differently_is_left_to_its_owner(tmp_path: Path) -> None:
    pack = written(tmp_path, "thresholds:\n  default: 0.3\n  default: 0.4\n")
    before = (pack / "pack.yaml").read_bytes()
    with pytest.raises(PackError) as refusal:
        edit_thresholds(pack, {"house": 0.4})
    assert "by hand, under thresholds.per_class" in refusal.value.fix
    assert (pack / "pack.yaml").read_bytes() == before


def test_what_a_merge_key_says_is_left_to_its_owner(tmp_path: Path) -> None:
    """Thresholds of one's own would hide all of those that it brings."""
    pack = written(tmp_path, "thresholds:\n  <<: {per_class: {mill: 0.7}}\n  default: 0.3\n")
    with pytest.raises(PackError) as refusal:
        edit_thresholds(pack, {"house": 0.4})
    assert "more than its thresholds would change" in refusal.value.problem


def test_who_may_read_the_file_stays(tmp_path: Path) -> None:
    pack = copied(tmp_path)
    file = pack / "pack.yaml"
    file.chmod(0o660)
    before = file.stat().st_mode
    edit_thresholds(pack, {"house": 0.4}).write()
    assert file.stat().st_mode == before


def test_a_linked_file_is_changed_where_it_lies(tmp_path: Path) -> None:
    pack = copied(tmp_path)
    kept = tmp_path / "kept.yaml"
    (pack / "pack.yaml").rename(kept)
    try:
        (pack / "pack.yaml").symlink_to(kept)
    except OSError:
        pytest.skip("this system lets nobody make links")
    edit_thresholds(pack, {"house": 0.4}).write()
    assert (pack / "pack.yaml").is_symlink()
    assert "house: 0.4" in kept.read_text("utf-8")
