"""How long a classifier of icons trains, and what a plain loop over PNG files takes for the same.

Crops are icons of the built-in game's inventory, with its mirror images and look-alikes, as
screenshots of players show them: of other sizes, shifted, lit, blurred, with counts and cooldowns.
Everything trains at 64 pixels, on the processor, one training after the other.

- `epoch_seconds`: an epoch over 3,000 crops, all layers, images whole.
- `speedup_over_plain`: a classifier of the inventory's first icons exists, and there are new crops
  and new icons: the whole time of a plain loop (`plain_classifier.py`, 30 epochs of AdamW at most,
  patience of 5, from the same weights) over ours, from starting the program to the checked export.
- `accuracy`, `plain_accuracy`: on 20 crops of each icon that neither has seen; `gain_low` and
  `gain_high` are the 95% interval of ours less theirs, paired over names.

The plain loop may take as long as it wants with `--full`, which also trains both from scratch on
3,000 crops (figures that end in `_from_scratch`); without, it is ended after `PATIENCE` times as
long as ours took, `plain_was_ended` is 1, and the speedup is at least what is said.

Run with `outpost bench classifiers --json`, which takes up to half an hour on two cores; for
processors without bfloat16 set `ATEN_CPU_CAPABILITY=avx2 ONEDNN_MAX_CPU_ISA=AVX2`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1]))

from doubles.icons import DrawnCrops, draw_crops

from pipeline.community.classifiers.answers import ask
from pipeline.community.classifiers.classifier_program.constants import ONNX_FILE, WEIGHTS_FILE
from pipeline.community.classifiers.job import (
    ClassifierEpoch,
    ClassifierHyperparameters,
    ClassifierSpec,
    classifier_job_spec,
    write_classifier_job,
)
from pipeline.community.classifiers.scoring import as_counts
from pipeline.demo_game.inventory.icon_catalogue import icon_catalogue
from pipeline.evaluation.metrics.sessions import f1_difference, totals_by_session
from pipeline.jobs.events import JobEvent
from pipeline.jobs.local import run_job
from pipeline.processes import without_secrets

EPOCH_CROPS = 3000
NAMES_BEFORE, NAMES_AFTER = 20, 24
CROPS_BEFORE, CROPS_AFTER = 800, 1200
VALIDATION_EACH, TEST_EACH = 6, 20
PATIENCE = 8.0
"""Times as long as ours that the plain loop gets where not everything is measured."""


@dataclass(frozen=True)
class Trained:
    """A training of ours.

    Attributes:
        seconds: from starting the program to its end.
        outputs: of its job.
    """

    seconds: float
    outputs: Path
    epochs: tuple[ClassifierEpoch, ...]


@dataclass(frozen=True)
class Sets:
    """Crops to train on, to choose the end by, and to judge by."""

    names: tuple[str, ...]
    train: DrawnCrops
    validation: DrawnCrops
    test: DrawnCrops

    @classmethod
    def draw(cls, names: int, crops: int, seed: int) -> Sets:
        """Of the inventory's first icons."""
        art = icon_catalogue()[:names]
        images = [Image.fromarray(one.image[..., :3]) for one in art]
        counts = (crops, names * VALIDATION_EACH, names * TEST_EACH)
        drawn = (draw_crops(images, count, seed + index) for index, count in enumerate(counts))
        return cls(tuple(one.name for one in art), *drawn)

    def write_arrays(self, folder: Path) -> Path:
        """As our program reads them."""
        folder.mkdir()
        parts = (self.train, self.validation)
        sides = [np.full(len(part.labels), code, np.int8) for code, part in enumerate(parts)]
        arrays = {
            "images": np.concatenate([part.pixels for part in parts]),
            "labels": np.concatenate([part.labels for part in parts]),
            "subsets": np.concatenate(sides),
            "trust": np.ones(sum(map(len, sides)), np.float32),
        }
        for name, array in arrays.items():
            np.save(folder / f"{name}.npy", array, allow_pickle=False)
        return folder

    def write_files(self, folder: Path) -> Path:
        """As torchvision reads them: PNG files in a folder for each name."""
        for part in ("train", "validation", "test"):
            crops: DrawnCrops = getattr(self, part)
            for number, (label, content) in enumerate(zip(crops.labels, crops.files, strict=True)):
                place = folder / part / f"{label:03d}"
                place.mkdir(parents=True, exist_ok=True)
                (place / f"{number:05d}.png").write_bytes(content)
        return folder


