"""What an exported classifier says of images, asked as the runtime asks it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.community.classifiers.classifier_program.constants import (
    CLASSES_KEY,
    CONFIDENCE_KEY,
    INPUT_NAME,
    PROBABILITIES,
    SIZE_KEY,
)
from pipeline.errors import OutpostError
from pipeline.export.contract import OnnxContractError, open_session

AT_ONCE = 64


class ClassifierModelError(OutpostError):
    """A file or folder that holds no classifier, or another one than it says."""


@dataclass(frozen=True, eq=False)
class Answers:
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

    def confidence_before(self) -> NDArray[np.float64]:
        """What the confidence would be without the temperature, float64 [n]."""
        raised = self.probabilities.astype(np.float64) ** self.temperature
        before: NDArray[np.float64] = raised.max(axis=1) / np.maximum(raised.sum(axis=1), 1e-300)
        return before


def ask(model: Path, pixels: NDArray[np.uint8]) -> Answers:
    """What a classifier says of images of the size that it takes.

    Args:
        model: its ONNX file.
        pixels: uint8 [n, side, side, 3], RGB.

    Raises:
        ClassifierModelError: it does not load, does not say what it is, or takes another size.
    """
    try:
        session = open_session(model)
    except OnnxContractError as error:
        raise ClassifierModelError(error.problem, MATERIALIZE) from error
    metadata: dict[str, str] = session.get_modelmeta().custom_metadata_map
    classes, confidence, temperature = _facts(model, metadata)
    side = pixels.shape[1] if len(pixels) else 0
    if len(pixels) and metadata.get(SIZE_KEY) != f"{side},{side}":
        raise ClassifierModelError(
            f"{model} takes images of {metadata.get(SIZE_KEY)} pixels, not of {side},{side}.",
            "Compare classifiers that take images of one size.",
        )
    found = [
        _probabilities(model, session, pixels[start : start + AT_ONCE])
        for start in range(0, len(pixels), AT_ONCE)
    ]
    empty = np.zeros((0, len(classes)), dtype=np.float32)
    return Answers(classes, confidence, temperature, np.concatenate([empty, *found]))


MATERIALIZE = "Materialize the classifier again."


def _facts(model: Path, metadata: dict[str, str]) -> tuple[tuple[str, ...], float, float]:
    try:
        classes = tuple(str(name) for name in json.loads(metadata[CLASSES_KEY]))
        temperature = float(metadata.get("temperature", "1"))
        return classes, float(metadata[CONFIDENCE_KEY]), temperature
    except (KeyError, ValueError, TypeError) as error:
        raise ClassifierModelError(
            f"{model} does not say which names it knows and how sure it must be: {error!r}.",
            MATERIALIZE,
        ) from error


def _probabilities(model: Path, session: Any, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    images = np.ascontiguousarray(pixels.transpose(0, 3, 1, 2)).astype(np.float32) / np.float32(255)
    try:
        (probabilities,) = session.run([PROBABILITIES], {INPUT_NAME: images})
    except Exception as error:  # onnxruntime's own types are not public
        raise ClassifierModelError(f"{model} does not run: {error!s:.300}", MATERIALIZE) from error
    found: NDArray[np.float32] = probabilities
    return found
