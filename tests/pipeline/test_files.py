from __future__ import annotations

import json
import os
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.files import make_room, replacing, write_json, write_once, write_text

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner),
    max_leaves=10,
)


def test_json_has_sorted_keys_and_ends_its_lines_with_lf(tmp_path: Path) -> None:
    write_json(tmp_path / "value.json", {"b": [1, "é"], "a": None})
    expected = '{\n "a": null,\n "b": [\n  1,\n  "é"\n ]\n}\n'
    assert (tmp_path / "value.json").read_bytes() == expected.encode()
    write_json(tmp_path / "value.json", {"a": 1}, indent=2)
    assert (tmp_path / "value.json").read_bytes() == b'{\n  "a": 1\n}\n'
    write_json(tmp_path / "value.json", {"é": 1}, ascii_only=True)
    assert (tmp_path / "value.json").read_bytes() == b'{\n "\\u00e9": 1\n}\n'


def test_text_is_written_as_it_is(tmp_path: Path) -> None:
    write_text(tmp_path / "text.txt", "é\nlast")
    assert (tmp_path / "text.txt").read_bytes() == b"\xc3\xa9\nlast"


@given(VALUES)
def test_json_is_read_as_what_was_written(
    tmp_path_factory: pytest.TempPathFactory, value: object
) -> None:
    file = tmp_path_factory.getbasetemp() / "value.json"
    write_json(file, value)
    assert json.loads(file.read_text("utf-8")) == value


def test_a_file_is_replaced_and_its_folder_made(tmp_path: Path) -> None:
    file = tmp_path / "new" / "folder" / "file.txt"
    for text in ("old", "new"):
        with replacing(file) as fresh:
            fresh.write_text(text)
        assert file.read_text() == text
    assert list(file.parent.iterdir()) == [file]


@pytest.mark.parametrize("name", [".", "folder", "/"])
def test_a_folder_is_not_replaced_by_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("folder").mkdir()
    for attempt in (make_room, lambda file: replacing(file).__enter__()):
        with pytest.raises(IsADirectoryError):
            attempt(Path(name))
    assert list(tmp_path.iterdir()) == [tmp_path / "folder"]


@pytest.mark.parametrize("begun", [True, False])
def test_after_an_error_the_old_file_is_still_there_and_nothing_else(
    tmp_path: Path, begun: bool
) -> None:
    file = tmp_path / "file.txt"
    file.write_text("old")
    with pytest.raises(KeyError), replacing(file) as fresh:
        if begun:
            fresh.write_text("half")
        raise KeyError
    assert file.read_text() == "old"
    assert list(tmp_path.iterdir()) == [file]


def test_what_nobody_wrote_replaces_nothing(tmp_path: Path) -> None:
    file = tmp_path / "file.txt"
    file.write_text("old")
    with pytest.raises(FileNotFoundError), replacing(file):
        pass
    assert file.read_text() == "old"


def test_of_many_who_write_at_once_one_is_read_whole(tmp_path: Path) -> None:
    file = tmp_path / "file.txt"
    texts = [str(number) * 50_000 for number in range(8)]

    def write(text: str) -> None:
        for _ in range(10):
            with replacing(file) as fresh:
                fresh.write_text(text)

    write(texts[0])
    threads = [threading.Thread(target=write, args=(text,)) for text in texts]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        assert file.read_text() in texts
    for thread in threads:
        thread.join()
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("links", [True, False], ids=["with links", "without links"])
def test_what_is_written_once_is_written_by_the_first_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    def refuse(*_: object) -> None:
        raise OSError("this disk has no hard links")

    if not links:
        monkeypatch.setattr("os.link", refuse)
    file = tmp_path / "token"

    assert write_once(file, b"first", private=False)
    assert not write_once(file, b"second", private=False)

    assert file.read_bytes() == b"first"
    assert {found.name for found in tmp_path.iterdir()} <= {"token", ".token.lock"}


def test_without_hard_links_a_file_is_never_seen_before_it_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that is killed, or another that looks meanwhile, would find it empty for ever."""
    seen = []

    def refuse(*_: object) -> None:
        raise OSError("this disk has no hard links")

    def killed(_self: Path, target: Path) -> None:
        seen.append(target.exists())
        raise KeyboardInterrupt

    monkeypatch.setattr("os.link", refuse)
    monkeypatch.setattr(Path, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        write_once(tmp_path / "token", b"all of it", private=False)
    assert seen == [False]
    assert not (tmp_path / "token").exists()


@pytest.mark.skipif(os.name == "nt", reason="has no modes")
@pytest.mark.parametrize(("private", "mode"), [(True, 0o600), (False, 0o640)])
def test_only_what_is_private_is_kept_from_others(tmp_path: Path, private: bool, mode: int) -> None:
    before = os.umask(0o027)
    try:
        write_once(tmp_path / "file", b"content", private=private)
    finally:
        os.umask(before)

    assert (tmp_path / "file").stat().st_mode & 0o777 == mode
