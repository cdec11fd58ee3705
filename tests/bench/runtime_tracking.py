"""How well `detector_runtime` keeps ids, beside the plain tracker it grew from and ByteTrack.

The plain tracker is the specification's: one round of matching, three misses, no camera. Scenes are
drawn by rule and seeded: units that gather, walk and turn, a camera that pans or rests, a detector
that misses, doubts, confuses and invents. Our tracker is given the camera's true shifts, because on
screenshots with texture they are found to the pixel. Besides, the ground truth of two public
sequences (pedestrians, a camera at rest) that the motmetrics package ships, with detections dropped
at random. All are scored with TrackEval; ByteTrack is roboflow's, with its thresholds set to the
detector's. Needs `uv sync --group peers`.

Run with `outpost bench runtime_tracking`, or `python tests/bench/runtime_tracking.py`.
"""

import json
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import dataclass, field, replace
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detector_runtime import Detections, EntityTracker, ModelSource, TrackerSettings

SCREEN = (3024, 1672)
WORLD = (6000, 3400)
CLASS_NAMES = ("sheep", "villager", "knight_line", "town_center")
CLASS_SIZES = np.array([(50, 50), (44, 70), (90, 100), (360, 300)], float)
CLASS_SHARES = (0.3, 0.4, 0.25, 0.05)
THRESHOLD = 0.35
SEEDS = 3
PLAIN = TrackerSettings(
    recent_misses=-1,
    lost_iou=1.0,
    steady_share=2.0,
    other_class_iou=1.0,
    max_misses=3,
    tentative_misses=3,
    confirm_hits=1,
)


@dataclass(frozen=True)
class SceneRules:
    """What a scene is like.

    `recall` and `precision` are those of the detector at its threshold; of the game's frames it
    sees every `stride`-th.
    """

    recall: float
    precision: float
    pans: bool
    seed: int = 0
    frames: int = 100
    entities: int = 120
    jitter: float = 3.0
    stride: int = 1


@dataclass(frozen=True)
class SceneFrame:
    """One frame: the truth in view and what a detector reports of it; boxes x1, y1, x2, y2."""

    true_boxes: NDArray[np.float64]
    true_ids: NDArray[np.intp]
    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    class_ids: NDArray[np.intp]
    camera_shift: tuple[float, float]


@dataclass(frozen=True)
class Followed:
    """What a tracker makes of a scene: boxes and ids of every frame."""

    boxes: list[NDArray[Any]] = field(default_factory=list)
    ids: list[list[str]] = field(default_factory=list)


def measure() -> dict[str, float]:
    """HOTA (percent), and for ours and ByteTrack ids per object, by tracker and kind of scene."""
    trackers: dict[str, Callable[[list[SceneFrame]], Followed]] = {
        "ours": lambda frames: followed_by_ours(frames, TrackerSettings()),
        "plain": followed_by_plain,
        "bytetrack": followed_by_bytetrack,
    }
    figures = {}
    for scene, sequences in scenes().items():
        for name, follow in trackers.items():
            scores = [score(frames, follow(frames)) for frames in sequences]
            for figure in ("hota", "ids_per_object"):
                mean = float(np.mean([each[figure] for each in scores]))
                figures[f"{scene}_{name}_{figure}"] = round(mean, 2)
    return figures


def scenes() -> dict[str, list[list[SceneFrame]]]:
    """Kinds of scenes, each with several seeds."""
    rules = {}
    for camera, pans in (("panning", True), ("static", False)):
        rules[f"{camera}_recall_90"] = SceneRules(0.9, 0.95, pans)
        rules[f"{camera}_recall_31"] = SceneRules(0.31, 0.65, pans)
        rules[f"crowded_{camera}_recall_90"] = SceneRules(0.9, 0.95, pans, entities=480)
        rules[f"low_rate_{camera}_recall_90"] = SceneRules(0.9, 0.95, pans, stride=4)
    kinds = {
        name: [drawn_scene(replace(each, seed=seed)) for seed in range(SEEDS)]
        for name, each in rules.items()
    }
    for name in ("TUD-Campus", "TUD-Stadtmitte"):
        for recall in (1.0, 0.5):
            kinds[f"{name.lower().replace('-', '_')}_recall_{round(100 * recall)}"] = [
                public_scene(name, recall, seed) for seed in range(SEEDS)
            ]
    return kinds


def followed_by_ours(frames: list[SceneFrame], settings: TrackerSettings) -> Followed:
    """With the camera's shifts and with what scores low; only what is confirmed counts."""
    tracker, result = EntityTracker(CLASS_NAMES, settings), Followed()
    for frame in frames:
        counts = frame.scores >= THRESHOLD
        found = tracker.update(
            detections(frame, counts),
            detections(frame, ~counts),
            camera_shift=frame.camera_shift,
        ).confirmed()
        result.boxes.append(found.boxes)
        result.ids.append(list(found.ids))
    return result


