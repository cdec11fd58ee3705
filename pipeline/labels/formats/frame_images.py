"""The images of an export: decoded whole, turned upright, compared with what is said of them."""

from __future__ import annotations

from hashlib import sha256
from typing import NamedTuple

from detector_runtime.classify.hashes import perceptual_hash
from PIL import Image

from pipeline.labels.comparing.thumbnails import thumbnail_of
from pipeline.labels.formats.annotation_files import CocoImage
from pipeline.labels.formats.cvat_export import EXPORT_AGAIN, ExportError
from pipeline.labels.images import MAX_PIXELS, UNREADABLE, open_image, upright_content


class CheckedImage(NamedTuple):
    """An image that is sound.

    Attributes:
        sha256: digest of its file as it is stored.
        phash: perceptual hash.
        thumbnail: that a suspicion of the hash is confirmed by; see `comparing.thumbnails`.
        pixels: decoded and upright. Its size may be another than that at which it was annotated,
            in the same proportions.
    """

    sha256: str
    phash: str
    thumbnail: str
    pixels: Image.Image


def check_image(origin: str, content: bytes, image: CocoImage) -> CheckedImage:
    """Decode an image whole, and compare its size with what the export says.

    Pillow's `verify` would be cheaper, but accepts JPEG files that are cut off.

    Args:
        origin: names the image in errors.
        content: of its file.
        image: what the export says of it.

    Raises:
        ExportError: it is damaged, enormous, or of other proportions than the export says.
    """
    try:
        with open_image(content) as opened:
            if opened.width * opened.height > MAX_PIXELS:
                raise ExportError(
                    f"{origin} has {opened.width}x{opened.height} pixels; at most "
                    f"{MAX_PIXELS // 10**6} million are read.",
                    "Leave it out of the task.",
                )
            size = opened.size
        stored = upright_content(content)
        with open_image(stored) as turned:
            _check_size(origin, size, turned.size, image)
            turned.load()
        digest, phash = sha256(stored).hexdigest(), perceptual_hash(turned)
        return CheckedImage(digest, phash, thumbnail_of(turned), turned)
    except UNREADABLE as error:
        raise ExportError(
            f"{origin} is corrupt ({error}).",
            "Replace the image in the CVAT task, or remove its frame, and export again.",
        ) from error


def _check_size(
    origin: str, size: tuple[int, int], turned: tuple[int, int], image: CocoImage
) -> None:
    """Compare the size of the turned image, as CVAT shows it, with what the export says."""
    annotated = (image.width, image.height)
    if turned == annotated:
        return
    if size == annotated:
        raise ExportError(
            f"{origin} was annotated at {image.width}x{image.height} pixels, without the turn that "
            "its EXIF orientation asks for.",
            "Turn the image itself, for example with ImageMagick's `mogrify -auto-orient`, and "
            "annotate it again in a current CVAT, which shows such images upright.",
        )
    if _are_in_proportion(turned, annotated):
        return
    raise ExportError(
        f"{origin} is {turned[0]}x{turned[1]} pixels large, but was annotated "
        f"at {image.width}x{image.height}.",
        EXPORT_AGAIN,
    )


def _are_in_proportion(one: tuple[int, int], other: tuple[int, int]) -> bool:
    """Whether one size is the other enlarged, with sides that were rounded to whole pixels."""
    (width, height), (other_width, other_height) = one, other
    return (
        abs(height * other_width / width - other_height) < 1
        and abs(other_height * width / other_width - height) < 1
    )
