"""A detector's views of one image: as it is, mirrored, and smaller.

What a model finds in an image and not in its mirror image, it has not learned. Boxes of all looks
are in pixels of the image as it is. The only file of this room that runs a detector.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from detector_runtime import Detector
from pipeline.evaluation.matching import ScoredBox
from pipeline.labels.boxes import Box

SMALLER = 0.75
"""Side of the smaller look, by that of the image: half a step of the zoom of most games."""
GREY = 114
"""What is left around it; detectors are trained with images on the same grey."""
LOWEST_SCORE = 0.05
"""What scores less is noise even for a model that knows little."""
SCORE_DIGITS = 3
"""Scores are rounded: their last bits differ with the number of threads."""
BOX_DIGITS = 1

Pixels = npt.NDArray[np.uint8]
Look = tuple[ScoredBox, ...]
"""What was found, best first."""


@dataclass(frozen=True)
class Looks:
    """What a detector finds in one image.

    Attributes:
        plain: in the image as it is.
        mirrored, smaller: in the others; None where they were not asked for.
    """

    plain: Look
    mirrored: Look | None = None
    smaller: Look | None = None

    @property
    def others(self) -> tuple[tuple[str, Look], ...]:
        """Each look beside the plain one, with how it is called."""
        both = (("the mirrored image", self.mirrored), ("the smaller image", self.smaller))
        return tuple((name, look) for name, look in both if look is not None)


def look_at(
    detector: Detector, image: Image.Image, class_names: Sequence[str], *, all_looks: bool = True
) -> Looks:
    """Run a detector over an image.

    Args:
        detector: keeps what scores `LOWEST_SCORE`, without tracking.
        class_names: that class ids are to refer to; classes that are not among them are left out.
        all_looks: also the mirrored and the smaller one, which takes three times as long.

    Raises:
        UnknownOnnxLayoutError: the model does not give rows of six.
    """
    pixels = np.asarray(image.convert("RGB"))
    ids = {name: index for index, name in enumerate(class_names)}
    width = pixels.shape[1]
    plain = _found(detector, pixels, ids, lambda box: box)
    if not all_looks:
        return Looks(plain)
    mirrored = np.ascontiguousarray(pixels[:, ::-1])
    return Looks(
        plain,
        _found(
            detector, mirrored, ids, lambda box: Box(width - box.x2, box.y1, width - box.x1, box.y2)
        ),
        _found(detector, _shrunk(image), ids, lambda box: box.scaled(1 / SMALLER, 1 / SMALLER)),
    )


def _found(
    detector: Detector, pixels: Pixels, ids: Mapping[str, int], back: Callable[[Box], Box]
) -> Look:
    found = detector.detect_fast(pixels)
    boxes = [
        ScoredBox(
            ids[found.class_names[int(class_id)]],
            round(float(score), SCORE_DIGITS),
            Box(*(round(side, BOX_DIGITS) for side in back(Box(*map(float, corners))))),
        )
        for class_id, score, corners in zip(found.class_ids, found.scores, found.boxes, strict=True)
        if score >= LOWEST_SCORE and found.class_names[int(class_id)] in ids
    ]
    return tuple(sorted(boxes, key=lambda one: (-one.score, one.class_id, one.box)))


def _shrunk(image: Image.Image) -> Pixels:
    """The image smaller, in the upper left corner of a grey one of its size."""
    canvas = Image.new("RGB", image.size, (GREY, GREY, GREY))
    size = (max(1, round(image.width * SMALLER)), max(1, round(image.height * SMALLER)))
    canvas.paste(image.convert("RGB").resize(size, Image.Resampling.BILINEAR))
    return np.asarray(canvas)
