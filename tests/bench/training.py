"""How fast a detector is trained on a processor, beside ultralytics as it comes.

Everything is measured in one run. Both train YOLO26n from scratch on the same images, with the
hyperparameters of the built-in game and in steps of 16 images at full size: ours as the job program
does it, in a process of its own; theirs through `YOLO.train`, which is told nothing more. Ours is
measured before and after theirs, and once more beside one busy process for each core. Figures of a
step are medians, without the first steps, in which kernels are made.

- `speedup_over_stock`: their step over ours.
- `optimizer_share`: the optimizer's part of our step.
- `step_over_forward_backward`: our whole step over the forward and backward pass in it.
- `contended_slowdown`: our step beside busy processes over our step alone.

`--full` also trains to the end, which takes a quarter of an hour: the built-in game from nothing,
and ultralytics with the same hyperparameters on the same training set for as many minutes.
`f1` is micro-F1 on the frames held out, `f1_per_minute` that by the minutes of training.

Run with `outpost bench training`, or `python tests/bench/training.py`.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from detector_runtime.system.cores import usable_cores
from PIL import Image, ImageDraw

from pipeline.games.pack import GamePack, load_pack
from pipeline.processes import without_secrets
from pipeline.training.detector_program.stages import OWN_OPTIONS
from pipeline.training.job import JobStage, TrainingSpec, hyperparameters, job_spec, write_job
from pipeline.training.results import epochs_of, read_training_events
from resources.gpu.leases.local import LocalProvider

STEPS, BATCH = 12, 16
"""Of one measurement of ours."""
STOCK_STEPS = 3
"""Of theirs: one takes a quarter of a minute where bfloat16 is emulated."""
SLOW_STEPS = 2
WIDTH, HEIGHT, OBJECTS = 320, 256, 16
AS_IT_COMES = {
    "YOLO_OFFLINE": "true",
    "YOLO_AUTOINSTALL": "false",
    "MPLBACKEND": "Agg",
}
"""No downloads; nothing of it changes how it computes."""
BUSY = "while True: pass"


@dataclass(frozen=True)
class Steps:
    """Medians of the steps of one training, in seconds."""

    load: float
    layers: float
    optimizer: float

    @property
    def whole(self) -> float:
        return self.load + self.layers + self.optimizer


def measure(full: bool = False) -> dict[str, float]:
    """Figures by name; ratios are of medians."""
    pack = load_pack("demo")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        images = write_training_set(folder / "set", pack)
        before = ours(folder / "before", images, pack)
        stock = theirs(folder / "stock", images, pack)
        after = ours(folder / "after", images, pack)
        with busy_processes(usable_cores()):
            contended = ours(folder / "contended", images, pack)
        figures = figures_of(before, after, stock, contended)
        if full:
            return figures | whole_trainings(folder, pack)
    print("Left out: f1_per_minute, which takes whole trainings (--full)", file=sys.stderr)
    return figures


def figures_of(before: Steps, after: Steps, stock: float, contended: Steps) -> dict[str, float]:
    """What the steps say."""
    alone = Steps(
        *(
            statistics.mean((getattr(before, part), getattr(after, part)))
            for part in ("load", "layers", "optimizer")
        )
    )
    return {
        "speedup_over_stock": stock / alone.whole,
        "optimizer_share": alone.optimizer / alone.whole,
        "step_over_forward_backward": alone.whole / alone.layers,
        "contended_slowdown": contended.whole / alone.whole,
        "step_seconds": alone.whole,
        "stock_step_seconds": stock,
        "drift": after.whole / before.whole,
    }


def write_training_set(folder: Path, pack: GamePack) -> Path:
    """Coloured shapes on grain: as many objects as the built-in game's scenes have."""
    rng = np.random.default_rng(1)
    for subset, count in (("train", STEPS * BATCH), ("val", 2)):
        for kind in ("images", "labels"):
            (folder / kind / subset).mkdir(parents=True)
        for index in range(count):
            image, labels = draw_image(rng, len(pack.class_names))
            image.save(folder / "images" / subset / f"{index:04d}.jpg", quality=92)
            (folder / "labels" / subset / f"{index:04d}.txt").write_text(labels, "utf-8")
        lines = (f"./images/{subset}/{index:04d}.jpg\n" for index in range(count))
        (folder / f"{subset}.txt").write_text("".join(lines), "utf-8")
    return folder


