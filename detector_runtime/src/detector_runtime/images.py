"""From what the caller has (array, PIL image, path) to one plain array of pixels."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Union

import numpy as np
from numpy.typing import NDArray

from detector_runtime.errors import ImageError

if TYPE_CHECKING:
    from PIL import Image

Color = Literal["rgb", "bgr"]
"""The order of the last axis of an array."""

ImageLike = Union[NDArray[Any], "Image.Image", str, "os.PathLike[str]"]
"""An array `(height, width, 3)` of uint8, a PIL image, or the path of an image.

Files and PIL images are turned as their EXIF orientation says.
"""

ARRAY_FIX = "Pass a uint8 array of shape (height, width, 3) with values from 0 to 255"
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
"""Of files. Pillow opens more, some through programs that a stranger's file should not reach."""

ORIENTATION = 0x0112
"""The EXIF tag that says how the stored pixels are to be turned before they are shown.

CIPA DC-008 (Exif 2.32), 4.6.4: 1 is upright, 2 to 4 mirror or turn by 180 degrees, 5 to 8 swap
width and height.
"""

ORIENTATION_HOLDERS = ("exif", "Raw profile type exif", "xmp", "XML:com.adobe.xmp")
"""Where Pillow keeps the metadata that an orientation is read from."""

SMALLEST_SIDE = 2
LARGEST_SIDE = 32768
MOST_PIXELS = 80_000_000


@dataclass(frozen=True)
class Frame:
    """An image ready for a model.

    `pixels` has shape (height, width, 3), dtype uint8 and the channel order `color`.
    """

    pixels: NDArray[np.uint8]
    color: Color = "rgb"

    @property
    def width(self) -> int:
        """Pixels from left to right."""
        return int(self.pixels.shape[1])

    @property
    def height(self) -> int:
        """Pixels from top to bottom."""
        return int(self.pixels.shape[0])

    def crop(self, left: int, top: int, width: int, height: int) -> Frame:
        """A window onto this frame; shares its memory."""
        return Frame(self.pixels[top : top + height, left : left + width], self.color)

    def rgb(self) -> NDArray[np.uint8]:
        """The pixels with red first; a view."""
        return self.pixels if self.color == "rgb" else self.pixels[:, :, ::-1]


def load_frame(image: ImageLike, color: Color = "rgb") -> Frame:
    """Checks `image` and gives its pixels without copying an array.

    `color` states the channel order of an array; PIL images and files know their own.

    Raises:
        ImageError: not an image: wrong type, shape, dtype or channels, NaN, empty, damaged file.
    """
    if color not in ("rgb", "bgr"):
        raise ImageError(f"'{color}' is not a colour order", 'Pass color="rgb" or color="bgr".')
    if isinstance(image, np.ndarray):
        return Frame(_checked(image), color)
    if isinstance(image, (str, os.PathLike)):
        return Frame(_read(Path(image)), "rgb")
    # Whoever holds a PIL image has imported PIL: this package need not.
    pil = sys.modules.get("PIL.Image")
    if pil is not None and isinstance(image, pil.Image):
        return Frame(_from_pil(image), "rgb")
    raise ImageError(
        f"a {type(image).__name__} is not an image",
        "Pass a numpy array, a PIL image or a path; for a tensor call .cpu().numpy() first.",
    )


def decode_image(content: bytes) -> Frame:
    """The image in the bytes of a PNG, JPEG, WebP, BMP, GIF, PPM or TIFF file.

    Raises:
        ImageError: the bytes are damaged or no image.
    """
    import io

    return Frame(_open(io.BytesIO(content), "the uploaded image"), "rgb")


def upright(image: Image.Image) -> Image.Image:
    """The image turned as its EXIF orientation says, as viewers, CVAT and trainers show it.

    Returns the same object where there is nothing to turn; what was turned has no such metadata any
    more. Metadata that cannot be read turns nothing.

    Raises:
        OSError, ValueError, SyntaxError: its pixels cannot be decoded.
    """
    from PIL.Image import Transpose

    # Pillow turns TIFF by itself when it decodes, and the tag is gone then.
    image.load()
    orientation = orientation_of(image)
    if orientation == 1:
        return image
    ways = (
        Transpose.FLIP_LEFT_RIGHT,
        Transpose.ROTATE_180,
        Transpose.FLIP_TOP_BOTTOM,
        Transpose.TRANSPOSE,
        Transpose.ROTATE_270,
        Transpose.TRANSVERSE,
        Transpose.ROTATE_90,
    )
    # Not `ImageOps.exif_transpose`: it writes the rest of the EXIF block anew, and fails where that
    # is damaged.
    turned = image.transpose(ways[orientation - 2])
    for key in ORIENTATION_HOLDERS:
        turned.info.pop(key, None)
    return turned


