"""A folder as an object store: whatever moment a writer is killed at, and what others see."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resources.object_store import folder
from resources.object_store.base import ObjectStoreError
from resources.object_store.folder import FolderStore

DANGEROUS = ((os, "fsync"), (os, "link"), (Path, "replace"), (Path, "unlink"), (Path, "mkdir"))


class KilledError(BaseException):
    """The process ends here; what would clean up after an error does nothing either."""


@contextmanager
def killed_at(step: int) -> Iterator[list[str]]:
    """From the step-th call on that changes the disk, nothing is done any more."""
    calls: list[str] = []
    originals = [getattr(place, name) for place, name in DANGEROUS]

    def deadly(name: str, original: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **options: Any) -> Any:
            calls.append(name)
            if len(calls) > step:
                raise KilledError
            return original(*args, **options)

        return call

    for (place, name), original in zip(DANGEROUS, originals, strict=True):
        setattr(place, name, deadly(name, original))
    try:
        yield calls
    finally:
        for (place, name), original in zip(DANGEROUS, originals, strict=True):
            setattr(place, name, original)


def files_of(folder: Path) -> dict[str, bytes]:
    """What a web server would show."""
    return {
        file.relative_to(folder).as_posix(): file.read_bytes()
        for file in folder.rglob("*")
        if file.is_file() and not any(p.startswith(".") for p in file.relative_to(folder).parts)
    }


@pytest.mark.parametrize("step", range(16))
def test_a_writer_that_is_killed_leaves_the_old_or_the_new_object(
    tmp_path: Path, step: int
) -> None:
    store = FolderStore(tmp_path / "store")
    tag = store.put_if_absent("a/key", b"old") or ""
    survived = False
    try:
        with killed_at(step):
            store.put_if_match("a/key", b"new", tag)
            survived = True
    except KilledError:
        pass
    shown = files_of(store.root)
    assert shown in ({"a/key": b"old"}, {"a/key": b"new"})
    found = store.get("a/key")
    assert found is not None
    assert found.content in (b"old", b"new")
    # Whoever has read it through the store has brought the file up to it.
    assert files_of(store.root) == {"a/key": found.content}
    assert [one.key for one in store.listing()] == ["a/key"]
    assert store.put_if_match("a/key", b"next", found.tag) is not None
    assert files_of(store.root) == {"a/key": b"next"}
    assert survived == (step == 15), "there are as many steps as are tried"


@pytest.mark.parametrize("step", range(6))
def test_a_new_object_is_there_whole_or_not_at_all(tmp_path: Path, step: int) -> None:
    store = FolderStore(tmp_path / "store")
    source = tmp_path / "source"
    source.write_bytes(b"content" * 1000)
    for number, write in enumerate(
        (
            lambda key: store.put_if_absent(key, b"content" * 1000),
            lambda key: store.upload(key, source),
        )
    ):
        try:
            with killed_at(step):
                write(f"key{number}")
        except KilledError:
            pass
    assert set(files_of(store.root).values()) <= {b"content" * 1000}
    for number in range(2):
        store.put_if_absent(f"key{number}", b"content" * 1000)
    assert set(files_of(store.root)) == {"key0", "key1"}


def test_a_late_writer_brings_the_file_up_to_the_newest(tmp_path: Path) -> None:
    """One sleeps between its number and the file while another one goes on."""
    store = FolderStore(tmp_path)
    tag = store.put_if_absent("key", b"0") or ""
    with pytest.raises(KilledError), killed_at(8):
        store.put_if_match("key", b"1", tag)
    assert files_of(tmp_path) == {"key": b"0"}
    found = store.get("key")
    assert found is not None
    store.put_if_match("key", b"2", found.tag)
    store._show("key")  # the sleeper goes on
    assert files_of(tmp_path) == {"key": b"2"}


def test_a_writer_who_is_overtaken_shows_what_has_overtaken_him(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One sleeps between looking for the highest number and replacing the file, without a lock."""
    store = FolderStore(tmp_path)
    monkeypatch.setattr(folder, "_locked", lambda _file: nullcontext())
    tag = store.put_if_absent("key", b"0") or ""
    replace = folder._replace

    def overtaken(file: Path, content: bytes) -> None:
        monkeypatch.undo()
        found = store.get("key")
        assert found is not None
        store.put_if_match("key", b"2", found.tag)
        replace(file, content)

    monkeypatch.setattr(folder, "_replace", overtaken)
    store.put_if_match("key", b"1", tag)
    assert files_of(tmp_path) == {"key": b"2"}


