"""The games that choosing frames is measured on: pools, held-out frames, and a first detector.

- `DemoGame`: for each seed a pool of its own, of sessions that no other seed has: three long ones,
  almost all on land, and two short ones on water, as most of real play shows the same few things.
  Held-out sessions, the same for all seeds, are half land, half water.
- `WesnothGame`: 60 screenshots that the game's engine drew, of five sessions. For each seed two
  other sessions are held out, and the pool is of the three others.
"""

from __future__ import annotations

import itertools
import sys
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from demo_sets import demo_sets
from detector_runtime.system.cores import usable_cores
from PIL import Image
from wesnoth import SCREENSHOTS, Trial, draw_set, reduced

from pipeline.demo_game.renderer import screenshot_of
from pipeline.demo_game.world import Session
from pipeline.games.installed import find_installed
from pipeline.games.pack import GamePack, load_pack
from pipeline.labels.boxes import Box, LabelledBox
from pipeline.labels.formats.coco import read_export
from pipeline.labels.formats.yolo import read_rows
from pipeline.labels.training_set import TrainingSet, is_real
from pipeline.training.job import (
    ImageOrigin,
    JobStage,
    TrainingSpec,
    TrainingStage,
    hyperparameters,
    job_spec,
    write_job,
)
from resources.files import remove_tree
from resources.gpu.leases.local import LocalProvider

WATER_OF_LONG, WATER_OF_SHORT = (0.05, 0.12, 0.2), (0.6, 0.75)
"""Shares of the maps that sessions of a pool are played on."""
WATER_HELD_OUT = 0.45
HELD_OUT_SEEDS = (9001, 9002)
HELD_OUT_SESSIONS = 2
STRIDE, PADDING = 32, 114
"""Sides of what the network takes are multiples of it; what is added is grey, as in training."""
LEAST_INSIDE = 0.35
"""A box that a cut leaves less of is no label, as in the screenshots themselves."""


class MissingGameError(Exception):
    """What is measured on is not on this machine."""


@dataclass(frozen=True, eq=False)
class LabelledFrame:
    """A screenshot with its true boxes."""

    session: str
    pixels: np.ndarray
    boxes: tuple[LabelledBox, ...]

    @property
    def digest(self) -> str:
        return sha256(self.pixels.tobytes()).hexdigest()

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.pixels.shape[1], self.pixels.shape[0]


@dataclass(frozen=True, eq=False)
class Base:
    """A detector that has seen drawn scenes alone, and those scenes."""

    model: Any
    scenes: tuple[LabelledFrame, ...]


class Game(Protocol):
    """What is measured on."""

    pack: GamePack

    def base(self) -> Base: ...
    def pool(self, seed: int) -> list[LabelledFrame]: ...
    def held_out(self, seed: int) -> list[LabelledFrame]: ...


class DemoGame:
    """The built-in one.

    Args:
        folder: for what is made once and kept.
        epochs: that the first detector is trained for.
        frames: of a long session, of a short one, and of one that is held out.
    """

    def __init__(self, folder: Path, epochs: int, frames: tuple[int, int, int]) -> None:
        self.pack = load_pack("demo")
        self._folder, self._epochs, self._frames = folder, epochs, frames

    def base(self) -> Base:
        return self._base

    def pool(self, seed: int) -> list[LabelledFrame]:
        return draw(pool_sessions(seed, *self._frames[:2]), self.pack)

    def held_out(self, seed: int) -> list[LabelledFrame]:
        return self._held_out

    @cached_property
    def _base(self) -> Base:
        training_set = TrainingSet.open(demo_sets(self._folder / "state").training_set)
        file = self._folder / f"base_{self._epochs}.pt"
        drawn = TrainingStage(train_on=ImageOrigin.SYNTHETIC, validate_on=ImageOrigin.SYNTHETIC)
        model = trained(file, self.pack, training_set.folder, self._epochs, (drawn,))
        scenes = [line for line in training_set.listed["train"] if not is_real(line)]
        return Base(model, tuple(labelled_scenes(training_set.folder, scenes, self.pack)))

    @cached_property
    def _held_out(self) -> list[LabelledFrame]:
        sessions = {
            Session(f"held{seed}", seed, (1.0, 0.97, 0.95), WATER_HELD_OUT): self._frames[2]
            for seed in HELD_OUT_SEEDS
        }
        return draw(sessions, self.pack)


