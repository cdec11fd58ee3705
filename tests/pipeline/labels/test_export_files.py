from __future__ import annotations

import os
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


@pytest.mark.parametrize(
    "name",
    [
        "../evil.json",
        "a/../../evil",
        "/etc/evil",
        "C:/evil",
        "..\\evil",
        "a\\..\\..\\evil",
        "\\\\host\\evil",
    ],
)
def test_names_that_leave_the_archive_are_refused(tmp_path: Path, name: str) -> None:
    path = archive(tmp_path / "a.zip", {name: b"x"})
    with pytest.raises(ExportError, match="points out of the archive"), open_export(path):
        pass


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFBLK])
def test_links_and_devices_in_an_archive_are_refused(tmp_path: Path, kind: int) -> None:
    link = zipfile.ZipInfo("images/link.png")
    link.external_attr = (kind | 0o777) << 16
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


def bomb(path: Path, files: int, size: int) -> Path:
    """An archive of zeros, which shrink to a thousandth."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        for number in range(files):
            target.writestr(f"images/{number}.png", bytes(size))
    return path


def test_an_archive_that_unpacks_to_many_times_its_size_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = bomb(tmp_path / "a.zip", files=20, size=1_000_000)
    with open_export(path):
        pass  # Too little to do harm.
    monkeypatch.setattr(export_files, "UNSUSPECTED_BYTES", 10_000_000)
    with pytest.raises(ExportError, match="times its size"), open_export(path):
        pass


def test_images_and_annotations_are_no_bomb(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export_files, "UNSUSPECTED_BYTES", 1000)
    shape = b'{"id": 1, "image_id": 1, "category_id": 1, "bbox": [1.25, 2.5, 30.0, 40.0]}, '
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as target:
        target.writestr("annotations/instances_default.json", shape * 2000)
        target.writestr("images/default/a.png", os.urandom(2000))
    with open_export(tmp_path / "a.zip") as files:
        assert len(files.names) == 2


@pytest.mark.parametrize("kind", ["archive", "folder"])
def test_more_than_any_export_has_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    members = {"images/a.png": bytes(600), "images/b.png": bytes(600)}
    path = tmp_path / "folder"
    if kind == "archive":
        path = archive(tmp_path / "a.zip", members)
    else:
        (path / "images").mkdir(parents=True)
        for name, content in members.items():
            (path / name).write_bytes(content)
    monkeypatch.setattr(export_files, "MAX_TOTAL_BYTES", 1000)
    with pytest.raises(ExportError, match="at most 0 GiB"), open_export(path):
        pass
    monkeypatch.setattr(export_files, "MAX_FILES", 1)
    with pytest.raises(ExportError, match="holds 2 files"), open_export(path):
        pass


def test_the_limits_hold_100000_screenshots() -> None:
    assert export_files.MAX_FILES > 100_001
    assert export_files.MAX_TOTAL_BYTES > 100_000 * (10 << 20)
    assert export_files.MAX_TEXT_BYTES > 100_000 * 20 * 300


def test_an_archive_inside_an_archive_is_a_file_like_others(tmp_path: Path) -> None:
    inner = archive(tmp_path / "inner.zip", {"annotations/instances_default.json": b"{}"})
    outer = archive(tmp_path / "a.zip", {"inner.zip": inner.read_bytes()})
    with open_export(outer) as files:
        assert files.names == ("inner.zip",)


def test_a_link_that_leads_out_of_a_folder_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "export"
    (folder / "images").mkdir(parents=True)
    (folder / "images" / "a.png").write_bytes(b"1")
    (folder / "images" / "b.png").symlink_to(folder / "images" / "a.png")
    with open_export(folder) as files:
        assert files.names == ("images/a.png", "images/b.png")
    (tmp_path / "secret.png").write_bytes(b"2")
    (folder / "images" / "c.png").symlink_to(Path("..") / ".." / "secret.png")
    with pytest.raises(ExportError, match="leads out of the export"), open_export(folder):
        pass


def test_an_archive_that_is_cut_off_says_to_copy_it_again(tmp_path: Path) -> None:
    whole = archive(tmp_path / "a.zip", {"images/a.png": bytes(5000)})
    whole.write_bytes(whole.read_bytes()[:3000])
    with pytest.raises(ExportError, match="Copy the file again"), open_export(whole):
        pass


@pytest.mark.parametrize("change", ["a name that is no UTF-8", "an unknown version"])
def test_a_damaged_directory_is_no_readable_archive(tmp_path: Path, change: str) -> None:
    path = archive(tmp_path / "a.zip", {"images/b.png": b"1"})
    content = bytearray(path.read_bytes())
    entry = content.rfind(b"PK\x01\x02")
    if change == "an unknown version":
        content[entry + 6] = 255
    else:
        content[entry + 9] |= 0x08
        content[entry + 46] = 0xFF
    path.write_bytes(content)
    with pytest.raises(ExportError, match="not a readable zip"), open_export(path):
        pass


def test_backslashes_in_an_archive_are_read_as_slashes(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.zip", {"images\\": b"", "images\\default\\b.png": b"1"})
    with open_export(path) as files:
        assert files.names == ("images/default/b.png",)
        assert files.read("images/default/b.png") == b"1"
    path = archive(tmp_path / "b.zip", {"images\\b.png": b"1", "images/b.png": b"2"})
    with pytest.raises(ExportError, match="more than once"), open_export(path):
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
