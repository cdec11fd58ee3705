"""What an exported classifier says of images, asked through the runtime that users have."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from detector_runtime.classify.classifier import Classifier
from detector_runtime.errors import DetectorError
from detector_runtime.images import ImageLike
from numpy.typing import NDArray

from pipeline.community.classifiers.classifier_program.constants import TEMPERATURE_KEY
from pipeline.community.classifiers.job import MATERIALIZE
from pipeline.errors import OutpostError


class ClassifierModelError(OutpostError):
    """A file or folder that holds no classifier, or another one than it says."""


@dataclass(frozen=True, eq=False)
class ClassifierAnswers:
    """What a classifier says of some images.

    Attributes:
        classes: its names, in the order of the columns.
        min_confidence: below it the answer is "I don't know".
        temperature: that its outputs were divided by before they became probabilities.
        probabilities: float32 [n, names].
    """

    classes: tuple[str, ...]
    min_confidence: float
    temperature: float
    probabilities: NDArray[np.float32]

    @property
    def names(self) -> tuple[str, ...]:
        """The most likely name of each image, the first of equals."""
        return tuple(self.classes[index] for index in self.probabilities.argmax(axis=1))

    @property
    def confidence(self) -> NDArray[np.float32]:
        """Of the most likely names, float32 [n]."""
        most: NDArray[np.float32] = self.probabilities.max(axis=1)
        return most

    @property
    def known(self) -> NDArray[np.bool_]:
        """Where the answer is a name, bool [n]."""
        return self.confidence >= self.min_confidence

    def right(self, truths: Sequence[str]) -> NDArray[np.bool_]:
        """Where the most likely name is the true one, bool [n]."""
        pairs = zip(self.names, truths, strict=True)
        return np.array([name == truth for name, truth in pairs], dtype=np.bool_)

    def of(self, rows: Sequence[int]) -> ClassifierAnswers:
        """What it says of some of the images."""
        return replace(self, probabilities=self.probabilities[list(rows)])

    def confidence_before(self) -> NDArray[np.float64]:
        """What the confidence would be without the temperature, float64 [n]."""
        raised = self.probabilities.astype(np.float64) ** self.temperature
        before: NDArray[np.float64] = raised.max(axis=1) / np.maximum(raised.sum(axis=1), 1e-300)
        return before


def ask(model: Path, images: Iterable[ImageLike]) -> ClassifierAnswers:
    """What a classifier says of images, which the runtime brings to its size.

    Args:
        model: its ONNX file.
        images: files, or arrays as uint8 [height, width, 3], RGB.

    Raises:
        ClassifierModelError: the runtime refuses it or an image, or its temperature is missing.
    """
    try:
        with closing(Classifier.load(model)) as classifier:
            facts, found = classifier.facts, classifier.classify(list(images))
        temperature = float(facts.metadata[TEMPERATURE_KEY])
    except (DetectorError, KeyError, ValueError) as error:
        raise ClassifierModelError(f"{model} cannot be asked: {error!s}", MATERIALIZE) from error
    return ClassifierAnswers(facts.classes, facts.min_confidence, temperature, found.probabilities)
