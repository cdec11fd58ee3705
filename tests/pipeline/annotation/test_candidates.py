"""Screenshots are told apart from each other and from labelled frames."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.annotation.annotation_batch import AnnotationBatchError
from pipeline.annotation.candidates import find_candidates, open_candidate, read_screenshots


def view(seed: int) -> Image.Image:
    """Smooth ground, another one for each seed."""
    rng = np.random.default_rng(seed)
    small = rng.integers(20, 235, (9, 16, 3), dtype=np.uint8)
    return Image.fromarray(small).resize((320, 180), Image.Resampling.BICUBIC)


def save(image: Image.Image, file: Path) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    image.save(file)
    return file


def read(folder: Path):  # type: ignore[no-untyped-def]
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    return read_screenshots(folder, files)


def test_one_of_each_view_is_kept(tmp_path: Path) -> None:
    for number in range(4):
        save(view(number), tmp_path / f"match_{number}.png")
    save(view(0), tmp_path / "again" / "match_9.png")
    moved = view(1)
    moved.paste((250, 10, 10), (100, 90, 108, 98))
    save(moved, tmp_path / "match_7.png")
    images, unreadable = read(tmp_path)
    assert unreadable == ()
    found = find_candidates(images, ())
    assert [one.source for one in found.screenshots] == [
        *("again/match_9.png", "match_1.png", "match_2.png", "match_3.png"),
    ]
    assert (found.duplicates, found.labelled) == (2, 0)
    assert found.sessions == ("match", "match", "match", "match")
    assert find_candidates(reversed(images), ()) == found


def test_what_a_labelled_frame_shows_is_left_out(tmp_path: Path) -> None:
    for number in range(3):
        save(view(number), tmp_path / "new" / f"{number}.png")
    save(view(2), tmp_path / "old" / "anything.jpg")
    images, _ = read(tmp_path / "new")
    labelled, _ = read(tmp_path / "old")
    found = find_candidates(images, [one.fingerprint for one in labelled])
    assert [one.source for one in found.screenshots] == ["0.png", "1.png"]
    assert (found.duplicates, found.labelled) == (0, 1)


def save_pan(folder: Path) -> None:
    """Forty frames of a camera that moves slowly."""
    wide = Image.fromarray(
        np.random.default_rng(5).integers(20, 235, (9, 80, 3), dtype=np.uint8)
    ).resize((1600, 180), Image.Resampling.BICUBIC)
    for number in range(40):
        part = wide.crop((number * 8, 0, number * 8 + 320, 180))
        save(part, folder / f"pan_{number:02d}.png")


def test_a_slow_pan_leaves_some_frames(tmp_path: Path) -> None:
    save_pan(tmp_path)
    images, _ = read(tmp_path)
    kept = find_candidates(images, ()).screenshots
    assert 3 <= len(kept) < 40


def test_whatever_is_left_out_is_like_one_that_is_kept_or_labelled(tmp_path: Path) -> None:
    save_pan(tmp_path)
    images, _ = read(tmp_path)
    for number in (1, 8, 12, 35):
        labelled = images[number].fingerprint
        found = find_candidates(images, [labelled])
        shown = [labelled, *(one.fingerprint for one in found.screenshots)]
        assert found.labelled > 1, "what is near the labelled one, too"
        assert [one for one in images if find_candidates([one], shown).screenshots] == []


def test_what_cannot_be_told_apart_is_one_only_where_the_files_are(tmp_path: Path) -> None:
    black = Image.new("RGB", (320, 180))
    for name in ("a.png", "b.png"):
        save(black, tmp_path / name)
    black.putpixel((9, 9), (255, 255, 255))
    save(black, tmp_path / "c.png")
    images, _ = read(tmp_path)
    assert images[0].thumbnail == images[2].thumbnail
    found = find_candidates(images, ())
    assert [one.source for one in found.screenshots] == ["a.png", "c.png"]
    assert found.duplicates == 1


def test_files_that_are_no_images_are_named(tmp_path: Path) -> None:
    save(view(0), tmp_path / "good.png")
    (tmp_path / "bad.png").write_bytes(b"nothing")
    (tmp_path / "cut.jpg").write_bytes(save(view(1), tmp_path / "x.jpg").read_bytes()[:900])
    (tmp_path / "empty.webp").write_bytes(b"")
    (tmp_path / "folder.png").mkdir()
    save(Image.new("RGB", (1, 1)), tmp_path / "dot.png")
    save(Image.new("RGB", (40_000, 2)), tmp_path / "line.png")
    save(Image.new("I;16", (64, 48), 9000), tmp_path / "deep.png")
    images, unreadable = read_screenshots(tmp_path, sorted(tmp_path.iterdir()))
    assert [one.source for one in images] == ["good.png", "x.jpg"]
    why = {one.source: one.why for one in unreadable}
    assert why.pop("cut.jpg").startswith("image file is truncated")
    # The same whenever and wherever they are read.
    assert why == {
        "bad.png": "it is empty or no image",
        "deep.png": "it has more than 8 bits a channel; save it with 8",
        "dot.png": "1x1 pixels are too few",
        "empty.webp": "it is empty or no image",
        "folder.png": os.strerror(errno.EISDIR),
        "line.png": "40000x2 pixels are more than any screen has",
    }


@pytest.mark.skipif(sys.platform != "linux", reason="others take no such name")
def test_a_name_that_is_no_text_is_told_of(tmp_path: Path) -> None:
    file = save(view(0), tmp_path / "good.png")
    file.rename(tmp_path / os.fsdecode(b"caf\xe9.png"))
    _, (one,) = read(tmp_path)
    assert (one.source, one.why) == ("caf\\udce9.png", "its name is not UTF-8")


def test_an_image_is_told_by_its_upright_file(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    view(0).save(tmp_path / "turned.jpg", exif=exif)
    (image,), _ = read(tmp_path)
    assert (image.width, image.height) == (180, 320)
    assert open_candidate(tmp_path, image).size == (180, 320)
    (tmp_path / "turned.jpg").unlink()
    with pytest.raises(AnnotationBatchError, match="has changed"):
        open_candidate(tmp_path, image)


def test_nothing_is_found_in_nothing() -> None:
    found = find_candidates((), ())
    assert (found.screenshots, found.duplicates, found.labelled) == ((), 0, 0)
