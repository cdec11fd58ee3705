"""A frame with what is true and what was detected drawn into it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from PIL import Image, ImageDraw

from pipeline.evaluation.matching import ScoredBox
from pipeline.evaluation.verdicts import Outcome, Verdict, verdicts_on
from pipeline.labels.boxes import LabelledBox
from pipeline.visualization.annotators import LEGEND_HEIGHT, draw_box, draw_label, draw_legend
from pipeline.visualization.palette import GREEN, SKY_BLUE, VERMILION, YELLOW

FONT_SIZE = 12
COLOURS = {
    Outcome.FOUND: GREEN,
    Outcome.MISSED: SKY_BLUE,
    Outcome.CONFUSED: YELLOW,
    Outcome.FALSE: VERMILION,
}
"""Of outcomes, wherever they are drawn."""


def draw_comparison(
    image: Image.Image,
    truths: Sequence[LabelledBox],
    detections: Sequence[ScoredBox],
    class_names: Sequence[str],
) -> Image.Image:
    """A copy of the image with found, missed, confused and false boxes, and a legend below.

    Args:
        image: the frame, of any mode.
        truths, detections: in its pixels; only detections that count.
        class_names: by class id.

    Returns:
        RGB, as wide as the image and 18 pixels higher.
    """
    canvas = Image.new("RGB", (image.width, image.height + LEGEND_HEIGHT))
    canvas.paste(image.convert("RGB"))
    pen = ImageDraw.Draw(canvas)
    verdicts = tuple(verdicts_on(truths, detections))
    # Correct ones are thin, without a text and below all others, so that errors stand out.
    for verdict in sorted(verdicts, key=lambda verdict: verdict.outcome is not Outcome.FOUND):
        colour, text = COLOURS[verdict.outcome], _text(verdict, class_names)
        draw_box(pen, verdict.box, colour, 2 if text else 1)
        if text:
            draw_label(pen, text, (verdict.box.x1, verdict.box.y1), colour, FONT_SIZE)
    counts = Counter(verdict.outcome for verdict in verdicts)
    legend = [(f"{outcome} {counts[outcome]}", colour) for outcome, colour in COLOURS.items()]
    draw_legend(pen, legend, image.height, FONT_SIZE)
    return canvas


def _text(verdict: Verdict, class_names: Sequence[str]) -> str:
    truth = "" if verdict.truth is None else class_names[verdict.truth]
    found = "" if verdict.found is None else class_names[verdict.found]
    return {
        Outcome.FOUND: "",
        Outcome.MISSED: truth,
        Outcome.CONFUSED: f"{truth} > {found}",
        Outcome.FALSE: f"{found} {verdict.score or 0.0:.2f}",
    }[verdict.outcome]
