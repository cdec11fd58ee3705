"""Folders: removed whole, measured, and dated by what last happened in them."""

import os
from pathlib import Path

from resources.files import last_touched, remove_tree, size_of


def tree(folder: Path) -> Path:
    (folder / "inner").mkdir(parents=True)
    (folder / "one").write_bytes(b"1")
    (folder / "inner" / "two").write_bytes(b"22")
    return folder


def test_a_tree_with_read_only_files_is_removed(tmp_path: Path) -> None:
    folder = tree(tmp_path / "tree")
    (folder / "inner" / "two").chmod(0o400)
    remove_tree(folder)
    assert not folder.exists()
    remove_tree(folder)


def test_removing_one_name_of_a_file_leaves_the_other_as_it_was(tmp_path: Path) -> None:
    folder, other = tree(tmp_path / "tree"), tmp_path / "other"
    os.link(folder / "one", other)
    other.chmod(0o444)
    remove_tree(folder)
    assert other.read_bytes() == b"1"
    if os.name != "nt":
        assert other.stat().st_mode & 0o777 == 0o444


def test_a_tree_is_as_large_as_its_files_and_as_young_as_the_youngest(tmp_path: Path) -> None:
    folder = tree(tmp_path / "tree")
    assert size_of(folder) == 3
    for path in (folder, folder / "one", folder / "inner"):
        os.utime(path, (1000, 1000))
    os.utime(folder / "inner" / "two", (2000, 2000))
    assert last_touched(folder) == 2000