def upright_size(image: Image.Image) -> tuple[int, int]:
    """Width and height that `upright` would give, in most files without decoding the pixels."""
    if image.format == "TIFF":
        # Turned by Pillow when it decodes.
        image.load()
    width, height = image.size
    return (height, width) if orientation_of(image) >= 5 else (width, height)


def orientation_of(image: Image.Image) -> int:
    """The EXIF orientation, from 1 to 8; 1 where there is none that makes sense.

    As Pillow does, XMP's is taken where EXIF has none.
    """
    try:
        value = image.getexif().get(ORIENTATION, 1)
    except Exception:
        # Pillow's readers raise whatever a damaged block makes them trip over.
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _checked(array: NDArray[Any]) -> NDArray[np.uint8]:
    if array.ndim == 2:
        raise ImageError(
            f"an array of shape {array.shape} is grey, the model needs three channels",
            f"{ARRAY_FIX}; np.stack([grey] * 3, axis=-1) makes one.",
        )
    if array.ndim != 3:
        raise ImageError(f"an array of shape {array.shape} is not a single image", f"{ARRAY_FIX}.")
    height, width, channels = array.shape
    if height == 0 or width == 0:
        raise ImageError(f"the image is empty: shape {array.shape}", f"{ARRAY_FIX}.")
    if channels != 3:
        raise ImageError(f"the image has {channels} channels, not 3", _channel_fix(array.shape))
    if array.dtype != np.uint8:
        raise ImageError(*_dtype_problem(array))
    check_sides(width, height)
    return array


def _channel_fix(shape: tuple[int, ...]) -> str:
    if shape[2] == 4:
        return "Drop the alpha channel: image[:, :, :3]."
    if shape[0] == 3:
        return "This looks like (3, height, width): pass image.transpose(1, 2, 0)."
    return f"{ARRAY_FIX}."


def _dtype_problem(array: NDArray[Any]) -> tuple[str, str]:
    problem = f"the image has dtype {array.dtype}, not uint8"
    if not np.issubdtype(array.dtype, np.floating):
        return problem, f"{ARRAY_FIX}."
    if not np.isfinite(array).all():
        return "the image holds NaN or infinite values", f"{ARRAY_FIX}."
    if float(array.max()) <= 1.0:
        return problem, "Values run from 0 to 1: pass (image * 255).round().astype(np.uint8)."
    return problem, f"{ARRAY_FIX}: image.round().clip(0, 255).astype(np.uint8)."


def check_sides(width: int, height: int) -> None:
    """Raises ImageError for an image too small or too large to look at."""
    sides_fit = min(width, height) >= SMALLEST_SIDE and max(width, height) <= LARGEST_SIDE
    if not sides_fit or width * height > MOST_PIXELS:
        raise ImageError(
            f"the image is {width}x{height} pixels",
            f"Sides must lie between {SMALLEST_SIDE} and {LARGEST_SIDE} pixels, and there may be "
            f"{MOST_PIXELS // 1_000_000} million in all.",
        )


def _read(path: Path) -> NDArray[np.uint8]:
    try:
        exists = path.is_file()
    except OSError as error:
        raise ImageError(f"the path cannot be read: {error!s:.200}", "Check the path.") from error
    if not exists:
        raise ImageError(f"there is no image at {path}", "Check the path.")
    return _open(path, str(path))


def _open(source: Any, name: str) -> NDArray[np.uint8]:
    from PIL import Image

    try:
        with Image.open(source, formats=FORMATS) as image:
            return _from_pil(image)
    except ImageError:
        raise
    except Exception as error:
        # Pillow's readers raise whatever a damaged file makes them trip over.
        raise ImageError(
            f"{name} cannot be read as an image: {error}",
            "The file is damaged, still being written, or of another kind; save it as PNG or JPEG.",
        ) from error


def _from_pil(image: Image.Image) -> NDArray[np.uint8]:
    check_sides(*image.size)
    if image.mode in ("I", "F") or image.mode.startswith("I;"):
        raise ImageError(
            f"the image's mode is {image.mode}: more than 8 bits a channel",
            "Save it with 8 bits a channel.",
        )
    try:
        turned = upright(image)
        return np.asarray(turned if turned.mode == "RGB" else turned.convert("RGB"))
    except (OSError, ValueError, SyntaxError) as error:
        raise ImageError(f"the image cannot be decoded: {error}", "Save it again.") from error