def test_who_reads_the_file_never_sees_it_go_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One who mends what a killed writer has left is overtaken by another writer."""
    store, shown = FolderStore(tmp_path), []
    tag = store.put_if_absent("key", b"0") or ""
    with pytest.raises(KilledError), killed_at(8):
        store.put_if_match("key", b"1", tag)
    newest = store._newest("key")
    assert newest is not None
    other = threading.Thread(target=store.put_if_match, args=("key", b"2", newest[1].tag))
    replace = folder._replace

    def slow(file: Path, content: bytes) -> None:
        if other.ident is None:
            other.start()
            other.join(0.2)
        replace(file, content)
        shown.append(content)

    monkeypatch.setattr(folder, "_replace", slow)
    store.get("key")
    other.join()
    assert shown == [b"1", b"2"]


def test_a_program_that_hangs_holds_nobody_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = FolderStore(tmp_path)
    tag = store.put_if_match("key", b"1", store.put_if_absent("key", b"0") or "") or ""
    monkeypatch.setattr(folder, "PATIENCE", 0.0)
    with folder._locked(tmp_path / ".replaced" / "key" / folder.LOCK_FILE):
        store.put_if_match("key", b"2", tag)
    assert files_of(tmp_path) == {"key": b"2"}


def test_an_object_whose_file_is_lost_is_not_absent(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    store.put_if_match("key", b"1", store.put_if_absent("key", b"0") or "")
    (tmp_path / "key").unlink()
    assert store.put_if_absent("key", b"other") is None
    found = store.get("key")
    assert found is not None
    assert found.content == b"1"
    assert files_of(tmp_path) == {"key": b"1"}


def test_what_disappears_after_it_was_read_is_what_was_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, newest = FolderStore(tmp_path), FolderStore._newest
    store.put_if_absent("key", b"0")

    def disappearing(self: FolderStore, key: str) -> Any:
        found = newest(self, key)
        (tmp_path / "key").unlink()
        return found

    monkeypatch.setattr(FolderStore, "_newest", disappearing)
    found = store.get("key")
    assert found is not None
    assert found.content == b"0"


@pytest.mark.skipif(os.name == "nt", reason="Windows lets few people make links")
def test_what_disappears_while_it_is_listed_is_passed_over(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    store.put_if_absent("key", b"0")
    (tmp_path / "gone").symlink_to(tmp_path / "nothing")
    assert [one.key for one in store.listing()] == ["key"]


@settings(max_examples=10, deadline=None)
@given(contents=st.lists(st.sampled_from([b"a", b"b"]), min_size=1, max_size=6), data=st.data())
def test_a_tag_is_good_once_whatever_the_bytes_are(
    contents: list[bytes], data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    store = FolderStore(tmp_path_factory.mktemp("store"))
    tags = [store.put_if_absent("key", b"a")]
    for content in contents:
        tags.append(store.put_if_match("key", content, str(tags[-1])))
    assert len(set(tags)) == len(tags)
    old = data.draw(st.sampled_from(tags[:-1]))
    assert store.put_if_match("key", b"late", str(old)) is None


WRITER = """
import sys
from pathlib import Path
from resources.object_store.folder import FolderStore

store = FolderStore(Path(sys.argv[1]))
for _ in range(int(sys.argv[2])):
    while True:
        found = store.get("counter")
        if store.put_if_match("counter", str(int(found.content) + 1).encode(), found.tag):
            break
"""


@pytest.mark.slow
def test_processes_lose_no_increment(tmp_path: Path) -> None:
    FolderStore(tmp_path).put_if_absent("counter", b"0")
    words = [sys.executable, "-c", WRITER, str(tmp_path), "15"]
    processes = [subprocess.Popen(words, cwd=Path(__file__).parents[3]) for _ in range(3)]
    assert [process.wait(60) for process in processes] == [0, 0, 0]
    assert (tmp_path / "counter").read_bytes() == b"45"


def test_who_may_only_read_sees_the_newest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = FolderStore(tmp_path)
    tag = store.put_if_absent("a/b", b"old")
    assert tag is not None
    assert store.put_if_match("a/b", b"new", tag) is not None
    (tmp_path / "a" / "b").write_bytes(b"old")  # its writer was killed

    def read_only(_file: Path, _content: bytes) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr("resources.object_store.folder._replace", read_only)
    found = store.get("a/b")
    assert found is not None
    assert found.content == b"new"


def test_a_folder_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ObjectStoreError, match="cannot be used") as raised:
        FolderStore(tmp_path / "file" / "store").put_if_absent("key", b"")
    assert "may write" in raised.value.fix
