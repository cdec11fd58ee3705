"""Scenes to score trackers on: drawn by rule, seeded, with pans and missed detections."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

SCREEN = (3024, 1672)
WORLD = (6000, 3400)
CLASS_SIZES = {0: (50, 50), 1: (44, 70), 2: (90, 100), 3: (360, 300)}
CLASS_NAMES = ("sheep", "villager", "knight_line", "town_center")


@dataclass(frozen=True)
class SceneRules:
    """What a scene is like. `recall` and `precision` are those of the detector at its threshold."""

    frames: int = 120
    entities: int = 120
    recall: float = 0.9
    precision: float = 0.95
    jitter: float = 3.0
    pans: bool = True
    seed: int = 0


@dataclass(frozen=True)
class SceneFrame:
    """One frame: truth in view, what a detector reports of it; boxes x1, y1, x2, y2 on screen."""

    true_boxes: NDArray[np.float64]
    true_ids: NDArray[np.intp]
    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    class_ids: NDArray[np.intp]
    camera_shift: tuple[float, float]


@dataclass
class _World:
    place: NDArray[np.float64]
    velocity: NDArray[np.float64]
    size: NDArray[np.float64]
    class_ids: NDArray[np.intp]
    camera: NDArray[np.float64] = field(default_factory=lambda: np.array([1500.0, 850.0]))
    pan: NDArray[np.float64] = field(default_factory=lambda: np.zeros(2))


def frames(rules: SceneRules) -> list[SceneFrame]:
    """A scene by these rules; the same each time."""
    rng = np.random.default_rng([rules.seed, rules.entities])
    world = _populate(rng, rules.entities)
    made = []
    for index in range(rules.frames):
        before = world.camera.copy()
        if index:
            _move(rng, world)
            if rules.pans:
                _pan(rng, world)
        shift = world.camera - before
        made.append(_look(rng, world, rules, (float(shift[0]), float(shift[1]))))
    return made


def _populate(rng: np.random.Generator, count: int) -> _World:
    class_ids = rng.choice(4, count, p=[0.3, 0.4, 0.25, 0.05])
    size = np.array([CLASS_SIZES[k] for k in class_ids.tolist()], float)
    size *= rng.uniform(0.85, 1.15, (count, 1))
    # Units of a game gather: most stand around a few places.
    centres = rng.uniform((0, 0), WORLD, (12, 2))
    place = centres[rng.integers(0, 12, count)] + rng.normal(0, 350, (count, 2))
    return _World(place.clip(0, WORLD), np.zeros((count, 2)), size, class_ids)


def _move(rng: np.random.Generator, world: _World) -> None:
    count = len(world.place)
    turns = rng.random(count) < 0.06
    speed = rng.uniform(5, 20, count) * (rng.random(count) < 0.55) * (world.class_ids != 3)
    angle = rng.uniform(0, 2 * np.pi, count)
    heading = np.stack([np.cos(angle), np.sin(angle)], 1) * speed[:, None]
    world.velocity[turns] = heading[turns]
    world.place += world.velocity
    outside = (world.place < 0) | (world.place > WORLD)
    world.velocity[outside] *= -1


def _pan(rng: np.random.Generator, world: _World) -> None:
    if not world.pan.any() and rng.random() < 0.08:
        angle = rng.uniform(0, 2 * np.pi)
        world.pan = np.array([np.cos(angle), np.sin(angle)]) * rng.uniform(40, 250)
    elif world.pan.any() and rng.random() < 0.2:
        world.pan = np.zeros(2)
    world.camera = (world.camera + np.round(world.pan)).clip(0, np.subtract(WORLD, SCREEN))


def _look(
    rng: np.random.Generator, world: _World, rules: SceneRules, shift: tuple[float, float]
) -> SceneFrame:
    centre = world.place - world.camera
    seen = np.flatnonzero(((centre >= 0) & (centre <= SCREEN)).all(1))
    true = np.concatenate([centre - world.size / 2, centre + world.size / 2], 1)[seen]
    found = rng.random(len(seen)) < rules.recall
    weak = ~found & (rng.random(len(seen)) < 0.7)
    reported = found | weak
    boxes = true + rng.normal(0, rules.jitter, true.shape)
    scores = np.where(
        found, rng.beta(6, 2, len(seen)) * 0.6 + 0.38, rng.uniform(0.1, 0.34, len(seen))
    )
    class_ids = world.class_ids[seen].copy()
    # Now and then a unit is taken for one that looks like it.
    confused = (rng.random(len(seen)) < 0.03) & np.isin(class_ids, (1, 2))
    class_ids[confused] = 3 - class_ids[confused]
    ghosts = rng.poisson(found.sum() * (1 / rules.precision - 1))
    where = rng.uniform((0, 0), SCREEN, (ghosts, 2))
    ghost_classes = rng.integers(0, 3, ghosts)
    half = np.array([CLASS_SIZES[k] for k in ghost_classes.tolist()], float).reshape(-1, 2) / 2
    return SceneFrame(
        true,
        seen,
        np.concatenate([boxes[reported], np.concatenate([where - half, where + half], 1)]).astype(
            np.float32
        ),
        np.concatenate([scores[reported], rng.uniform(0.36, 0.7, ghosts)]).astype(np.float32),
        np.concatenate([class_ids[reported], ghost_classes]),
        shift,
    )


def hota(
    truth: list[SceneFrame], boxes: list[NDArray[Any]], ids: list[list[str]]
) -> dict[str, float]:
    """HOTA, association accuracy, IDF1 (percent), id switches and ids per object, by TrackEval."""
    import trackeval

    names: dict[str, int] = {}
    true_names: dict[int, int] = {}
    data: dict[str, Any] = {"gt_ids": [], "tracker_ids": [], "similarity_scores": []}
    for frame, found, found_ids in zip(truth, boxes, ids, strict=True):
        data["gt_ids"].append(
            np.array(
                [true_names.setdefault(i, len(true_names)) for i in frame.true_ids.tolist()], int
            )
        )
        data["tracker_ids"].append(
            np.array([names.setdefault(n, len(names)) for n in found_ids], int)
        )
        data["similarity_scores"].append(
            _iou_matrix(frame.true_boxes, np.asarray(found, float).reshape(-1, 4))
        )
    data["num_timesteps"] = len(truth)
    data["num_gt_ids"], data["num_tracker_ids"] = len(true_names), len(names)
    data["num_gt_dets"] = sum(map(len, data["gt_ids"]))
    data["num_tracker_dets"] = sum(map(len, data["tracker_ids"]))
    quiet = {"PRINT_CONFIG": False}
    scores = trackeval.metrics.HOTA().eval_sequence(data)
    identity = trackeval.metrics.Identity(quiet).eval_sequence(data)
    clear = trackeval.metrics.CLEAR(quiet).eval_sequence(data)
    return {
        "hota": 100 * float(scores["HOTA"].mean()),
        "assa": 100 * float(scores["AssA"].mean()),
        "idf1": 100 * float(identity["IDF1"]),
        "idsw": float(clear["IDSW"]),
        "mota": 100 * float(clear["MOTA"]),
        "ids_per_object": len(names) / max(len(true_names), 1),
    }


def _iou_matrix(a: NDArray[Any], b: NDArray[Any]) -> NDArray[Any]:
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    shared = (high - low).clip(0).prod(2)
    size = lambda x: (x[:, 2:] - x[:, :2]).prod(1)  # noqa: E731
    return shared / (size(a)[:, None] + size(b)[None] - shared)


def public_sequence(name: str, recall: float, seed: int = 0) -> list[SceneFrame]:
    """Ground truth that the motmetrics package ships (TUD-Campus, TUD-Stadtmitte: pedestrians, a
    camera at rest), with detections dropped at random and boxes jittered by 2 pixels."""
    import motmetrics

    path = Path(motmetrics.__file__).parent / "data" / name / "gt.txt"
    table = np.loadtxt(path, delimiter=",")
    rng = np.random.default_rng([seed, len(table)])
    made = []
    for number in range(int(table[:, 0].min()), int(table[:, 0].max()) + 1):
        rows = table[table[:, 0] == number]
        true = np.concatenate([rows[:, 2:4], rows[:, 2:4] + rows[:, 4:6]], 1)
        found = np.flatnonzero(rng.random(len(rows)) < recall)
        boxes = (true + rng.normal(0, 2, true.shape))[found].astype(np.float32)
        scores = rng.uniform(0.5, 0.95, len(found)).astype(np.float32)
        made.append(
            SceneFrame(
                true, rows[:, 1].astype(int), boxes, scores, np.zeros(len(found), int), (0, 0)
            )
        )
    return made
