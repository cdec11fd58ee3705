"""What a classifier gets wrong and what it doubts, as images for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.community.classifiers.job import ClassifierEpoch
from pipeline.community.classifiers.scoring import ClassifierScores, JudgedImage, ReliabilityBin
from pipeline.training.curves import COLOURS, GREY, Curve, CurvePanel, draw_panels
from pipeline.visualization.sections import Tile, TileGroup, draw_sections, tile_width
from pipeline.visualization.tiles import encode_jpeg

COLUMNS = 8
SIDE, EDGE = 200, 34
"""Of the reliability diagram, in pixels: its square, and the room around for words."""


def mistakes_sheet(
    scores: ClassifierScores, images: Mapping[str, NDArray[np.uint8]]
) -> bytes | None:
    """The surest wrong answers and the least sure ones, as a JPEG; None without any.

    Args:
        images: uint8 [side, side, 3] by digest, of all that the scores name.
    """
    groups = (
        ("Wrong, the surest first: what it is, how surely it was taken for what", scores.mistakes),
        ("Least sure", scores.unsure),
    )
    sections = [
        TileGroup(title, tuple(_tile(one, images[one.sha256]) for one in judged))
        for title, judged in groups
        if judged
    ]
    return encode_jpeg(draw_sections(sections, COLUMNS)) if sections else None


def classifier_curves(epochs: Sequence[ClassifierEpoch]) -> str:
    """Losses and accuracy by epoch as an SVG."""
    losses = (
        Curve("training (focal)", COLOURS[0], tuple(epoch.train_loss for epoch in epochs)),
        Curve("validation", COLOURS[1], tuple(epoch.val_loss for epoch in epochs), dashes="3 2"),
    )
    accuracy = Curve("accuracy", COLOURS[2], tuple(epoch.val_accuracy for epoch in epochs))
    panels = (
        CurvePanel("loss", losses),
        CurvePanel("accuracy on images that choose the end", (accuracy,), ceiling=1.0),
    )
    return draw_panels(panels, epochs)


def reliability_svg(bins: Sequence[ReliabilityBin]) -> str:
    """How often answers of a confidence are right, as an SVG: on the diagonal where it fits.

    The area of a dot is in proportion to how many answers it stands for.
    """
    whole = SIDE + 2 * EDGE
    total = max(sum(one.images for one in bins), 1)
    dots = "".join(
        f'<circle cx="{EDGE + one.confidence * SIDE:.1f}" '
        f'cy="{EDGE + (1 - one.accuracy) * SIDE:.1f}" '
        f'r="{2 + 14 * (one.images / total) ** 0.5:.1f}" fill="{COLOURS[0]}" fill-opacity="0.6">'
        f"<title>{one.images} answers</title></circle>"
        for one in bins
    )
    words = (
        f'<text x="{EDGE + SIDE / 2}" y="{whole - 10}" text-anchor="middle">confidence</text>'
        f'<text x="{EDGE}" y="{EDGE - 8}">share of right answers</text>'
        f'<text x="{EDGE - 4}" y="{EDGE + 4}" text-anchor="end">1</text>'
        f'<text x="{EDGE - 4}" y="{EDGE + SIDE}" text-anchor="end">0</text>'
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {whole} {whole}" width="{whole}" '
        f'height="{whole}" font-family="sans-serif" font-size="10" fill="{escape(GREY)}">'
        f'<rect width="{whole}" height="{whole}" fill="#ffffff"/>'
        f'<rect x="{EDGE}" y="{EDGE}" width="{SIDE}" height="{SIDE}" fill="none" '
        f'stroke="#e5e7eb"/><path d="M{EDGE} {EDGE + SIDE}L{EDGE + SIDE} {EDGE}" '
        f'stroke="{GREY}" stroke-dasharray="2 3"/>{dots}{words}</svg>'
    )


def _tile(judged: JudgedImage, pixels: NDArray[np.uint8]) -> Tile:
    width = tile_width(COLUMNS)
    image = Image.fromarray(pixels).resize((width, width), Image.Resampling.NEAREST)
    taken = judged.answer if judged.answer != judged.truth else "right"
    return Tile(image, (judged.truth, f"{judged.confidence:.2f}: {taken}"))
