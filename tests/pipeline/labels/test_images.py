from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from pipeline.evaluation.frames import batch_frames
from pipeline.labels.batches import ExportBatch
from pipeline.labels.boxes import Box
from pipeline.labels.comparing.leakage import fingerprint_of
from pipeline.labels.formats.coco import read_export
from pipeline.labels.formats.cvat_export import ExportError
from pipeline.labels.images import upright_content

CLASSES = ("sheep", "wolf", "ship")
ORIENTATION = 0x0112
SHOWN_SIZE = (64, 48)
OPTIONS: dict[str, dict[str, Any]] = {
    "jpg": {"format": "JPEG", "quality": 95, "subsampling": 0},
    "png": {"format": "PNG"},
    "webp": {"format": "WEBP", "lossless": True},
}
# What turns an image that is shown upright into what a camera stores for each orientation.
STORED = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
BOXES = st.tuples(st.integers(0, 44), st.integers(0, 28), st.integers(8, 20), st.integers(8, 20))


def photo(orientation: int, box: tuple[int, int, int, int]) -> Image.Image:
    """As a camera stores it: grey, with a red box where the image is seen upright."""
    shown = Image.new("RGB", SHOWN_SIZE, (90, 90, 90))
    shown.paste((220, 30, 30), (box[0], box[1], box[0] + box[2], box[1] + box[3]))
    return shown.transpose(STORED[orientation]) if orientation in STORED else shown


def content_of(suffix: str, orientation: int, box: tuple[int, int, int, int]) -> bytes:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    buffer = io.BytesIO()
    photo(orientation, box).save(buffer, exif=exif, **OPTIONS[suffix])
    return buffer.getvalue()


def red_box(pixels: np.ndarray) -> Box:
    """The box around what is red in RGB pixels."""
    red = (pixels[..., 0] > 150) & (pixels[..., 1] < 60)
    rows, columns = np.flatnonzero(red.any(axis=1)), np.flatnonzero(red.any(axis=0))
    return Box(columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)


@pytest.mark.parametrize("suffix", sorted(OPTIONS))
@pytest.mark.parametrize("orientation", range(1, 9))
def test_labels_and_pixels_agree_for_every_reader(
    export: Any, shapes: Any, tmp_path: Path, suffix: str, orientation: int
) -> None:
    from ultralytics.data.utils import check_image
    from ultralytics.utils.patches import imread

    shape = (5, 11, 20, 14)
    export.frame(f"a_0.{suffix}", shapes.rectangle("wolf", *shape)).write()
    file = export.folder / f"images/default/a_0.{suffix}"
    file.write_bytes(content_of(suffix, orientation, shape))
    batch = read_export(export.folder, CLASSES)
    stored = ExportBatch.write(tmp_path / "batch", batch, export.folder)
    (frame,) = batch_frames(stored)
    labelled = frame.truths[0].box
    assert labelled == Box(5, 11, 25, 25)
    kept = frame.image.read_bytes()
    with Image.open(frame.image) as opened:
        readers = {
            "Pillow, unturned": np.asarray(opened.convert("RGB")),
            "Pillow, turned": np.asarray(ImageOps.exif_transpose(opened).convert("RGB")),
            "OpenCV": cv2.imdecode(np.frombuffer(kept, np.uint8), cv2.IMREAD_COLOR_RGB),
            "OpenCV, unturned": cv2.imdecode(
                np.frombuffer(kept, np.uint8), cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION
            ),
            "the trainer": imread(frame.image)[..., ::-1],
        }
    for reader, pixels in readers.items():
        assert pixels.shape == (48, 64, 3), reader
        assert red_box(pixels) == labelled, reader
    assert check_image(str(frame.image)) == ("", (48, 64))
    assert fingerprint_of(frame.image).sha256 == batch.frames[0].sha256
    assert fingerprint_of(frame.image).phash == batch.frames[0].phash


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(sorted(OPTIONS)), st.integers(1, 8), BOXES)
def test_what_is_stored_is_upright_and_stays_so(
    suffix: str, orientation: int, box: tuple[int, int, int, int]
) -> None:
    content = content_of(suffix, orientation, box)
    stored = upright_content(content)
    assert (stored == content) == (orientation == 1)
    assert upright_content(stored) == stored
    with Image.open(io.BytesIO(stored)) as image:
        assert image.format == OPTIONS[suffix]["format"]
        assert image.size == SHOWN_SIZE
        x, y, width, height = box
        assert red_box(np.asarray(image)) == Box(x, y, x + width, y + height)


def test_an_orientation_in_xmp_is_stored_upright_too() -> None:
    # OpenCV heeds EXIF alone: unturned, the trainer would see another image than CVAT showed.
    xmp = b'<x xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"/>'
    buffer = io.BytesIO()
    photo(6, (5, 11, 20, 14)).save(buffer, "JPEG", xmp=xmp, quality=95, subsampling=0)
    with Image.open(io.BytesIO(upright_content(buffer.getvalue()))) as image:
        assert red_box(np.asarray(image)) == Box(5, 11, 25, 25)


def test_a_phones_file_with_several_images_is_stored_as_the_first() -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 8
    buffer = io.BytesIO()
    first, second = photo(8, (5, 11, 20, 14)), Image.new("RGB", (8, 8))
    first.save(buffer, "MPO", save_all=True, append_images=[second], exif=exif, quality=95)
    with Image.open(io.BytesIO(buffer.getvalue())) as image:
        assert image.format == "MPO"
    with Image.open(io.BytesIO(upright_content(buffer.getvalue()))) as image:
        assert (image.format, image.size) == ("JPEG", SHOWN_SIZE)


def test_an_image_annotated_unturned_is_refused_with_the_reason(export: Any, shapes: Any) -> None:
    export.frame("a_0.jpg", shapes.rectangle("wolf", 0, 0, 5, 5)).write()
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    file = export.folder / "images/default/a_0.jpg"
    Image.new("RGB", SHOWN_SIZE).save(file, exif=exif)
    with pytest.raises(ExportError, match=r"annotated at 64x48 .* EXIF orientation"):
        read_export(export.folder, CLASSES)
