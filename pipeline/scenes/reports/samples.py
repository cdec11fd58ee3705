"""Images of a written set for people: annotated samples."""

from __future__ import annotations

from collections.abc import Sequence

from detector_runtime.tools.palette import Rgb, class_colour
from PIL import Image, ImageDraw

from pipeline.games.sections.scenes import LabelPolicy
from pipeline.labels.boxes import Box
from pipeline.scenes.dataset.layout import SceneSetError
from pipeline.scenes.dataset.reader import WrittenObject, WrittenScene
from pipeline.scenes.dataset.synthetic_set import SyntheticSet
from pipeline.visualization.annotators import draw_box, draw_label
from pipeline.visualization.palette import GREY, readable_on_black
from pipeline.visualization.tiles import create_tiles, encode_jpeg, resized

COLUMNS = 3
TILE_GAP = 6
GROUND: Rgb = (24, 24, 24)
FONT_SIZE = 10
MOSTLY_VISIBLE = 0.95
"""What hides less than this is not worth a word."""


def sample_sheet(
    synthetic: SyntheticSet, class_names: Sequence[str], policy: LabelPolicy, count: int = 12
) -> bytes:
    """A JPEG of images spread evenly over the set, with their objects outlined.

    Labels are drawn in their class's colour with its name; the extent that something covers is
    drawn thin in the same colour, with the share that is visible; objects without a label are thin
    and grey, with the reason.

    Raises:
        SceneSetError: the set has no images, or one cannot be read.
    """
    tiles = [_tile(scene, class_names, policy) for scene in synthetic.some_scenes(count)]
    if not tiles:
        raise SceneSetError(
            f"{synthetic.folder} holds no images.", "Materialize the synthetic set again."
        )
    columns = min(COLUMNS, len(tiles))
    return encode_jpeg(create_tiles(tiles, columns, TILE_GAP, GROUND))


def _tile(scene: WrittenScene, class_names: Sequence[str], policy: LabelPolicy) -> Image.Image:
    try:
        with Image.open(scene.image) as opened:
            tile = resized(opened.convert("RGB"))
    except OSError as error:
        raise SceneSetError(
            f"{scene.image} cannot be read.", "Materialize the synthetic set again."
        ) from error
    pen, zoom = ImageDraw.Draw(tile), tile.width / scene.width
    for item in sorted(scene.objects, key=lambda item: item.dropped is None):
        _outline(pen, item, zoom, class_names.index(item.class_name), policy)
    return tile


def _outline(
    pen: ImageDraw.ImageDraw, item: WrittenObject, zoom: float, class_id: int, policy: LabelPolicy
) -> None:
    if item.dropped is not None:
        _draw(pen, item.visible or item.full, zoom, GREY, item.dropped)
        return
    colour = class_colour(class_id)
    box = item.visible if policy.box == "visible" else item.full
    if item.covered_by:
        _draw(pen, item.full, zoom, colour)
    is_hidden = item.visible_fraction < MOSTLY_VISIBLE
    caption = f"{item.class_name} {item.visible_fraction:.0%}" if is_hidden else item.class_name
    _draw(pen, box, zoom, colour, caption, width=2)


def _draw(
    pen: ImageDraw.ImageDraw,
    box: Box | None,
    zoom: float,
    colour: Rgb,
    text: str = "",
    width: int = 1,
) -> None:
    if box is None:
        return
    draw_box(pen, box, colour, width, zoom)
    if text:
        corner = (box.x1 * zoom, box.y1 * zoom)
        draw_label(pen, text, corner, readable_on_black(colour), FONT_SIZE)
