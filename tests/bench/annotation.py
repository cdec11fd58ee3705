"""How many boxes it takes people to label when frames are chosen, beside frames at random.

A person is replaced by the true boxes. A detector is trained on drawn scenes alone. For each seed
there is a pool of screenshots, and others are held out (`annotation_games.py`). Some frames of the
pool, the same for both ways, are labelled to begin with. Then frames are added until they have as
many boxes as a budget says: those that `annotation_batch` would choose (without its blind share,
which is for validation), or frames at random. Each time the detector is fine-tuned anew, for as
many steps, on all that is labelled and on drawn scenes, and scored on what is held out.

F1 grows about with the logarithm of the boxes. Both ways get one slope, and each seed a distance
between them; the distance over the slope says how many times as many boxes the one needs as the
other for the same F1 (the relative potency of bioassays).

- `boxes_saved`: the share of boxes that choosing saves; negative where it takes more.
- `boxes_saved_low`, `boxes_saved_high`: its 95% interval, by Student's t over the seeds, which are
  paired: one pool, one beginning and one order of steps for both ways.
- `f1_gain_80`: by how much F1 is higher where frames were chosen, with a budget, and likewise its
  interval; it says something also where F1 does not grow with the boxes, and nothing is saved.
- `f1_before`: with what is labelled to begin with; `f1_random_80`, `f1_chosen_80`: with a budget.

Figures of Wesnoth begin with `wesnoth_`. It needs the installed game and its labelled screenshots.

Every score is written to `bench/annotation` in the state folder as soon as it is known, and one
that is there is not measured again: what was interrupted goes on. The built-in game takes about 15
minutes on two cores; with `--full` there are twice as many seeds of it, and Wesnoth.

    outpost bench annotation
    python tests/bench/annotation.py --game wesnoth --seeds 3
    python tests/bench/annotation.py --seeds 2 --steps 2
"""

from __future__ import annotations

import argparse
import copy
import itertools
import json
import math
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from annotation_games import (
    Base,
    DemoGame,
    Game,
    LabelledFrame,
    MissingGameError,
    WesnothGame,
    cut_out,
)
from box_savings import Run, figures_of
from detector_runtime.classify.hashes import perceptual_hash
from PIL import Image

from assets.graph.evaluation import thresholds_of
from pipeline.annotation.augmented_inference import detect_augmented
from pipeline.annotation.scoring import ScoringRules, class_weights, rate_uncertainty
from pipeline.annotation.selection import Budget, RatedFrame, blind_order, select_frames
from pipeline.evaluation.detecting import LOWEST_SCORE, scored_boxes
from pipeline.evaluation.frames import JudgedFrame
from pipeline.evaluation.metrics.scores import Judgement, score_frames
from pipeline.games.pack import GamePack
from pipeline.manifests import digest_of
from resources.state import StateFolder

FIRST_SEED = 10
"""Steps, learning rate and budgets were set by trying them on the pool of seed 0, so it and its
neighbours are not measured: what was tuned on would flatter."""
WARM_UP = 0.1
"""Of the steps, in which the learning rate rises."""


@dataclass(frozen=True)
class Settings:
    """What is measured; other settings are other results."""

    seeds: int = 7
    budgets: tuple[int, ...] = (80, 320)
    beginning: int = 4
    """Frames that are labelled to begin with."""
    long_frames: int = 20
    short_frames: int = 4
    """Of a session of the built-in game."""
    held_out_frames: int = 24
    base_epochs: int = 10
    steps: int = 60
    batch: int = 8
    learning_rate: float = 0.001

    @property
    def digest(self) -> str:
        """Of all but the number of seeds: more of them go on where fewer ended."""
        return digest_of({**asdict(self), "seeds": 0})[:16]


WESNOTH = Settings(seeds=5, budgets=(240, 720), beginning=2, base_epochs=5)
"""A screenshot of it has 60 boxes. Sessions have as many frames as there are."""