class WesnothGame:
    """Battle for Wesnoth: scenes of its installed art, and screenshots by its engine.

    Args:
        folder: for what is made once and kept.
        epochs: that the first detector is trained for, the same one for all seeds.
        screenshots: folder with export batches; `../shared/data/wesnoth` if left out.

    Raises:
        MissingGameError: the screenshots or the installed game are not there.
    """

    def __init__(self, folder: Path, epochs: int, screenshots: Path | None = None) -> None:
        self.pack = reduced(load_pack("wesnoth"), Trial())
        self._folder, self._epochs = folder, epochs
        self._screenshots = screenshots or SCREENSHOTS
        if not self._screenshots.is_dir():
            raise MissingGameError(f"There are no screenshots in {self._screenshots}.")
        if find_installed(self.pack) is None:
            raise MissingGameError(
                f"{self.pack.title} is not installed: apt install wesnoth-1.16-data"
            )

    def base(self) -> Base:
        return self._base

    def pool(self, seed: int) -> list[LabelledFrame]:
        held_out = self._held_out_sessions(seed)
        return [frame for frame in self._frames if frame.session not in held_out]

    def held_out(self, seed: int) -> list[LabelledFrame]:
        held_out = self._held_out_sessions(seed)
        return [frame for frame in self._frames if frame.session in held_out]

    def _held_out_sessions(self, seed: int) -> tuple[str, ...]:
        """Another pair for each of ten seeds that follow each other."""
        sessions = sorted({frame.session for frame in self._frames})
        pairs = list(itertools.combinations(sessions, HELD_OUT_SESSIONS))
        order = np.random.default_rng(HELD_OUT_SEEDS[0]).permutation(len(pairs))
        return pairs[order[seed % len(pairs)]]

    @cached_property
    def _base(self) -> Base:
        drawn = self._folder / "drawn" / "set"
        if not (drawn / "train.txt").is_file():
            remove_tree(drawn.parent)
            draw_set(drawn.parent, self.pack)
        model = trained(self._folder / f"base_{self._epochs}.pt", self.pack, drawn, self._epochs)
        scenes = (drawn / "train.txt").read_text("utf-8").split()
        return Base(model, tuple(labelled_scenes(drawn, scenes, self.pack)))

    @cached_property
    def _frames(self) -> list[LabelledFrame]:
        frames = []
        for batch in sorted(path for path in self._screenshots.iterdir() if path.is_dir()):
            for frame in read_export(batch, self.pack.class_names).frames:
                with Image.open(batch / frame.path) as image:
                    pixels = padded(np.asarray(image.convert("RGB")))
                frames.append(LabelledFrame(frame.name.split("_")[0], pixels, tuple(frame.boxes)))
        return frames


def pool_sessions(seed: int, long_frames: int, short_frames: int) -> dict[Session, int]:
    """Sessions of a pool of the built-in game, and how many frames each has."""
    rng = np.random.default_rng([seed, 7])
    water = [*WATER_OF_LONG, *WATER_OF_SHORT]
    counts = [long_frames] * len(WATER_OF_LONG) + [short_frames] * len(WATER_OF_SHORT)
    return {
        Session(
            f"pool{seed}{'abcde'[number]}",
            100 * (seed + 1) + number,
            tuple(rng.uniform(0.93, 1.05, 3).round(3).tolist()),
            share,
        ): frames
        for number, (share, frames) in enumerate(zip(water, counts, strict=True))
    }


def draw(sessions: dict[Session, int], pack: GamePack) -> list[LabelledFrame]:
    """Every frame of some sessions, with a process for each core."""
    asked = [(session, number) for session, frames in sessions.items() for number in range(frames)]
    with ProcessPoolExecutor(usable_cores(), get_context("spawn")) as pool:
        drawn = list(pool.map(screenshot_of, *zip(*asked, strict=True), chunksize=10))
    ids = {name: index for index, name in enumerate(pack.class_names)}
    return [
        LabelledFrame(
            session.name,
            frame.image,
            tuple(LabelledBox(ids[seen.class_name], seen.box) for seen in frame.objects),
        )
        for (session, _), frame in zip(asked, drawn, strict=True)
    ]


def trained(
    file: Path,
    pack: GamePack,
    training_set: Path,
    epochs: int,
    training: tuple[TrainingStage, ...] = (),
) -> Any:
    """A model that is trained from scratch once, and kept in a file."""
    from ultralytics import YOLO

    if not file.is_file():
        print(f"Training a detector on drawn scenes for {file}", file=sys.stderr)
        asked = hyperparameters(pack.training.hyperparameters, {"epochs": epochs})
        spec = TrainingSpec(
            game=pack.name,
            class_names=pack.class_names,
            stages=(JobStage.TRAIN,),
            weights="none.pt",
            hyperparameters=asked,
            **({"training": training} if training else {}),
        )
        job = write_job(file.parent / f"job_{time.time_ns()}", spec, training_set)
        with LocalProvider().rent(job_spec(spec)) as lease:
            (lease.run(job) / "best.pt").replace(file)
        remove_tree(job.parent)
    return YOLO(str(file)).model.float()


def labelled_scenes(folder: Path, images: Iterable[str], pack: GamePack) -> Iterator[LabelledFrame]:
    """Images of a set, by their paths in it, with their labels."""
    for line in images:
        with Image.open(folder / line) as image:
            pixels = np.asarray(image.convert("RGB"))
        height, width = pixels.shape[:2]
        path = Path(line)
        labels = folder / "labels" / path.parent.name / f"{path.stem}.txt"
        rows = read_rows(labels, len(pack.class_names))
        boxes = (row.labelled_box(width, height) for row in rows)
        yield LabelledFrame("drawn", pixels, tuple(boxes))


def padded(pixels: np.ndarray) -> np.ndarray:
    """An image with what it lacks at its right and lower edge."""
    height, width = pixels.shape[:2]
    missing = ((0, -height % STRIDE), (0, -width % STRIDE), (0, 0))
    return np.pad(pixels, missing, constant_values=PADDING)


def cut_out(frame: LabelledFrame, size: tuple[int, int], rng: np.random.Generator) -> LabelledFrame:
    """A part of a frame as large as scenes are, anywhere; the frame where it is no larger."""
    if frame.size == size:
        return frame
    x, y = (
        int(rng.integers(whole - part + 1)) for whole, part in zip(frame.size, size, strict=True)
    )
    boxes = []
    for class_id, box in frame.boxes:
        inside = Box(box.x1 - x, box.y1 - y, box.x2 - x, box.y2 - y).clipped(*size)
        if inside.area > LEAST_INSIDE * box.area:
            boxes.append(LabelledBox(class_id, inside))
    pixels = frame.pixels[y : y + size[1], x : x + size[0]]
    return LabelledFrame(frame.session, pixels, tuple(boxes))
