from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from detector_runtime.tools.palette import class_colour
from PIL import Image

from pipeline.labels.batches import ExportBatch
from pipeline.labels.formats.coco import read_export
from pipeline.labels.reports.label_samples import batch_samples

CLASSES = ("sheep", "wolf", "ship")


def stored(export: Any, shapes: Any, tmp_path: Path, count: int) -> ExportBatch:
    for number in range(count):
        export.frame(f"a_{number}.png", shapes.rectangle("wolf", 16, 16, 32, 24))
    folder = tmp_path / "batch"
    return ExportBatch.write(folder, read_export(export.write(), CLASSES), export.folder)


def shown(batch: ExportBatch) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(batch_samples(batch) or b"")), np.int16)


def test_boxes_are_drawn_in_the_colour_of_their_class(
    export: Any, shapes: Any, tmp_path: Path
) -> None:
    pixels = shown(stored(export, shapes, tmp_path, 1))
    assert pixels.shape == (300, 400, 3)
    # The box's left edge at the zoom of the sheet, between the corners; JPEG blurs a thin line.
    edge = pixels[150:240, 99:102].mean(axis=(0, 1))
    colour, ground = np.array(class_colour(1)), pixels[150:240, 80:90].mean(axis=(0, 1))
    assert np.abs(edge - colour).sum() < np.abs(ground - colour).sum()


def test_many_frames_stand_in_three_columns(export: Any, shapes: Any, tmp_path: Path) -> None:
    assert shown(stored(export, shapes, tmp_path, 7)).shape == (2 * 300, 3 * 400, 3)
