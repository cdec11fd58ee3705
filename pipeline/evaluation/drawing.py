"""A frame with what is true and what was detected drawn into it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw

from pipeline.evaluation.matching import ScoredBox
from pipeline.evaluation.verdicts import Outcome, Verdict, verdicts_on
from pipeline.labels.boxes import Box, LabelledBox
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


@dataclass(frozen=True)
class _Mark:
    """A box to draw; correct ones are thin and have no text, so that errors stand out."""

    box: Box
    colour: str
    text: str

    @property
    def line(self) -> int:
        return 1 if self.colour == COLOURS[Outcome.FOUND] else 2


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
    marks = sorted(_marks(truths, detections, class_names), key=lambda mark: mark.line)
    for mark in marks:
        _draw_mark(pen, mark)
    counts = Counter(mark.colour for mark in marks)
    legend = [(f"{outcome} {counts[colour]}", colour) for outcome, colour in COLOURS.items()]
    draw_legend(pen, legend, image.height, FONT_SIZE)
    return canvas


def _marks(
    truths: Sequence[LabelledBox], detections: Sequence[ScoredBox], class_names: Sequence[str]
) -> Iterator[_Mark]:
    for verdict in verdicts_on(truths, detections):
        yield _Mark(verdict.box, COLOURS[verdict.outcome], _text(verdict, class_names))


def _text(verdict: Verdict, class_names: Sequence[str]) -> str:
    truth = "" if verdict.truth is None else class_names[verdict.truth]
    found = "" if verdict.found is None else class_names[verdict.found]
    texts = {
        Outcome.FOUND: "",
        Outcome.MISSED: truth,
        Outcome.CONFUSED: f"{truth} > {found}",
        Outcome.FALSE: f"{found} {verdict.score or 0.0:.2f}",
    }
    return texts[verdict.outcome]


def _draw_mark(pen: ImageDraw.ImageDraw, mark: _Mark) -> None:
    draw_box(pen, mark.box, mark.colour, mark.line)
    if mark.text:
        draw_label(pen, mark.text, (mark.box.x1, mark.box.y1), mark.colour, FONT_SIZE)
