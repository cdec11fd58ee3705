"""Small training sets, and what a training writes, read as it stands there."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

SIDE = 128


def write_squares(folder: Path, names: Sequence[str], repeated: Sequence[str] = ()) -> Path:
    """A training set of images on noise, each with a square, by turns of class 0 and 1.

    Args:
        names: of the images, which train and validate alike.
        repeated: those of them that the training list names once more.
    """
    generator = np.random.default_rng(5)
    for subset in ("train", "val"):
        for kind in ("images", "labels"):
            (folder / kind / subset).mkdir(parents=True)
        for index, name in enumerate(names):
            pixels = generator.integers(80, 120, (SIDE, SIDE, 3), np.uint8)
            pixels[40:80, 40:80] = (220, 40, 40) if index % 2 else (40, 40, 220)
            Image.fromarray(pixels).save(folder / "images" / subset / f"{name}.png")
            label = f"{index % 2} 0.47 0.47 0.31 0.31\n"
            (folder / "labels" / subset / f"{name}.txt").write_text(label)
        listed = [*names, *repeated] if subset == "train" else names
        lines = "".join(f"./images/{subset}/{name}.png\n" for name in listed)
        (folder / f"{subset}.txt").write_text(lines, encoding="utf-8")
    (folder / "dataset.yaml").write_text("names: {0: square, 1: bar}\n")
    return folder


def rows_of(outputs: Path) -> list[dict[str, str]]:
    """The epochs of the `results.csv` among the outputs of a training, by column."""
    with (outputs / "results.csv").open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))
