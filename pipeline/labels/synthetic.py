"""The synthetic set as the merge sees it: pictures with YOLO labels, already split."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pipeline.errors import OutpostError
from pipeline.labels.formats.yolo import YoloRow, read_rows

Subset = Literal["train", "val"]
SUBSETS: tuple[Subset, Subset] = ("train", "val")

DRAW_AGAIN = "Materialize synthetic_set again."


class SyntheticSetError(OutpostError):
    """A synthetic set that is incomplete or was drawn for other classes."""


@dataclass(frozen=True)
class SyntheticPicture:
    """One drawn scene: its subset, picture, label file and that file's rows."""

    subset: Subset
    picture: Path
    labels: Path
    rows: tuple[YoloRow, ...]


def read_synthetic_set(folder: Path, class_names: Sequence[str]) -> tuple[SyntheticPicture, ...]:
    """List the set's pictures with their labels, sorted by name within each subset.

    Raises:
        SyntheticSetError: the set is missing, was drawn for other classes, or lacks labels.
        LabelFileError: a label file is not what it should be.
    """
    _check_classes(folder, class_names)
    pictures = tuple(_pictures(folder, len(class_names)))
    if not pictures:
        raise SyntheticSetError(f"{folder} holds no pictures.", DRAW_AGAIN)
    return pictures


def _check_classes(folder: Path, class_names: Sequence[str]) -> None:
    file = folder / "set.json"
    try:
        drawn = tuple(json.loads(file.read_text(encoding="utf-8"))["classes"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SyntheticSetError(f"{file} describes no synthetic set.", DRAW_AGAIN) from error
    if drawn != tuple(class_names):
        raise SyntheticSetError(
            f"{folder} was drawn for {len(drawn)} classes that are not the game pack's "
            f"{len(class_names)} in their order.",
            DRAW_AGAIN,
        )


def _pictures(folder: Path, class_count: int) -> Iterator[SyntheticPicture]:
    for subset in SUBSETS:
        for picture in sorted((folder / "images" / subset).glob("*.jpg")):
            labels = folder / "labels" / subset / f"{picture.stem}.txt"
            yield SyntheticPicture(subset, picture, labels, read_rows(labels, class_count))
