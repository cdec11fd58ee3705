"""How well images drawn by the `wesnoth` pack teach a detector the game's own screenshots.

Draws a set from the art of the installed game (Debian: `apt install wesnoth-1.16-data`), trains
YOLO26n from scratch on it and judges it on screenshots drawn by the game's engine, at the pack's
confidence. The budget is that of the plain baseline: 700 images of 320 pixels, forty minutes on
two cores, which by cut-and-paste gave F1 0.15 (0.06 for what lives in water).

    outpost bench wesnoth                              # the whole pack, 20 epochs
    python tests/bench/wesnoth.py --epochs 6           # a smaller budget
    python tests/bench/wesnoth.py --epochs 6 --without recolouring overlays
    python tests/bench/wesnoth.py --ablation --epochs 6 --seeds 2     # two rows for each choice

The screenshots, two CVAT exports, are looked for in `../shared/data/wesnoth`, or where
`--screenshots` says.
"""

import argparse
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from detector_runtime import DetectorSettings, Thresholds, open_detector
from pipeline.backgrounds.sets import BackgroundSet
from pipeline.backgrounds.textures import Kind
from pipeline.evaluation.frames import JudgedFrame, TrueFrame
from pipeline.evaluation.matching import ScoredBox
from pipeline.evaluation.metrics.scores import Judgement, Scores, score_frames
from pipeline.games.files import files_in
from pipeline.games.installed import find_installed
from pipeline.games.pack import GamePack, load_pack
from pipeline.games.sections.overlays import OverlayRules
from pipeline.games.sections.scenes import SceneRules
from pipeline.labels.boxes import Box
from pipeline.labels.formats.coco import read_export
from pipeline.labels.synthetic import SUBSETS
from pipeline.scenes.dataset.shard_writer import Sources
from pipeline.scenes.dataset.writer import write_set
from pipeline.sprites.extract import extract_library
from pipeline.sprites.library import LibraryWriter
from pipeline.training.job import ExportOptions, TrainingSpec, hyperparameters, job_spec, write_job
from pipeline.training.scale import listed_images, training_scale
from resources.gpu.leases.local import LocalProvider

GAME = "wesnoth"
ROOT = Path(__file__).resolve().parents[2]
SCREENSHOTS = ROOT.parent / "shared" / "data" / "wesnoth"
IMAGES = 700
EPOCHS = 20
"""860 steps of 16 images, well within forty minutes on two cores that do nothing else."""
KINDS: tuple[Kind, ...] = ("land", "water", "shore")


@dataclass(frozen=True)
class Trial:
    """One training.

    Attributes:
        without: names in `CHOICES`.
        epochs: of training.
        images: images in the set.
        seed: added to those that the pack has for its images and its training.
    """

    without: tuple[str, ...] = ()
    epochs: int = EPOCHS
    images: int = IMAGES
    seed: int = 0


def measure() -> dict[str, float]:
    """The figures of the whole pack with the whole budget."""
    with tempfile.TemporaryDirectory() as name:
        return run(Path(name), Trial(), SCREENSHOTS)


def run(folder: Path, trial: Trial, screenshots: Path) -> dict[str, float]:
    """Draw a set, train on it, and judge the model.

    Args:
        folder: for everything that is made; kept.
        trial: what is drawn, and how long is trained.
        screenshots: folder with the export batches.
    """
    pack = reduced(load_pack(GAME), trial)
    began = time.monotonic()
    drawn = draw_set(folder, pack)
    drawing = time.monotonic() - began
    began = time.monotonic()
    model = train(folder / "job", drawn, pack, trial)
    training = time.monotonic() - began
    scores = judge_on(screenshots, model, pack)
    figures = figures_of(scores, pack)
    return figures | {"drawing_minutes": drawing / 60, "training_minutes": training / 60}


# What is left out


def ungated(scenes: SceneRules) -> SceneRules:
    return scenes.model_copy(update={"gated": False})


def any_scale(scenes: SceneRules) -> SceneRules:
    return scenes.model_copy(update={"zoom": (0.6, 1.6)})


def own_colours(scenes: SceneRules) -> SceneRules:
    return placed(scenes, recolour=False)


def bare(scenes: SceneRules) -> SceneRules:
    return scenes.model_copy(update={"overlays": OverlayRules.nothing()})


def on_the_surface(scenes: SceneRules) -> SceneRules:
    return placed(scenes, depth=None)


def nothing_else(scenes: SceneRules) -> SceneRules:
    kept = [rule for rule in scenes.placements if rule.class_name != "distractor"]
    return scenes.model_copy(update={"placements": kept})


def off_the_grid(scenes: SceneRules) -> SceneRules:
    return scenes.model_copy(update={"grid": None})


def placed(scenes: SceneRules, **changes: Any) -> SceneRules:
    rules = [rule.model_copy(update=changes) for rule in scenes.placements]
    return scenes.model_copy(update={"placements": rules})


CHOICES: dict[str, Callable[[SceneRules], SceneRules]] = {
    "gating": ungated,
    "fitted_scale": any_scale,
    "recolouring": own_colours,
    "overlays": bare,
    "submerging": on_the_surface,
    "distractors": nothing_else,
    "grid": off_the_grid,
}
"""The pack's main choices, and what a set is without each."""


def reduced(pack: GamePack, trial: Trial) -> GamePack:
    """The pack without some choices; nearly all images are for training."""
    changes = {
        "images": trial.images,
        "seed": pack.scenes.seed + trial.seed,
        "train_fraction": 0.97,
    }
    scenes = pack.scenes.model_copy(update=changes)
    for name in trial.without:
        scenes = CHOICES[name](scenes)
    return pack.model_copy(update={"scenes": scenes})


# What is made