def draw_image(rng: np.random.Generator, classes: int) -> tuple[Image.Image, str]:
    """An image and its labels in YOLO's format."""
    grain = rng.integers(70, 130, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    image = Image.fromarray(grain)
    pen = ImageDraw.Draw(image)
    lines = []
    for _ in range(OBJECTS):
        class_id = int(rng.integers(classes))
        width, height = (int(side) for side in rng.integers(10, 40, 2))
        x, y = int(rng.integers(WIDTH - width)), int(rng.integers(HEIGHT - height))
        colour = (class_id * 15, 255 - class_id * 15, int(rng.integers(256)))
        pen.ellipse((x, y, x + width, y + height), fill=colour)
        box = ((x + width / 2) / WIDTH, (y + height / 2) / HEIGHT, width / WIDTH, height / HEIGHT)
        lines.append(f"{class_id} " + " ".join(f"{value:.6f}" for value in box) + "\n")
    return image, "".join(lines)


def ours(folder: Path, images: Path, pack: GamePack) -> Steps:
    """A step of the job program."""
    asked = {"epochs": 1, "batch": BATCH, "initial_scale": 1.0, "workers": 0}
    spec = TrainingSpec(
        game=pack.name,
        class_names=pack.class_names,
        stages=(JobStage.TRAIN,),
        weights="none.pt",
        hyperparameters=hyperparameters(pack.training.hyperparameters, asked),
    )
    job = write_job(folder, spec, images)
    with LocalProvider().rent(job_spec(spec)) as lease:
        outputs = lease.run(job)
    (epoch,) = epochs_of(read_training_events(outputs / "metrics.jsonl"))
    return Steps(**epoch.step_seconds)


STOCK = """
import json, sys, time
from ultralytics import YOLO

options, report, steps = json.loads(sys.argv[1]), sys.argv[2], int(sys.argv[3])
ends = []

def step_ends(trainer):
    ends.append(time.perf_counter())
    if steps and len(ends) == steps:
        with open(report, "w") as stream:
            json.dump([b - a for a, b in zip(ends, ends[1:])], stream)
        sys.exit()

model = YOLO("yolo26n.yaml", task="detect")
model.add_callback("on_train_batch_end", step_ends)
model.train(**options)
"""


def theirs(folder: Path, images: Path, pack: GamePack) -> float:
    """Seconds of a step of ultralytics as it comes: the median between the ends of two steps."""
    options = stock_options(pack) | {"epochs": 1, "batch": BATCH, "workers": 0}
    run_stock(folder, images, pack, options, STOCK_STEPS + SLOW_STEPS)
    taken = json.loads((folder / "steps.json").read_text("utf-8"))
    return statistics.median(taken[SLOW_STEPS - 1 :])


def stock_options(pack: GamePack) -> dict[str, Any]:
    """The built-in game's hyperparameters without those that only Outpost knows."""
    known = hyperparameters(pack.training.hyperparameters).model_dump()
    not_theirs = (*OWN_OPTIONS, "channels_last")
    return {name: value for name, value in known.items() if name not in not_theirs}


def run_stock(
    folder: Path, images: Path, pack: GamePack, options: Mapping[str, Any], steps: int
) -> None:
    """Train with ultralytics alone, to the end if `steps` is 0."""
    folder.mkdir()
    shutil.copytree(images, folder / "data")
    dataset = {
        "path": str(folder / "data"),
        "train": "train.txt",
        "val": "val.txt",
        "names": dict(enumerate(pack.class_names)),
    }
    (folder / "dataset.yaml").write_text(json.dumps(dataset), "utf-8")
    asked = {
        **options,
        "data": str(folder / "dataset.yaml"),
        "save_dir": str(folder / "run"),
        "nms": False,
        "verbose": False,
    }
    script = folder / "stock.py"
    script.write_text(STOCK, "utf-8")
    command = [sys.executable, str(script), json.dumps(asked), str(folder / "steps.json")]
    environment = {**without_secrets(os.environ), **AS_IT_COMES, "YOLO_CONFIG_DIR": str(folder)}
    with (folder / "log.txt").open("wb") as log:
        subprocess.run(
            [*command, str(steps)],
            env=environment,
            cwd=folder,
            stdout=log,
            stderr=subprocess.STDOUT,
            check=True,
        )


@contextlib.contextmanager
def busy_processes(count: int) -> Iterator[None]:
    """Other programs that compute all the time."""
    started = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(count)]
    try:
        yield
    finally:
        for process in started:
            process.kill()
            process.wait()


def whole_trainings(folder: Path, pack: GamePack) -> dict[str, float]:
    """F1 on the frames held out, of ours and of as many minutes of theirs."""
    from demo_sets import demo_sets, f1_of

    sets = demo_sets(folder / "state")
    spec = TrainingSpec(
        game=pack.name,
        class_names=pack.class_names,
        weights="none.pt",
        hyperparameters=hyperparameters(pack.training.hyperparameters),
    )
    job = write_job(folder / "whole", spec, sets.training_set)
    with LocalProvider().rent(job_spec(spec)) as lease:
        outputs = lease.run(job)
    events = read_training_events(outputs / "metrics.jsonl")
    minutes = epochs_of(events)[-1].seconds / 60
    f1 = f1_of(outputs / "best.onnx", sets.held_out, pack)
    options = stock_options(pack) | {"time": minutes / 60, "workers": 0}
    began = time.monotonic()
    run_stock(folder / "stock_whole", sets.training_set, pack, options, 0)
    stock_minutes = (time.monotonic() - began) / 60
    stock_f1 = f1_of(exported(folder / "stock_whole"), sets.held_out, pack)
    return {
        "f1": f1,
        "training_minutes": minutes,
        "f1_per_minute": f1 / minutes,
        "stock_f1": stock_f1,
        "stock_minutes": stock_minutes,
        "stock_f1_per_minute": stock_f1 / stock_minutes,
    }


def exported(folder: Path) -> Path:
    """The best checkpoint of a training by ultralytics as ONNX, by ultralytics."""
    from ultralytics import YOLO

    weights = folder / "run" / "weights" / "best.pt"
    return Path(YOLO(str(weights)).export(format="onnx", opset=12, nms=False, imgsz=WIDTH))


def main() -> None:
    """Run from the command line; prints one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--full", action="store_true", help="whole trainings too")
    print(json.dumps(measure(parser.parse_args().full), indent=2))


if __name__ == "__main__":
    main()