def measure(full: bool = False) -> dict[str, float]:
    """Figures by name; F1 is a mean over the seeds."""
    figures = measure_game("demo", Settings(seeds=14 if full else 7))
    if full:
        try:
            figures |= measure_game("wesnoth", WESNOTH)
        except MissingGameError as error:
            print(f"Wesnoth is left out. {error}", file=sys.stderr)
    return figures


def measure_game(
    name: str, settings: Settings, screenshots: Path | None = None
) -> dict[str, float]:
    """Figures of one game.

    Raises:
        MissingGameError: the game, or its screenshots, are not on this machine.
    """
    folder = StateFolder.from_environment().root / "bench" / "annotation"
    prefix = "" if name == "demo" else f"{name}_"
    game: Game
    if name == "wesnoth":
        game = WesnothGame(folder / name, settings.base_epochs, screenshots)
    else:
        frames = (settings.long_frames, settings.short_frames, settings.held_out_frames)
        game = DemoGame(folder, settings.base_epochs, frames)
    folder.mkdir(parents=True, exist_ok=True)
    bench = _Bench(game, settings, Scores(folder / f"{prefix}{settings.digest}.jsonl"))
    seeds = range(FIRST_SEED, FIRST_SEED + settings.seeds)
    for seed in seeds:
        bench.measure_seed(seed)
    figures = figures_of([run for run in bench.scores.runs if run.seed in seeds])
    return {f"{prefix}{figure}": value for figure, value in figures.items()}


class Scores:
    """The scores that are known, in a file that grows with each."""

    def __init__(self, file: Path) -> None:
        self._file = file
        lines = file.read_text("utf-8").splitlines() if file.is_file() else []
        self.runs = [Run(**json.loads(line)) for line in lines]
        if self.runs:
            print(f"{len(self.runs)} scores are taken from {file}", file=sys.stderr)

    def has(self, seed: int, way: str, budget: int) -> bool:
        return any((run.seed, run.way, run.budget) == (seed, way, budget) for run in self.runs)

    def add(self, run: Run) -> None:
        self.runs.append(run)
        line = json.dumps(asdict(run))
        print(f"{time.strftime('%H:%M:%S')} {line}", file=sys.stderr)
        with self._file.open("a", encoding="utf-8") as stream:
            stream.write(f"{line}\n")


class _Bench:
    def __init__(self, game: Game, settings: Settings, scores: Scores) -> None:
        self.scores = scores
        self._game, self._settings = game, settings

    def measure_seed(self, seed: int) -> None:
        """Every budget of one seed, both ways."""
        settings = self._settings
        wanted = [(way, budget) for budget in settings.budgets for way in ("chosen", "random")]
        if all(self.scores.has(seed, *one) for one in [("before", 0), *wanted]):
            return
        pool = self._game.pool(seed)
        order = blind_order([frame.digest for frame in pool], 1000 + seed)
        beginning = [pool[index] for index in order[: settings.beginning]]
        rest = [pool[index] for index in order[settings.beginning :]]
        model = self._score(seed, "before", 0, beginning)
        ways = {
            "chosen": lambda: chosen_order(model, beginning, rest, self._game.pack),
            "random": lambda: blind_order([frame.digest for frame in rest], seed),
        }
        for way, ordered in ways.items():
            frames = [rest[index] for index in ordered()]
            for budget in settings.budgets:
                if not self.scores.has(seed, way, budget):
                    self._score(seed, way, budget, beginning, within(frames, budget))

    def _score(
        self,
        seed: int,
        way: str,
        budget: int,
        beginning: Sequence[LabelledFrame],
        added: Sequence[LabelledFrame] = (),
    ) -> TorchDetector:
        pack = self._game.pack
        model = fine_tuned(self._game.base(), [*beginning, *added], self._settings, seed)
        detector = TorchDetector(model, pack.class_names)
        if not self.scores.has(seed, way, budget):
            f1 = f1_of(detector, self._game.held_out(seed), pack)
            boxes = sum(len(frame.boxes) for frame in added)
            self.scores.add(Run(seed, way, budget, boxes, len(added), round(f1, 4)))
        return detector


