"""Chosen frames to look at: with what is uncertain in them, and what is most so from near by."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from detector_runtime.tools.palette import Rgb
from PIL import Image, ImageDraw

from pipeline.annotation.annotation_batch import AnnotationBatch, ChosenFrame, Reason
from pipeline.labels.boxes import Box
from pipeline.labels.images import upright_rgb
from pipeline.subsampling import spread_over
from pipeline.visualization.annotators import Colour, draw_box, draw_label
from pipeline.visualization.palette import GREY, SKY_BLUE, VERMILION, YELLOW
from pipeline.visualization.tiles import create_tiles, encode_jpeg, resized

COLOURS: dict[str, Colour] = {
    "uncertainty": YELLOW,
    "disagreement": SKY_BLUE,
    "confusion": VERMILION,
}
"""Of the box of a reason."""
COLUMNS = 3
FONT_SIZE = 11
GAP = 4
MOST_FRAMES = 12
MOST_CROPS = 12
CROP_SIDE = 2.5
"""Of what is shown around a box, by its longer side."""
LEAST_CROP = 48
"""Pixels."""
CROP_TILE = 200
GROUND: Rgb = (24, 24, 24)


def frames_sheet(batch: AnnotationBatch, *, blind: bool) -> bytes | None:
    """A JPEG of frames with the boxes of their reasons, spread over the batch; None without any."""
    frames = [frame for frame in batch.frames if frame.blind is blind]
    tiles = [_tile(batch, frame) for frame in spread_over(frames, MOST_FRAMES)]
    return (
        encode_jpeg(create_tiles(tiles, min(COLUMNS, len(tiles)), GAP, GROUND)) if tiles else None
    )


def crops_sheet(batch: AnnotationBatch) -> bytes | None:
    """A JPEG of the boxes that weigh most, one of each frame, from near by; None without any."""
    heaviest = sorted(_heaviest(batch.frames), key=lambda one: (-one[1].value, one[0].name))
    tiles = [_crop(batch, frame, reason) for frame, reason in heaviest[:MOST_CROPS]]
    if not tiles:
        return None
    return encode_jpeg(create_tiles(tiles, min(2 * COLUMNS, len(tiles)), GAP, GROUND))


def _heaviest(frames: Sequence[ChosenFrame]) -> Iterator[tuple[ChosenFrame, Reason]]:
    for frame in frames:
        boxed = [reason for reason in frame.reasons if reason.box is not None]
        if boxed:
            yield frame, max(boxed, key=lambda reason: reason.value)


def _tile(batch: AnnotationBatch, frame: ChosenFrame) -> Image.Image:
    image = upright_rgb(batch.image_of(frame))
    tile = resized(image)
    zoom = tile.width / image.width
    pen = ImageDraw.Draw(tile)
    for reason in reversed(frame.reasons):
        if reason.box is not None:
            _draw_reason(pen, reason, reason.box, zoom)
    return tile


def _draw_reason(pen: ImageDraw.ImageDraw, reason: Reason, box: Box, zoom: float) -> None:
    colour = COLOURS.get(reason.kind, GREY)
    draw_box(pen, box, colour, width=2, zoom=zoom)
    draw_label(pen, _short(reason), (box.x1 * zoom, box.y1 * zoom), colour, FONT_SIZE)


def _crop(batch: AnnotationBatch, frame: ChosenFrame, reason: Reason) -> Image.Image:
    assert reason.box is not None
    image, box = upright_rgb(batch.image_of(frame)), reason.box
    side = max(CROP_SIDE * max(box.width, box.height), LEAST_CROP)
    left = (box.x1 + box.x2 - side) / 2
    top = (box.y1 + box.y2 - side) / 2
    window = (left, top, left + side, top + side)
    tile = image.crop(window).resize((CROP_TILE, CROP_TILE), Image.Resampling.BICUBIC)
    zoom = CROP_TILE / side
    moved = Box(box.x1 - left, box.y1 - top, box.x2 - left, box.y2 - top)
    _draw_reason(ImageDraw.Draw(tile), reason, moved, zoom)
    return tile


def _short(reason: Reason) -> str:
    """What fits beside a box: the text without the question and how often it is labelled."""
    return reason.text.partition(";")[0].partition(": ")[0]
