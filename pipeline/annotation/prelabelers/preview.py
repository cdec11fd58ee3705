"""The boxes to correct, to look at: frames, and how sure the model was."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from detector_runtime.tools.palette import class_colour
from PIL import Image, ImageDraw

from pipeline.annotation.annotation_batch import AnnotationBatch
from pipeline.annotation.prelabels import PrelabelledFrame, PrelabelledFrames
from pipeline.labels.images import upright_rgb
from pipeline.subsampling import spread_over
from pipeline.visualization.annotators import draw_box, draw_label
from pipeline.visualization.palette import readable_on_black
from pipeline.visualization.tiles import create_tiles, encode_jpeg, resized

COLUMNS = 3
FONT_SIZE = 10
BINS = 10
WIDTH, HEIGHT, MARGIN = 330, 150, 30
SHOWN_COLOUR, BLIND_COLOUR, GREY = "#2563eb", "#d97706", "#6b7280"


def frames_of(
    batch: AnnotationBatch, content: PrelabelledFrames, *, blind: bool, count: int = 6
) -> bytes | None:
    """A JPEG of some frames with their boxes, evenly spread; None where there is no such frame."""
    images = {frame.name: batch.image_of(frame) for frame in batch.frames}
    frames = [frame for frame in content.frames if frame.blind is blind and frame.name in images]
    tiles = [
        _tile(upright_rgb(images[frame.name]), frame, content.class_names)
        for frame in spread_over(frames, count)
    ]
    return encode_jpeg(create_tiles(tiles, min(COLUMNS, len(tiles)))) if tiles else None


def score_histogram_svg(content: PrelabelledFrames) -> str:
    """How many boxes have which score, in tenths: blind frames' boxes stand above the others'."""
    shown, blind = (_counts(content, blind=blind) for blind in (False, True))
    highest = max(1, *(a + b for a, b in zip(shown, blind, strict=True)))
    room, step = HEIGHT - 2 * MARGIN, (WIDTH - 2 * MARGIN) / BINS
    bars = []
    for number, (below, above) in enumerate(zip(shown, blind, strict=True)):
        top = float(HEIGHT - MARGIN)
        for count, colour in ((below, SHOWN_COLOUR), (above, BLIND_COLOUR)):
            height = room * count / highest
            top -= height
            bars.append(
                f'<rect x="{MARGIN + number * step + 1:.1f}" y="{top:.1f}" '
                f'width="{step - 2:.1f}" height="{height:.1f}" fill="{colour}"/>'
            )
    texts = [
        (MARGIN, HEIGHT - MARGIN + 14, GREY, "0"),
        (WIDTH - MARGIN - 6, HEIGHT - MARGIN + 14, GREY, "1"),
        (MARGIN, MARGIN - 12, GREY, f"boxes by score, at most {highest}"),
        (MARGIN + 170, MARGIN - 12, SHOWN_COLOUR, f"shown {sum(shown)}"),
        (MARGIN + 235, MARGIN - 12, BLIND_COLOUR, f"blind {sum(blind)}"),
    ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'width="{WIDTH}" height="{HEIGHT}" font-family="sans-serif" font-size="10">'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>{"".join(bars)}'
        + "".join(
            f'<text x="{x}" y="{y}" fill="{colour}">{escape(text)}</text>'
            for x, y, colour, text in texts
        )
        + "</svg>"
    )


def _counts(content: PrelabelledFrames, *, blind: bool) -> list[int]:
    counts = [0] * BINS
    for frame in content.frames:
        if frame.blind is blind:
            for found in frame.boxes:
                counts[min(int(found.score * BINS), BINS - 1)] += 1
    return counts


def _tile(image: Image.Image, frame: PrelabelledFrame, names: Sequence[str]) -> Image.Image:
    tile = resized(image)
    zoom = tile.width / image.width
    pen = ImageDraw.Draw(tile)
    for found in reversed(frame.boxes):
        colour = class_colour(names.index(found.class_name))
        draw_box(pen, found.box, colour, zoom=zoom)
        text = f"{found.class_name} {found.score:.2f}"
        corner = (found.box.x1 * zoom, found.box.y1 * zoom)
        draw_label(pen, text, corner, readable_on_black(colour), FONT_SIZE)
    return tile
