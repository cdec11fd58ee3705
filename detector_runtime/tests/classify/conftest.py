"""Classifiers of colours, and drawn icons."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from doubles.classifiers import write_classifier


@pytest.fixture
def classifier_file(tmp_path: Path) -> Callable[..., Path]:
    """Writes a classifier; see `write_classifier`."""

    def make(name: str = "icon_classifier.onnx", **settings: Any) -> Path:
        return write_classifier(tmp_path / name, **settings)

    return make


def flat(colour: tuple[int, int, int], side: int = 64) -> np.ndarray:
    """An image of one colour."""
    return np.full((side, side, 3), colour, np.uint8)


def drawn_icon(family: int, member: int = 0) -> np.ndarray:
    """An icon; those of one family differ in the colour of a gem alone."""
    shared = np.random.default_rng([family])
    icon = np.full((64, 64, 3), shared.integers(20, 120, 3), np.uint8)
    for _ in range(6):
        x, y = shared.integers(2, 40, 2)
        width, height = shared.integers(8, 24, 2)
        icon[y : y + height, x : x + width] = shared.integers(0, 256, 3)
    gem = np.eye(3, dtype=np.uint8)[member % 3] * 230 + 20
    icon[26:42, 26:42] = gem
    return icon
