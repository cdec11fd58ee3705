"""Drawn images as the merge sees them: with YOLO labels, already split."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pipeline.labels.formats.yolo import YoloRow

Subset = Literal["train", "val"]
SUBSETS: tuple[Subset, Subset] = ("train", "val")


@dataclass(frozen=True)
class SyntheticImage:
    """One drawn scene: its subset, image, label file and that file's rows."""

    subset: Subset
    image: Path
    labels: Path
    rows: tuple[YoloRow, ...]