def measure(full: bool = False) -> dict[str, float]:
    """Figures by name; a unit ends the name, ratios have none."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        figures = {"epoch_seconds": epoch_seconds(folder / "epoch")}
        before = train(folder / "before", Sets.draw(NAMES_BEFORE, CROPS_BEFORE, 100))
        after = Sets.draw(NAMES_AFTER, CROPS_AFTER, 200)
        weights = before.outputs / WEIGHTS_FILE
        figures |= beside_plain(folder / "after", after, weights, None if full else PATIENCE)
        if full:
            scratch = Sets.draw(NAMES_AFTER, EPOCH_CROPS, 300)
            found = beside_plain(folder / "scratch", scratch, None, None)
            figures |= {f"{name}_from_scratch": value for name, value in found.items()}
    return figures


def epoch_seconds(folder: Path) -> float:
    """Of one epoch over all crops of all icons, whole."""
    crops = Sets.draw(len(icon_catalogue()), EPOCH_CROPS, 0)
    one = ClassifierHyperparameters(epochs=1, least_steps=0, full_size_fraction=1.0)
    (epoch,) = train(folder, crops, hyperparameters=one).epochs
    assert epoch.epoch_seconds is not None
    return epoch.epoch_seconds


def train(
    folder: Path,
    crops: Sets,
    previous: Path | None = None,
    hyperparameters: ClassifierHyperparameters | None = None,
) -> Trained:
    """Train with our program."""
    spec = ClassifierSpec(
        game="demo",
        kind="icon",
        classes=crops.names,
        architecture="efficientnet_b0",
        input_side=64,
        pretrained=False,
        hyperparameters=hyperparameters or ClassifierHyperparameters(),
    )
    folder.mkdir()
    data = crops.write_arrays(folder / "data")
    events: list[JobEvent] = []
    began = time.monotonic()
    job = write_classifier_job(folder / "job", spec, data, previous)
    outputs = run_job(job, classifier_job_spec(spec), events.append)
    epochs = tuple(event for event in events if isinstance(event, ClassifierEpoch))
    return Trained(time.monotonic() - began, outputs, epochs)


def beside_plain(
    folder: Path, crops: Sets, weights: Path | None, patience: float | None
) -> dict[str, float]:
    """Our training and the plain loop on the same crops.

    Args:
        weights: what both start from.
        patience: times as long as ours that the plain loop gets; None for as long as it takes.
    """
    ours = train(folder, crops, weights)
    truths = [crops.names[label] for label in crops.test.labels]
    right = ask(ours.outputs / ONNX_FILE, crops.test.pixels).right(truths)
    limit = None if patience is None else patience * ours.seconds
    plain = plain_training(crops.write_files(folder / "files"), weights, limit)
    totals = [
        totals_by_session(as_counts(rights), units)
        for rights, units in ((right, truths), (plain.right, by_folder(truths, crops.names)))
    ]
    gain = f1_difference(totals[0], totals[1], 42)
    assert gain.interval is not None
    return {
        "speedup_over_plain": plain.seconds / ours.seconds,
        "plain_was_ended": float(plain.was_ended),
        "training_seconds": ours.seconds,
        "plain_seconds": plain.seconds,
        "plain_epochs": float(plain.epochs),
        "accuracy": float(right.mean()),
        "plain_accuracy": float(plain.right.mean()),
        "gain_low": gain.interval.low,
        "gain_high": gain.interval.high,
    }


def by_folder(truths: Sequence[str], names: Sequence[str]) -> list[str]:
    """Names in the order in which torchvision lists the files: folder by folder."""
    return sorted(truths, key=list(names).index)


@dataclass(frozen=True)
class PlainTraining:
    """What came of a plain loop.

    Attributes:
        seconds: without its imports.
        right: whether each image of the test set was named rightly, folder by folder.
        was_ended: because it had taken as long as it was given.
    """

    seconds: float
    epochs: int
    right: np.ndarray[tuple[int], np.dtype[np.bool_]]
    was_ended: bool


def plain_training(folder: Path, weights: Path | None, limit: float | None) -> PlainTraining:
    """Run the plain loop in a process of its own."""
    script = Path(__file__).with_name("plain_classifier.py")
    command = [sys.executable, str(script), str(folder)]
    if limit is not None:
        command += ["--seconds", str(limit)]
    if weights is not None:
        command += ["--weights", str(weights)]
    subprocess.run(command, env=without_secrets(os.environ), stdout=subprocess.DEVNULL, check=True)
    told = json.loads((folder / "plain.json").read_text("utf-8"))
    return PlainTraining(
        told["seconds"], len(told["epochs"]), np.array(told["right"]), told["was_ended"]
    )


if __name__ == "__main__":
    print(json.dumps(measure("--full" in sys.argv), indent=2))
