"""How long reading many stored batches and planning their merge takes, and how much memory.

The labels are made: twenty batches of video frames that are all called alike, ten boxes in each
frame. A tenth of the frames stand still, a tenth shows the start of a match, which is mostly black
and whose hashes lie near each other, and one batch is a newer export of another one. Planning reads
no image, so there are none.

Each size is measured in a process of its own, whose highest memory is then its own too; making the
labels is not measured, and neither is loading the libraries.
"""

from __future__ import annotations

import base64
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from pydantic import TypeAdapter

from pipeline.files import write_json
from pipeline.games.pack import MergeRules
from pipeline.labels.batches import Batch, BatchReport, Frame, SourceExport
from pipeline.labels.boxes import Box, LabelledBox
from pipeline.labels.comparing.thumbnails import COLUMNS, ROWS
from pipeline.labels.merge import open_batches, plan_merge

CLASSES = tuple(f"class_{number}" for number in range(60))
BATCHES = 20
BOXES = 10
STILL, BLACK = 0.1, 0.1
SMALL, LARGE = 10_000, 100_000


def measure() -> dict[str, float]:
    """Figures by name; a unit ends the name, ratios have none."""
    small, large = (_measured(count) for count in (SMALL, LARGE))
    return {
        "seconds_100000": large["seconds"],
        "peak_mb": large["peak_mb"],
        "growth_10000_to_100000": large["seconds"] / small["seconds"],
        "seconds_10000": small["seconds"],
        "used_100000": large["used"],
    }


def _measured(count: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        make(Path(folder), count)
        command = [sys.executable, __file__, folder]
        told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    figures: dict[str, float] = json.loads(told)
    return figures


def make(folder: Path, frames: int) -> None:
    """Write batches with as many frames together."""
    for number in range(BATCHES):
        name = f"task_{number}-2026_01_01_10_00_00-coco_1.0"
        # The last one corrects the first.
        newer = number == BATCHES - 1
        name = "task_0-2026_01_09_10_00_00-coco_1.0" if newer else name
        made = tuple(_frames(0 if newer else number, frames // BATCHES, boxes=BOXES + newer))
        write_stored(folder / name, Batch(CLASSES, made, (), (), ()))


def write_stored(folder: Path, batch: Batch) -> None:
    """A batch as it is stored, without its images."""
    folder.mkdir()
    source = SourceExport(file="export.zip", sha256="0" * 64)
    write_json(folder / "labels.json", TypeAdapter(Batch).dump_python(batch, mode="json"))
    write_json(folder / "report.json", BatchReport.of(batch).model_dump(mode="json"))
    write_json(folder / "source.json", source.model_dump(mode="json"))


def _frames(video: int, count: int, boxes: int) -> Iterator[Frame]:
    rng = np.random.default_rng([7, video])
    thumbnails = rng.integers(40, 180, (count, ROWS, COLUMNS), np.uint8)
    hashes = rng.integers(0, 2**64, count, np.uint64)
    still, black = int(count * STILL), int(count * (STILL + BLACK))
    thumbnails[:still] = thumbnails[0]
    hashes[:still] = hashes[0] ^ _few_bits(rng, still, 3)
    thumbnails[still:black, :4] = 0
    thumbnails[still:black, :, :8] = 0
    thumbnails[still:black, :, -8:] = 0
    hashes[still:black] = hashes[0] ^ np.uint64(0xFFFF) ^ _few_bits(rng, black - still, 5)
    corners = rng.integers(0, 900, (count, boxes, 2))
    for n in range(count):
        yield Frame(
            name=f"frame_{n:06d}.PNG",
            path=f"images/frame_{n:06d}.PNG",
            width=1920,
            height=1080,
            sha256=f"{video:032x}{n:032x}",
            phash=f"{int(hashes[n]):016x}",
            boxes=tuple(
                LabelledBox(k, Box(float(x), float(y), x + 40.5, y + 30.25))
                for k, (x, y) in enumerate(corners[n].tolist())
            ),
            thumbnail=base64.b64encode(thumbnails[n].tobytes()).decode("ascii"),
        )


def _few_bits(rng: np.random.Generator, count: int, bits: int) -> np.ndarray:
    shifts = rng.integers(0, 64, (count, bits)).astype(np.uint64)
    return np.bitwise_or.reduce(np.uint64(1) << shifts, axis=1)


def merge_time(folder: Path) -> dict[str, float]:
    """Read the batches in a folder and plan their merge."""
    began = time.perf_counter()
    batches = open_batches({batch.name: batch for batch in sorted(folder.iterdir())})
    plan = plan_merge(batches, (), CLASSES, MergeRules())
    return {
        "seconds": time.perf_counter() - began,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "used": len(plan.real),
    }


if __name__ == "__main__":
    print(json.dumps(merge_time(Path(sys.argv[1]))))