def followed_by_plain(frames: list[SceneFrame]) -> Followed:
    """As the specification has it."""
    tracker, result = EntityTracker(CLASS_NAMES, PLAIN), Followed()
    for frame in frames:
        found = tracker.update(detections(frame, frame.scores >= THRESHOLD))
        result.boxes.append(found.boxes)
        result.ids.append(list(found.ids))
    return result


def followed_by_bytetrack(frames: list[SceneFrame]) -> Followed:
    """Roboflow's; what it has not confirmed does not count."""
    import supervision
    from trackers import ByteTrackTracker

    tracker = ByteTrackTracker(
        track_activation_threshold=THRESHOLD, high_conf_det_threshold=THRESHOLD
    )
    result = Followed()
    for frame in frames:
        found = tracker.update(
            supervision.Detections(
                xyxy=frame.boxes, confidence=frame.scores, class_id=frame.class_ids
            )
        )
        confirmed = found.tracker_id != -1
        result.boxes.append(found.xyxy[confirmed])
        result.ids.append([str(number) for number in found.tracker_id[confirmed]])
    return result


def score(truth: list[SceneFrame], result: Followed) -> dict[str, float]:
    """HOTA in percent, by TrackEval, and how many ids a true object got."""
    with redirect_stdout(StringIO()):  # It reports there what it could not import.
        import trackeval

    true_ids = _numbered([frame.true_ids.tolist() for frame in truth])
    given_ids = _numbered(result.ids)
    data = {
        "gt_ids": true_ids,
        "tracker_ids": given_ids,
        "similarity_scores": [
            _iou_matrix(frame.true_boxes, np.asarray(boxes, float).reshape(-1, 4))
            for frame, boxes in zip(truth, result.boxes, strict=True)
        ],
        "num_timesteps": len(truth),
        "num_gt_ids": 1 + max(int(ids.max(initial=-1)) for ids in true_ids),
        "num_tracker_ids": 1 + max(int(ids.max(initial=-1)) for ids in given_ids),
        "num_gt_dets": sum(map(len, true_ids)),
        "num_tracker_dets": sum(map(len, given_ids)),
    }
    hota = trackeval.metrics.HOTA().eval_sequence(data)
    return {
        "hota": 100 * float(hota["HOTA"].mean()),
        "ids_per_object": data["num_tracker_ids"] / data["num_gt_ids"],
    }


def detections(frame: SceneFrame, chosen: NDArray[np.bool_]) -> Detections:
    """The chosen ones of what the detector reports, best first."""
    which = np.flatnonzero(chosen)
    which = which[np.argsort(-frame.scores[which])]
    return Detections(
        boxes=frame.boxes[which],
        scores=frame.scores[which],
        class_ids=frame.class_ids[which],
        class_names=CLASS_NAMES,
        ids=("",) * len(which),
        source=ModelSource("mock", "scene"),
        image_size=SCREEN,
        tentative=np.zeros(len(which), np.bool_),
    )


def drawn_scene(rules: SceneRules) -> list[SceneFrame]:
    """A scene by these rules; the same each time."""
    rng = np.random.default_rng([rules.seed, rules.entities])
    world = _World.populated(rng, rules.entities)
    frames = []
    for index in range(rules.frames):
        before = world.camera.copy()
        for _ in range(rules.stride if index else 0):
            world.move(rng)
            if rules.pans:
                world.pan(rng)
        shift = world.camera - before
        frames.append(_seen(rng, world, rules, (float(shift[0]), float(shift[1]))))
    return frames


def public_scene(name: str, recall: float, seed: int) -> list[SceneFrame]:
    """A sequence that motmetrics ships; detections dropped at random, boxes off by 2 pixels."""
    import motmetrics

    path = Path(motmetrics.__file__).parent / "data" / name / "gt.txt"
    table = np.loadtxt(path, delimiter=",")
    rng = np.random.default_rng([seed, len(table)])
    frames = []
    for number in range(int(table[:, 0].min()), int(table[:, 0].max()) + 1):
        rows = table[table[:, 0] == number]
        true = np.concatenate([rows[:, 2:4], rows[:, 2:4] + rows[:, 4:6]], axis=1)
        found = np.flatnonzero(rng.random(len(rows)) < recall)
        frames.append(
            SceneFrame(
                true,
                rows[:, 1].astype(np.intp),
                (true + rng.normal(0, 2, true.shape))[found].astype(np.float32),
                rng.uniform(0.5, 0.95, len(found)).astype(np.float32),
                np.zeros(len(found), np.intp),
                (0.0, 0.0),
            )
        )
    return frames