def within(frames: Iterable[LabelledFrame], budget: int) -> list[LabelledFrame]:
    """The first of them, until they have as many true boxes as the budget."""
    taken: list[LabelledFrame] = []
    for frame in frames:
        if sum(len(one.boxes) for one in taken) >= budget:
            break
        taken.append(frame)
    return taken


def chosen_order(
    detector: TorchDetector,
    labelled: Sequence[LabelledFrame],
    rest: Sequence[LabelledFrame],
    pack: GamePack,
) -> list[int]:
    """The order in which `annotation_batch` would take them."""
    names = pack.class_names
    counts = [0] * len(names)
    for frame in labelled:
        for box in frame.boxes:
            counts[box.class_id] += 1
    rules = ScoringRules(names, thresholds_of(pack), class_weights(counts), tuple(counts))
    rated = []
    for frame in rest:
        image = Image.fromarray(frame.pixels)
        rating = rate_uncertainty(detect_augmented(detector, image, names), rules)  # type: ignore[arg-type]
        rated.append(
            RatedFrame(
                *(frame.digest, perceptual_hash(image), frame.session),
                *(rating.value, rating.expected_boxes),
            )
        )
    hashes = [perceptual_hash(Image.fromarray(frame.pixels)) for frame in labelled]
    return [pick.index for pick in select_frames(rated, Budget(math.inf, 0.0), hashes)]


def fine_tuned(base: Base, frames: Sequence[LabelledFrame], settings: Settings, seed: int) -> Any:
    """A copy of a model after so many steps: half of each batch is of frames, half drawn."""
    from ultralytics.cfg import get_cfg

    model = copy.deepcopy(base.model).to(memory_format=torch.channels_last)
    # The one-to-one head, which is shipped, gets the weight that it ends with.
    model.args, model.criterion = get_cfg(overrides={"epochs": 2}), None
    for parameter in model.parameters():
        parameter.requires_grad_(True)
    model.train()
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            # So few frames say less of the statistics than the scenes did.
            module.eval()
    optimizer = torch.optim.AdamW(model.parameters(), settings.learning_rate, weight_decay=0.0005)
    # The mean over the second half of the steps hangs less on the order of the images.
    averaged = torch.optim.swa_utils.AveragedModel(model)
    rng = np.random.default_rng([seed, 11])
    for step, batch in enumerate(batches(frames, base.scenes, settings, rng)):
        optimizer.param_groups[0]["lr"] = settings.learning_rate * rate_at(step, settings.steps)
        with torch.autocast("cpu", torch.bfloat16):
            predictions = model(batch["img"])
        loss, _ = model.loss(batch, in_full_precision(predictions))
        if step == 0:
            model.criterion.update()
        optimizer.zero_grad()
        loss.sum().backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 10.0)
        optimizer.step()
        if step >= settings.steps // 2:
            averaged.update_parameters(model)
    return averaged.module.eval()


def in_full_precision(predictions: Any) -> Any:
    """The same, of float32, whatever it is made of."""
    if isinstance(predictions, torch.Tensor):
        return predictions.float()
    if isinstance(predictions, dict):
        return {name: in_full_precision(one) for name, one in predictions.items()}
    if isinstance(predictions, list | tuple):
        return type(predictions)(in_full_precision(one) for one in predictions)
    return predictions


def rate_at(step: int, steps: int) -> float:
    """The learning rate by its largest: a short rise, then half a cosine."""
    rise = max(1, round(steps * WARM_UP))
    if step < rise:
        return (step + 1) / rise
    return 0.5 + 0.5 * math.cos(math.pi * (step - rise) / max(1, steps - rise))


