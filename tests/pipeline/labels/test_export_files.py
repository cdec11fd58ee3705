from __future__ import annotations

import stat
import zipfile
from pathlib import Path

import pytest

from pipeline.labels.formats import cvat_export as export_files
from pipeline.labels.formats.cvat_export import ExportError, digest_of_export, open_export


def archive(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as target:
        for name, content in members.items():
            target.writestr(name, content)
    return path


def test_a_folder_and_its_archive_hold_the_same_files(tmp_path: Path) -> None:
    members = {"annotations/a.json": b"{}", "images/default/b.png": b"1"}
    folder = tmp_path / "folder"
    for name, content in members.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    for path in (folder, archive(tmp_path / "a.zip", members)):
        with open_export(path) as files:
            assert {name: files.read(name) for name in files.names} == members


@pytest.mark.parametrize("name", ["../evil.json", "a/../../evil", "/etc/evil", "C:/evil"])
def test_names_that_leave_the_archive_are_refused(tmp_path: Path, name: str) -> None:
    path = archive(tmp_path / "a.zip", {name: b"x"})
    with pytest.raises(ExportError, match="points out of the archive"), open_export(path):
        pass


def test_links_in_an_archive_are_refused(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("images/link.png")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as target:
        target.writestr(link, "/etc/passwd")
    with pytest.raises(ExportError, match="points out"), open_export(tmp_path / "a.zip"):
        pass


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as target:
        target.writestr("x.json", "1")
        target.writestr("x.json", "2")
    with pytest.raises(ExportError, match="more than once"), open_export(tmp_path / "a.zip"):
        pass


def test_a_file_beyond_any_screenshot_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export_files, "MAX_FILE_BYTES", 1000)
    bomb = tmp_path / "a.zip"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as target:
        target.writestr("images/a.png", bytes(100_000))
    with pytest.raises(ExportError, match="large"), open_export(bomb):
        pass


def test_an_archive_that_is_cut_off_says_to_copy_it_again(tmp_path: Path) -> None:
    whole = archive(tmp_path / "a.zip", {"images/a.png": bytes(5000)})
    whole.write_bytes(whole.read_bytes()[:3000])
    with pytest.raises(ExportError, match="Copy the file again"), open_export(whole):
        pass


def test_a_damaged_member_is_named(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.zip", {"images/a.png": bytes(5000)})
    content = bytearray(path.read_bytes())
    content[1000] ^= 0xFF
    path.write_bytes(content)
    with (
        open_export(path) as files,
        pytest.raises(ExportError, match=r"images/a\.png cannot be unpacked"),
    ):
        files.read("images/a.png")


@pytest.mark.parametrize("content", [None, b"not a zip"])
def test_something_else_is_no_export(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "a.zip"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ExportError), open_export(path):
        pass


def test_a_folders_digest_follows_its_content(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_text("1")
    before = digest_of_export(tmp_path)
    file.write_text("2")
    assert digest_of_export(tmp_path) != before
