"""What lies in the exports folder: names, precedence, and when an export has changed."""

import os
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.labels.formats.cvat_export import ExportError, digest_of_export
from resources.exports import Exports
from resources.exports.base import ExportMissingError, ExportSourceError
from resources.exports.folder import DroppedExport
from resources.paths import Paths

ANNOTATIONS = "annotations/instances_default.json"


@pytest.fixture
def exports(tmp_path: Path) -> Exports:
    folder = tmp_path / "exports"
    folder.mkdir()
    return Exports(paths=Paths.below(tmp_path), folder=str(folder))


def archive(path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as target:
        target.writestr(ANNOTATIONS, "{}")
    return path


def unpacked(path: Path) -> Path:
    (path / "annotations").mkdir(parents=True)
    (path / ANNOTATIONS).write_text("{}")
    return path


def chosen(exports: Exports) -> dict[str, str]:
    return {export.batch: export.name for export in exports.exports("demo")}


def test_exports_are_named_after_their_files(exports: Exports) -> None:
    folder = exports.path("demo")
    archive(folder / "my batch (2).zip")
    archive(folder / "v1.2.zip")
    unpacked(folder / "plain")
    assert chosen(exports) == {
        "my_batch_2_": "my batch (2).zip",
        "plain": "plain",
        "v1.2": "v1.2.zip",
    }


def test_hidden_and_other_files_are_no_exports(exports: Exports) -> None:
    folder = exports.path("demo")
    archive(folder / ".hidden.zip")
    archive(folder / "batch.zip.part")
    unpacked(folder / ".git")
    assert exports.exports("demo") == ()


def test_a_suffix_in_capitals_is_one(exports: Exports) -> None:
    archive(exports.path("demo") / "BATCH.ZIP")
    assert chosen(exports) == {"BATCH": "BATCH.ZIP"}
    assert exports.export("demo", "BATCH").has_arrived


def test_an_archive_goes_before_its_unpacked_self(exports: Exports) -> None:
    folder = exports.path("demo")
    unpacked(folder / "a")
    archive(folder / "a.zip")
    assert chosen(exports) == {"a": "a.zip"}
    assert exports.export("demo", "a").name == "a.zip"
    (passed,) = exports.listing("demo").passed_over
    assert (passed.batch, passed.name, passed.chosen) == ("a", "a", "a.zip")


def test_of_two_archives_with_one_batch_name_the_first_is_taken(exports: Exports) -> None:
    folder = exports.path("demo")
    archive(folder / "a_b.zip")
    archive(folder / "a b.zip")
    assert chosen(exports) == {"a_b": "a b.zip"}
    (passed,) = exports.listing("demo").passed_over
    assert "a_b.zip is passed over" in str(passed)
    assert "a b.zip" in str(passed)


def test_nothing_is_passed_over_where_names_differ(exports: Exports) -> None:
    archive(exports.path("demo") / "a.zip")
    unpacked(exports.path("demo") / "b")
    assert exports.listing("demo").passed_over == ()


@pytest.mark.parametrize(
    ("file", "has_arrived"),
    [
        (ANNOTATIONS, True),
        (f"task/{ANNOTATIONS}", True),
        (f"task/task/{ANNOTATIONS}", True),
        ("task/obj.names", True),
        ("task/instances_default.json", False),
        (f"__MACOSX/{ANNOTATIONS}", False),
        ("images/default/a.png", False),
    ],
)
def test_a_folder_has_arrived_with_its_annotations_at_whatever_depth(
    exports: Exports, file: str, has_arrived: bool
) -> None:
    """Windows' "Extract all" makes a folder of the archive's name around what is inside.

    A YOLO export has arrived too: reading it says why it is refused.
    """
    placed = exports.path("demo") / "task" / file
    placed.parent.mkdir(parents=True)
    placed.write_text("{}")
    assert exports.export("demo", "task").has_arrived is has_arrived


def test_an_export_that_is_gone_is_named(exports: Exports) -> None:
    with pytest.raises(ExportMissingError, match="'gone'"):
        exports.export("demo", "gone")


def test_a_folder_that_does_not_exist_holds_no_exports(tmp_path: Path) -> None:
    absent = Exports(paths=Paths.below(tmp_path / "absent"))
    assert absent.exports("demo") == ()
    assert absent.listing("demo").passed_over == ()


def test_a_folders_stamp_changes_with_every_file_below_it(exports: Exports) -> None:
    folder = unpacked(exports.path("demo") / "a")
    export = DroppedExport(folder)
    stamps = [export.stamp]
    top = folder.stat()
    (folder / ANNOTATIONS).write_text('{"images": []}')
    os.utime(folder, ns=(top.st_atime_ns, top.st_mtime_ns))
    stamps.append(export.stamp)
    (folder / "images/default").mkdir(parents=True)
    (folder / "images/default/a.png").write_bytes(b"image")
    stamps.append(export.stamp)
    earlier = (folder / "images/default/a.png").stat()
    os.utime(folder / "images/default/a.png", ns=(earlier.st_atime_ns, earlier.st_mtime_ns + 1))
    stamps.append(export.stamp)
    shutil.rmtree(folder / "images")
    stamps.append(export.stamp)
    assert len(set(stamps)) == 4
    assert stamps[4] == stamps[1]


def test_an_archives_stamp_changes_when_it_is_replaced(exports: Exports) -> None:
    file = archive(exports.path("demo") / "a.zip")
    export = DroppedExport(file)
    before = export.stamp
    assert export.stamp == before
    with zipfile.ZipFile(file, "a") as target:
        target.writestr("images/default/a.png", b"image")
    assert export.stamp != before


def test_what_a_file_manager_adds_to_retired_exports_does_no_harm(exports: Exports) -> None:
    folder = exports.path("demo")
    archive(folder / "a.zip")
    archive(folder / "b.zip")
    exports.retire("demo", "a")
    (folder / ".retired" / ".DS_Store").touch()
    (folder / ".retired" / "1" / ".DS_Store").touch()
    exports.retire("demo", "b")
    assert [export.batch for export in exports.retired("demo")] == ["a", "b"]
    exports.restore("demo", "a")
    assert [export.batch for export in exports.retired("demo")] == ["b"]
    assert chosen(exports) == {"a": "a.zip"}


def test_a_link_to_nothing_does_not_stop_the_stamp(exports: Exports) -> None:
    folder = unpacked(exports.path("demo") / "a")
    try:
        (folder / "dangling").symlink_to(folder / "nowhere")
    except OSError:
        pytest.skip("links need a right here")
    assert DroppedExport(folder).stamp


def test_retired_exports_in_a_folder_that_lets_nobody_look_are_passed_over(
    exports: Exports, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive(exports.path("demo") / "a.zip")
    exports.retire("demo", "a")

    def refuse(folder: Path) -> None:
        raise PermissionError(13, "Permission denied", str(folder))

    monkeypatch.setattr(Path, "iterdir", refuse)
    assert exports.retired("demo") == ()


def test_a_folder_that_lets_nobody_write_is_told_and_loses_nothing(
    exports: Exports, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive(exports.path("demo") / "a.zip")
    archive(exports.path("demo") / "b.zip")
    exports.retire("demo", "b")

    def refuse(file: Path, target: Path) -> None:
        raise PermissionError(13, "Permission denied", str(file))

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(ExportSourceError, match="cannot be changed: Permission denied"):
        exports.retire("demo", "a")
    with pytest.raises(ExportSourceError, match="cannot be changed: Permission denied"):
        exports.restore("demo", "b")
    assert chosen(exports) == {"a": "a.zip"}
    assert [export.batch for export in exports.retired("demo")] == ["b"]


@pytest.mark.parametrize("make", [archive, unpacked])
def test_an_export_that_may_not_be_read_says_so_when_it_is_read(
    exports: Exports, monkeypatch: pytest.MonkeyPatch, make: Callable[[Path], Path]
) -> None:
    """And it is read anew once somebody gets the right."""
    export = DroppedExport(make(exports.path("demo") / "a.zip"))
    allowed, digest = export.stamp, digest_of_export(export.path)
    with monkeypatch.context() as refused:
        refuse_to_read(refused)
        assert export.has_arrived
        assert export.stamp == export.stamp != allowed
        assert export.differs_from(digest)
        with pytest.raises(ExportError, match=r"cannot be read: Permission denied\.") as raised:
            digest_of_export(export.fetch())
        assert str(export.path) in raised.value.problem
    assert export.stamp == allowed
    assert not export.differs_from(digest)


def refuse_to_read(patch: pytest.MonkeyPatch) -> None:
    """As a system does that knows rights; who runs tests may be allowed everything."""

    def refuse(file: Path, *_: object, **_named: object) -> None:
        raise PermissionError(13, "Permission denied", str(file))

    patch.setattr(os, "access", lambda *_: False)
    patch.setattr(Path, "open", refuse)
    patch.setattr(zipfile, "is_zipfile", lambda _: False)