@dataclass
class _World:
    place: NDArray[np.float64]
    velocity: NDArray[np.float64]
    size: NDArray[np.float64]
    class_ids: NDArray[np.intp]
    camera: NDArray[np.float64]
    camera_velocity: NDArray[np.float64]

    @classmethod
    def populated(cls, rng: np.random.Generator, count: int) -> "_World":
        class_ids = rng.choice(len(CLASS_SIZES), count, p=CLASS_SHARES)
        # Units of a game gather: most stand around a few places.
        centres = rng.uniform((0, 0), WORLD, (12, 2))
        place = centres[rng.integers(0, 12, count)] + rng.normal(0, 350, (count, 2))
        return cls(
            place.clip(0, WORLD),
            np.zeros((count, 2)),
            CLASS_SIZES[class_ids] * rng.uniform(0.85, 1.15, (count, 1)),
            class_ids,
            np.array([1500.0, 850.0]),
            np.zeros(2),
        )

    def move(self, rng: np.random.Generator) -> None:
        count = len(self.place)
        walks = (rng.random(count) < 0.55) & (self.class_ids != 3)
        angle = rng.uniform(0, 2 * np.pi, count)
        heading = np.stack([np.cos(angle), np.sin(angle)], axis=1)
        turns = rng.random(count) < 0.06
        self.velocity[turns] = (heading * (rng.uniform(5, 20, count) * walks)[:, None])[turns]
        self.place += self.velocity
        self.velocity[(self.place < 0) | (self.place > WORLD)] *= -1

    def pan(self, rng: np.random.Generator) -> None:
        if not self.camera_velocity.any() and rng.random() < 0.08:
            angle = rng.uniform(0, 2 * np.pi)
            speed = rng.uniform(40, 250)
            self.camera_velocity = np.array([np.cos(angle), np.sin(angle)]) * speed
        elif self.camera_velocity.any() and rng.random() < 0.2:
            self.camera_velocity = np.zeros(2)
        moved = self.camera + np.round(self.camera_velocity)
        self.camera = moved.clip(0, np.subtract(WORLD, SCREEN))


def _seen(
    rng: np.random.Generator, world: _World, rules: SceneRules, shift: tuple[float, float]
) -> SceneFrame:
    centre = world.place - world.camera
    in_view = np.flatnonzero(((centre >= 0) & (centre <= SCREEN)).all(axis=1))
    half = world.size[in_view] / 2
    true = np.concatenate([centre[in_view] - half, centre[in_view] + half], axis=1)
    found = rng.random(len(in_view)) < rules.recall
    reported = found | (rng.random(len(in_view)) < 0.7)
    boxes = true + rng.normal(0, rules.jitter, true.shape)
    sure = rng.beta(6, 2, len(in_view)) * 0.6 + 0.38
    scores = np.where(found, sure, rng.uniform(0.1, 0.34, len(in_view)))
    class_ids = world.class_ids[in_view].copy()
    # Now and then a unit is taken for one that looks like it.
    confused = (rng.random(len(in_view)) < 0.03) & np.isin(class_ids, (1, 2))
    class_ids[confused] = 3 - class_ids[confused]
    ghosts, ghost_classes = _ghosts(rng, int(found.sum()), rules.precision)
    return SceneFrame(
        true,
        in_view,
        np.concatenate([boxes[reported], ghosts]).astype(np.float32),
        np.concatenate([scores[reported], rng.uniform(0.36, 0.7, len(ghosts))]).astype(np.float32),
        np.concatenate([class_ids[reported], ghost_classes]),
        shift,
    )


def _ghosts(
    rng: np.random.Generator, found: int, precision: float
) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Boxes of things that are not there, so many that the detector has this precision."""
    count = rng.poisson(found * (1 / precision - 1))
    class_ids = rng.integers(0, 3, count)
    centre, half = rng.uniform((0, 0), SCREEN, (count, 2)), CLASS_SIZES[class_ids] / 2
    return np.concatenate([centre - half, centre + half], axis=1), class_ids


def _numbered(names: list[list[Any]]) -> list[NDArray[np.intp]]:
    numbers: dict[Any, int] = {}
    return [
        np.array([numbers.setdefault(name, len(numbers)) for name in each], np.intp)
        for each in names
    ]


def _iou_matrix(first: NDArray[Any], second: NDArray[Any]) -> NDArray[Any]:
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    shared = (high - low).clip(0).prod(axis=2)
    sizes = [(boxes[:, 2:] - boxes[:, :2]).prod(axis=1) for boxes in (first, second)]
    overlap: NDArray[Any] = shared / (sizes[0][:, None] + sizes[1][None] - shared)
    return overlap


if __name__ == "__main__":
    print(json.dumps(measure(), indent=2))
