"""A frame with what is true and what was detected drawn into it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

from pipeline.evaluation.matching import ScoredBox
from pipeline.evaluation.verdicts import Outcome, Verdict, verdicts_on
from pipeline.labels.boxes import Box, LabelledBox

# Okabe and Ito's palette, which people with any colour vision can tell apart.
FOUND = "#009e73"
MISSED = "#56b4e9"
CONFUSED = "#f0e442"
FALSE = "#d55e00"

FONT_SIZE = 12
LEGEND_HEIGHT = 18
COLOURS = {
    Outcome.FOUND: FOUND,
    Outcome.MISSED: MISSED,
    Outcome.CONFUSED: CONFUSED,
    Outcome.FALSE: FALSE,
}


@dataclass(frozen=True)
class _Mark:
    """A box to draw; correct ones are thin and have no text, so that errors stand out."""

    box: Box
    colour: str
    text: str

    @property
    def line(self) -> int:
        return 1 if self.colour == FOUND else 2


def draw_comparison(
    picture: Image.Image,
    truths: Sequence[LabelledBox],
    detections: Sequence[ScoredBox],
    class_names: Sequence[str],
) -> Image.Image:
    """A copy of the picture with found, missed, confused and false boxes, and a legend below.

    Args:
        picture: the frame, of any mode.
        truths, detections: in its pixels; only detections that count.
        class_names: by class id.

    Returns:
        RGB, as wide as the picture and 18 pixels higher.
    """
    canvas = Image.new("RGB", (picture.width, picture.height + LEGEND_HEIGHT))
    canvas.paste(picture.convert("RGB"))
    pen = ImageDraw.Draw(canvas)
    font = ImageFont.load_default(FONT_SIZE)
    marks = sorted(_marks(truths, detections, class_names), key=lambda mark: mark.line)
    for mark in marks:
        _draw_mark(pen, mark, font)
    _draw_legend(pen, marks, picture.height, font)
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


_Font = ImageFont.ImageFont | ImageFont.FreeTypeFont


def _draw_mark(pen: ImageDraw.ImageDraw, mark: _Mark, font: _Font) -> None:
    box = mark.box
    pen.rectangle(
        (box.x1, box.y1, max(box.x2 - 1, box.x1), max(box.y2 - 1, box.y1)),
        outline=mark.colour,
        width=mark.line,
    )
    if mark.text:
        rightmost = pen.im.size[0] - pen.textlength(mark.text, font=font)
        place = (max(min(box.x1, rightmost), 0.0), max(box.y1 - 1, FONT_SIZE + 2.0))
        pen.rectangle(pen.textbbox(place, mark.text, font=font, anchor="lb"), fill="black")
        pen.text(place, mark.text, fill=mark.colour, font=font, anchor="lb")


def _draw_legend(pen: ImageDraw.ImageDraw, marks: Sequence[_Mark], top: int, font: _Font) -> None:
    counts = Counter(mark.colour for mark in marks)
    x = 4.0
    for outcome, colour in COLOURS.items():
        text = f"{outcome} {counts[colour]}"
        pen.text((x, top + 2), text, fill=colour, font=font)
        x += pen.textlength(text, font=font) + 12
