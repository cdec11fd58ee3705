"""Test-time augmentation: detections in an image, in the same flipped, and in the same downscaled.

What a model finds in an image and not in its mirror image, it has not learned. All boxes are in
pixels of the original image. The only file of this room that runs a detector.
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

SCALE = 0.75
"""Of the downscaled image's side: half a step of the zoom of most games."""
PADDING = 114
"""What is left around it; detectors are trained with images on the same grey."""
LOWEST_SCORE = 0.05
"""What scores less is noise even for a model that knows little."""
SCORE_DIGITS = 3
"""Scores are rounded: their last bits differ with the number of threads."""
BOX_DIGITS = 1

Pixels = npt.NDArray[np.uint8]
Detections = tuple[ScoredBox, ...]
"""What was found, best first."""


@dataclass(frozen=True)
class AugmentedDetections:
    """What a detector finds in one image.

    Attributes:
        original: in the image as it is.
        flipped, downscaled: in the augmented images; None where they were not asked for.
    """

    original: Detections
    flipped: Detections | None = None
    downscaled: Detections | None = None

    @property
    def augmented(self) -> tuple[tuple[str, Detections], ...]:
        """Those in the augmented images, with how these are called."""
        both = (("the flipped image", self.flipped), ("the downscaled image", self.downscaled))
        return tuple((name, found) for name, found in both if found is not None)


def detect_augmented(
    detector: Detector, image: Image.Image, class_names: Sequence[str], *, augment: bool = True
) -> AugmentedDetections:
    """Run a detector over an image.

    Args:
        detector: keeps what scores `LOWEST_SCORE`, without tracking.
        class_names: that class ids are to refer to; classes that are not among them are left out.
        augment: also in the flipped and the downscaled image, which takes three times as long.

    Raises:
        UnknownOnnxLayoutError: the model does not give rows of six.
    """
    pixels = np.asarray(image.convert("RGB"))
    ids = {name: index for index, name in enumerate(class_names)}
    width = pixels.shape[1]
    original = _detect(detector, pixels, ids, lambda box: box)
    if not augment:
        return AugmentedDetections(original)
    flipped = np.ascontiguousarray(pixels[:, ::-1])
    return AugmentedDetections(
        original,
        _detect(
            detector, flipped, ids, lambda box: Box(width - box.x2, box.y1, width - box.x1, box.y2)
        ),
        _detect(detector, _downscaled(image), ids, lambda box: box.scaled(1 / SCALE, 1 / SCALE)),
    )


def _detect(
    detector: Detector, pixels: Pixels, ids: Mapping[str, int], back: Callable[[Box], Box]
) -> Detections:
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


def _downscaled(image: Image.Image) -> Pixels:
    """The image smaller, in the upper left corner of a grey one of its size."""
    canvas = Image.new("RGB", image.size, (PADDING, PADDING, PADDING))
    size = (max(1, round(image.width * SCALE)), max(1, round(image.height * SCALE)))
    canvas.paste(image.convert("RGB").resize(size, Image.Resampling.BILINEAR))
    return np.asarray(canvas)