def draw_set(folder: Path, pack: GamePack) -> Path:
    """The synthetic set of a pack, made from the installed game."""
    game = find_installed(pack)
    if game is None:
        raise SystemExit(f"{pack.title} is not installed: apt install wesnoth-1.16-data")
    folder.mkdir(parents=True, exist_ok=True)
    library = LibraryWriter(folder / "sprites")
    extract_library(game, pack, library.add)
    library.finish(tuple(pack.sprites.team_colours or ()) or None)
    files = files_in(game, pack.terrain).items()
    terrain = [file for name, file in files if name.endswith(pack.terrain.suffix)]
    size = (pack.scenes.width, pack.scenes.height)
    for kind in KINDS:
        (folder / kind).mkdir(exist_ok=True)
        BackgroundSet.write(folder / kind, kind, (game, terrain), pack.terrain, size)
    shutil.rmtree(folder / "set", ignore_errors=True)
    sources = Sources(*(folder / part for part in ("sprites", *KINDS)))
    write_set(folder / "set", pack, sources)
    for subset in SUBSETS:
        names = sorted(file.name for file in (folder / "set" / "images" / subset).iterdir())
        lines = "".join(f"./images/{subset}/{name}\n" for name in names)
        (folder / "set" / f"{subset}.txt").write_text(lines, encoding="utf-8", newline="\n")
    return folder / "set"


def train(folder: Path, drawn: Path, pack: GamePack, trial: Trial) -> Path:
    """Train from scratch on this machine; the exported model, which takes images of any size."""
    shutil.rmtree(folder, ignore_errors=True)
    asked = hyperparameters(pack.training.hyperparameters, {"epochs": trial.epochs})
    spec = TrainingSpec(
        game=pack.name,
        class_names=pack.class_names,
        weights="none.pt",
        hyperparameters=asked.model_copy(update={"seed": asked.seed + trial.seed}),
        export=ExportOptions(dynamic=pack.training.trained_on == "tile"),
    )
    scale = training_scale(pack.training.trained_on, spec.imgsz, listed_images(drawn))
    assert scale is not None, f"{drawn} lists no readable image"
    spec = spec.model_copy(update={"metadata": scale.to_metadata()})
    job = write_job(folder, spec, drawn)
    # Threads that wait busily take from each other what they wait for.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    with LocalProvider().rent(job_spec(spec)) as lease:
        return lease.run(job) / "best.onnx"


def judge_on(screenshots: Path, model: Path, pack: GamePack) -> Scores:
    """Score a model on all export batches of a folder, opened as its users do."""
    frames = [
        TrueFrame(frame.name, batch / frame.path, frame.boxes)
        for batch in sorted(path for path in screenshots.iterdir() if path.is_dir())
        for frame in read_export(batch, pack.class_names).frames
    ]
    settings = DetectorSettings(thresholds=Thresholds(0.01), tracking="none")
    with open_detector(model, settings=settings) as detector:
        judged = [JudgedFrame(f.name, f.truths, found(detector, f.image)) for f in frames]
    threshold = pack.thresholds.default
    return score_frames(
        judged, Judgement(pack.class_names, tuple(threshold for _ in pack.class_names))
    )


def found(detector: Any, image: Path) -> tuple[ScoredBox, ...]:
    seen = detector.detect_fast(image)
    return tuple(
        ScoredBox(int(class_id), float(score), Box(*(float(value) for value in corners)))
        for class_id, score, corners in zip(seen.class_ids, seen.scores, seen.boxes, strict=True)
    )


def figures_of(scores: Scores, pack: GamePack) -> dict[str, float]:
    """Micro-F1 of all classes, of those on land and of those on water; and what goes with it."""
    groups = {
        scene: [known.name for known in pack.classes if known.scene == scene]
        for scene in ("land", "water")
    }
    figures = {"f1": scores.micro.f1 or 0.0}
    for scene, names in groups.items():
        of = [one.score for one in scores.per_class if one.name in names]
        hits = sum(score.true_positives for score in of)
        wrong = sum(score.false_positives + score.false_negatives for score in of)
        figures[f"{scene}_f1"] = 2 * hits / max(2 * hits + wrong, 1)
    low, high = scores.micro_f1_interval.low, scores.micro_f1_interval.high
    return figures | {
        "f1_low": low,
        "f1_high": high,
        "precision": scores.micro.precision or 0.0,
        "recall": scores.micro.recall or 0.0,
        "map50": scores.map50 or 0.0,
        "frames": scores.frames,
        "objects": scores.truths,
    }


def main() -> None:
    """Run from the command line; prints one JSON object, or one for each row."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--images", type=int, default=IMAGES)
    parser.add_argument("--without", nargs="*", default=[], choices=list(CHOICES))
    parser.add_argument("--ablation", action="store_true", help="the whole, then without each")
    parser.add_argument("--screenshots", type=Path, default=SCREENSHOTS)
    parser.add_argument("--seeds", type=int, default=1, help="trainings of each row")
    parser.add_argument("--out", type=Path, help="keep what is made in this folder")
    asked = parser.parse_args()
    rows = [(), *((name,) for name in CHOICES)] if asked.ablation else [tuple(asked.without)]
    trials = [
        Trial(without, asked.epochs, asked.images, seed)
        for seed in range(asked.seeds)
        for without in rows
    ]
    with tempfile.TemporaryDirectory() as name:
        for trial in trials:
            folder = (asked.out or Path(name)) / named(trial)
            figures = run(folder, trial, asked.screenshots)
            rounded = {key: round(value, 4) for key, value in figures.items()}
            print(json.dumps(asdict(trial) | rounded), flush=True)


def named(trial: Trial) -> str:
    return "_".join(("without", *trial.without) if trial.without else ("whole",)) + f"_{trial.seed}"


if __name__ == "__main__":
    main()
