"""What a training writes, read as it stands there."""

from __future__ import annotations

import csv
from pathlib import Path


def rows_of(outputs: Path) -> list[dict[str, str]]:
    """The epochs of the `results.csv` among the outputs of a training, by column."""
    with (outputs / "results.csv").open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))
