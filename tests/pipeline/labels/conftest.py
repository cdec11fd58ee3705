"""Builders of CVAT exports, batches and synthetic sets for the tests of labels."""

from __future__ import annotations

import json
import zipfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from doubles.artifacts import write_set_summary
from PIL import Image

from pipeline.labels.batches import ExportBatch, NamedBatch
from pipeline.labels.formats.coco import read_export
from pipeline.labels.synthetic import SyntheticImage
from pipeline.scenes.dataset.synthetic_set import SyntheticSet

CLASSES = ("sheep", "wolf", "ship")
SIZE = (64, 48)


def image(look: str, size: tuple[int, int] = SIZE) -> Image.Image:
    """An image that depends on `look` alone; two looks share nothing."""
    rng = np.random.default_rng(zlib.crc32(look.encode()))
    coarse = rng.integers(0, 256, (6, 6, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC)


def rectangle(label: str, *bbox: float, rotation: float = 0.0) -> dict[str, Any]:
    return {
        "label": label,
        "bbox": list(bbox),
        "segmentation": [],
        "iscrowd": 0,
        "attributes": {"occluded": False, "rotation": rotation},
    }


def polygon(label: str, *parts: list[float]) -> dict[str, Any]:
    return {"label": label, "segmentation": list(parts), "iscrowd": 0, "bbox": [0, 0, 1, 1]}


def mask(label: str, counts: list[int] | str, size: tuple[int, int]) -> dict[str, Any]:
    segmentation = {"counts": counts, "size": list(size)}
    return {"label": label, "segmentation": segmentation, "iscrowd": 1, "bbox": [0, 0, 1, 1]}


@dataclass
class Export:
    """A CVAT COCO 1.0 export in the making."""

    folder: Path
    labels: tuple[str, ...] = CLASSES
    subset: str = "default"
    images: list[dict[str, Any]] = field(default_factory=list)
    annotations: list[dict[str, Any]] = field(default_factory=list)

    def frame(
        self, name: str, *shapes: dict[str, Any], look: str | None = None, place: str | None = None
    ) -> Export:
        """Add a frame; `look` makes frames alike, `place` is its path in the export."""
        number = len(self.images) + 1
        self.images.append({"id": number, "width": SIZE[0], "height": SIZE[1], "file_name": name})
        for shape in shapes:
            label = shape["label"]
            content = {key: value for key, value in shape.items() if key != "label"}
            self.annotations.append(
                {
                    "id": len(self.annotations) + 1,
                    "image_id": number,
                    "category_id": self.labels.index(label) + 1,
                    **content,
                }
            )
        file = self.folder / (place or f"images/{self.subset}/{name}")
        file.parent.mkdir(parents=True, exist_ok=True)
        image(look or name).save(file)
        return self

    def write(self) -> Path:
        """Write the annotation file; the export is then the folder."""
        document = {
            "images": self.images,
            "categories": [
                {"id": index + 1, "name": label, "supercategory": ""}
                for index, label in enumerate(self.labels)
            ],
            "annotations": self.annotations,
        }
        file = self.folder / "annotations" / f"instances_{self.subset}.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(document))
        return self.folder

    def zip(self) -> Path:
        """Write the export as the archive that CVAT gives."""
        folder = self.write()
        target = folder.with_suffix(".zip")
        with zipfile.ZipFile(target, "w") as archive:
            for file in sorted(folder.rglob("*")):
                if file.is_file():
                    archive.write(file, file.relative_to(folder).as_posix())
        return target


@pytest.fixture
def export(tmp_path: Path) -> Export:
    return Export(tmp_path / "export")


@pytest.fixture
def make_batch(tmp_path: Path) -> Any:
    """Make a stored batch of frames, each with one sheep unless shapes are given."""

    def make(name: str, frames: dict[str, str], **options: Any) -> NamedBatch:
        export = Export(tmp_path / f"{name}_export")
        shapes = options.get("shapes", (rectangle("sheep", 4, 4, 10, 8),))
        for frame, look in frames.items():
            export.frame(frame, *shapes, look=look)
        for frame in options.get("unlabelled", ()):
            export.frame(frame)
        source = export.write()
        folder = tmp_path / name
        stored = ExportBatch.write(folder, read_export(source, CLASSES), source)
        return NamedBatch(name, folder, stored.batch)

    return make


@pytest.fixture
def drawn(synthetic_set: Path) -> tuple[SyntheticImage, ...]:
    """The images of that set."""
    return SyntheticSet.open(synthetic_set).labelled_images(CLASSES)


@pytest.fixture
def synthetic_set(tmp_path: Path) -> Path:
    """Five drawn scenes with one wolf each; the last one validates."""
    folder = tmp_path / "synthetic"
    for index in range(5):
        subset = "val" if index == 4 else "train"
        file = folder / "images" / subset / f"synth_{index:06d}.jpg"
        label = folder / "labels" / subset / f"synth_{index:06d}.txt"
        file.parent.mkdir(parents=True, exist_ok=True)
        label.parent.mkdir(parents=True, exist_ok=True)
        image(f"scene {index}").save(file)
        label.write_text("1 0.500000 0.500000 0.250000 0.250000\n")
    write_set_summary(folder, CLASSES, images=5)
    return folder


@pytest.fixture(scope="session")
def shapes() -> Any:
    """The makers of shapes, as attributes."""

    class Shapes:
        rectangle = staticmethod(rectangle)
        polygon = staticmethod(polygon)
        mask = staticmethod(mask)
        image = staticmethod(image)

    return Shapes