def batches(
    frames: Sequence[LabelledFrame],
    scenes: Sequence[LabelledFrame],
    settings: Settings,
    rng: np.random.Generator,
) -> Iterator[dict[str, torch.Tensor]]:
    """Batches for so many steps, half of them frames and half of them drawn scenes."""
    half = settings.batch // 2
    sources = zip(endless(frames, rng), endless(scenes, rng), strict=True)
    for _ in range(settings.steps):
        images, rows = [], []
        for number, one in enumerate(itertools.chain(*itertools.islice(sources, half))):
            image, boxes = turned(cut_out(one, scenes[0].size, rng), rng)
            images.append(image)
            rows += [(number, *row) for row in boxes]
        labels = torch.tensor(rows, dtype=torch.float32).reshape(-1, 6)
        pixels = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float() / 255
        yield {
            "img": pixels.contiguous(memory_format=torch.channels_last),
            "batch_idx": labels[:, 0],
            "cls": labels[:, 1:2],
            "bboxes": labels[:, 2:],
        }


def endless(frames: Sequence[LabelledFrame], rng: np.random.Generator) -> Iterator[LabelledFrame]:
    """Every one in a random order before any comes again."""
    while True:
        for index in rng.permutation(len(frames)):
            yield frames[index]


def turned(
    frame: LabelledFrame, rng: np.random.Generator
) -> tuple[np.ndarray, list[tuple[float, float, float, float, float]]]:
    """A frame or its mirror image, a little lighter or darker; its labels as YOLO has them."""
    height, width = frame.pixels.shape[:2]
    mirrored = bool(rng.integers(2))
    image = frame.pixels[:, ::-1] if mirrored else frame.pixels
    light = rng.uniform(0.85, 1.15)
    rows = []
    for class_id, box in frame.boxes:
        x = (box.x1 + box.x2) / 2 / width
        y = (box.y1 + box.y2) / 2 / height
        x = 1 - x if mirrored else x
        rows.append((float(class_id), x, y, box.width / width, box.height / height))
    return np.clip(image.astype(np.float32) * light, 0, 255), rows


class TorchDetector:
    """Stands for the runtime on a model that was just trained: an export of each takes too long."""

    def __init__(self, model: Any, class_names: tuple[str, ...]) -> None:
        self._model, self.class_names = model, class_names

    def detect_fast(self, pixels: np.ndarray) -> TorchDetector.Found:
        image = torch.from_numpy(np.array(pixels)).permute(2, 0, 1)[None].float() / 255
        with torch.no_grad():
            rows = self._model(image.contiguous(memory_format=torch.channels_last))[0][0].numpy()
        rows = rows[rows[:, 4] >= LOWEST_SCORE]
        return self.Found(self.class_names, rows[:, :4], rows[:, 4], rows[:, 5].astype(np.intp))

    @dataclass(frozen=True, eq=False)
    class Found:
        """As `detector_runtime.Detections` has them."""

        class_names: tuple[str, ...]
        boxes: np.ndarray
        scores: np.ndarray
        class_ids: np.ndarray


def f1_of(detector: TorchDetector, frames: Sequence[LabelledFrame], pack: GamePack) -> float:
    """Micro-F1 at the pack's thresholds."""
    judged = []
    for number, frame in enumerate(frames):
        detections = scored_boxes(detector.detect_fast(frame.pixels))  # type: ignore[arg-type]
        judged.append(JudgedFrame(str(number), frame.boxes, detections))
    judgement = Judgement(pack.class_names, thresholds_of(pack))
    return score_frames(judged, judgement).micro.f1 or 0.0


def main() -> None:
    """Run from the command line; prints one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--game", choices=("demo", "wesnoth"), default="demo")
    parser.add_argument("--screenshots", type=Path, help="Wesnoth's export batches")
    parser.add_argument("--seeds", type=int)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--base-epochs", type=int)
    asked = {name: value for name, value in vars(parser.parse_args()).items() if value is not None}
    game, screenshots = asked.pop("game"), asked.pop("screenshots", None)
    settings = replace(WESNOTH if game == "wesnoth" else Settings(), **asked)
    try:
        print(json.dumps(measure_game(game, settings, screenshots), indent=2))
    except MissingGameError as error:
        raise SystemExit(str(error)) from error


if __name__ == "__main__":
    main()
