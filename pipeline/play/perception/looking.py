"""A look at the screen of one game: the detector on what has changed, the tracker on all of it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt
from detector_runtime.access import open_model
from detector_runtime.detector import WEAK_SCORE
from detector_runtime.geometry.candidates import Candidates
from detector_runtime.geometry.letterbox import scaled
from detector_runtime.geometry.overlap import pair_iou, pairs_between
from detector_runtime.geometry.tiling import Region, shown_whole, tiles_at_scale
from detector_runtime.images import Frame
from detector_runtime.models.base import Inference, Model, ModelFacts

from detector_runtime import (
    ConfigurationError,
    Detections,
    DetectorSettings,
    EntityTracker,
    PredictionExpiredError,
    TrackerSettings,
)
from pipeline.demo_game.art.raycasting import Pixels
from pipeline.demo_game.renderer import FRAME_HEIGHT, FRAME_WIDTH
from pipeline.demo_game.world import FOOTPRINTS
from pipeline.errors import OutpostError
from pipeline.play.perception.packing import laid_together, places_of, taken_apart
from pipeline.play.perception.places import feet
from pipeline.play.perception.reading import bar_above, colour_counts, mark_around
from pipeline.play.perception.screen import SIZE, changes, parts_around, touched
from pipeline.play.simulator.rules import FIGURES, TICKS_A_SECOND, Kind
from pipeline.play.simulator.view import Shown, draw_shown

KIND_NAMES = tuple(kind.name.lower() for kind in Kind)
MARK_BEYOND = 2
"""Pixels from a unit's footprint to the mark around it."""
SMALLEST_SIDE = 4
"""Pixels of a side of a box; what is smaller is nothing."""
SAME_IOU = 0.5
"""Overlap from which two boxes of a kind, of two looks, show the same thing."""
MISSED_LOOKS = 5
"""For so many looks all of what was missed is looked at where something changes in it."""
_NOT_KNOWN = -1


class PerceptionError(OutpostError):
    """A detector through which the built-in game cannot be played."""


@dataclass(frozen=True, eq=False)
class Sightings:
    """What a look has found of the kinds of the game, n boxes.

    Attributes:
        boxes: float32 (n, 4), corners in pixels of the screen.
        scores: float32 (n,).
        kinds: (n,), `rules.Kind`.
        colours: (n, players), pixels in each player's colour.
        places: (n, 2), where they stand, in pixels of the screen.
        bars: (n,), filled part of the bar; 1 where none is drawn.
        marked: bool (n,), whether the mark of who is chosen is around it.
    """

    boxes: npt.NDArray[np.float32]
    scores: npt.NDArray[np.float32]
    kinds: npt.NDArray[np.intp]
    colours: npt.NDArray[np.int_]
    places: npt.NDArray[np.float64]
    bars: npt.NDArray[np.float64]
    marked: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.boxes)

    @classmethod
    def none(cls, players: int) -> Sightings:
        """Nothing."""
        return cls(
            np.empty((0, 4), np.float32),
            np.empty(0, np.float32),
            np.empty(0, np.intp),
            np.empty((0, players), np.int_),
            np.empty((0, 2)),
            np.empty(0),
            np.empty(0, np.bool_),
        )

    def where(self, chosen: npt.NDArray[np.bool_] | npt.NDArray[np.intp]) -> Sightings:
        """Only these, in this order."""
        return Sightings(*(getattr(self, each.name)[chosen] for each in fields(self)))

    def joined(self, other: Sightings) -> Sightings:
        """These and then the others."""
        names = (each.name for each in fields(self))
        return Sightings(
            *(np.concatenate([getattr(self, name), getattr(other, name)]) for name in names)
        )


@dataclass(frozen=True, eq=False)
class Predicted:
    """Where what was seen is predicted to be, n of them.

    Attributes:
        ids: of the tracker.
        boxes: float32 (n, 4), corners in pixels of the screen.
        kinds: (n,), `rules.Kind`.
    """

    ids: tuple[str, ...]
    boxes: npt.NDArray[np.float32]
    kinds: npt.NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class ScreenLook:
    """What of a screen is looked at.

    Attributes:
        shown: what is on it.
        news: float32 (n, 4), where it has changed, and what stands there; only what touches that is
            found.
        parts: what a model is shown.
    """

    shown: Shown
    news: npt.NDArray[np.float32]
    parts: Sequence[Region]


class Finder:
    """A model, asked for the kinds of the game in parts of screens."""

    def __init__(self, model: Model, colours: npt.NDArray[np.int_]) -> None:
        """
        Args:
            model: of `open_finder_model`, or another that keeps the scale of what it is shown.
            colours: [players, 3], of the players, 0 to 255.

        Raises:
            PerceptionError: it does not know a kind of the game.
        """
        _require_kinds(model.facts)
        names = model.facts.class_names
        self._model, self.colours = model, colours
        self.source = model.facts.source
        self._settings = DetectorSettings()
        self._kinds = np.array(
            [KIND_NAMES.index(name) if name in KIND_NAMES else _NOT_KNOWN for name in names]
        )
        least = model.facts.thresholds.for_classes(names)
        self.least = np.array([least[names.index(name)] for name in KIND_NAMES])
        """The score from which a kind counts."""

    def find(self, looks: Sequence[ScreenLook]) -> list[Sightings]:
        """What each look finds, weak scores too; nothing that an edge cuts."""
        facts = self._model.facts
        views = [
            [_DrawnPart(draw_shown(look.shown, part), part) for part in look.parts]
            for look in looks
        ]
        pieces = [[piece for view in each for piece in view.pieces(facts)] for each in views]
        rows = iter(self._rows([frame for each in pieces for frame, _region in each]))
        return [
            self._found(
                look, drawn, [region for _frame, region in each], list(islice(rows, len(each)))
            )
            for look, drawn, each in zip(looks, views, pieces, strict=True)
        ]

    def _rows(self, frames: Sequence[Frame]) -> list[npt.NDArray[np.float32]]:
        """The model's rows for each frame, which share images where all of these have one size."""
        facts = self._model.facts
        floor = min(float(self.least.min()), WEAK_SCORE)
        if facts.has_free_size or not frames:
            return self._model.infer(frames, floor).rows if frames else []
        most = scaled(facts.input_size, 1 / (facts.scale or 1.0))
        sizes = [(frame.width, frame.height) for frame in frames]
        places = places_of(sizes, most)
        rows = self._model.infer(laid_together(frames, places, most), floor).rows
        return taken_apart(rows, sizes, places)

    def _found(
        self,
        look: ScreenLook,
        views: Sequence[_DrawnPart],
        regions: Sequence[Region],
        rows: Sequence[npt.NDArray[np.float32]],
    ) -> Sightings:
        if not regions:
            return Sightings.none(len(self.colours))
        found = self._chosen(Candidates.of(rows, regions, SIZE))
        return self._read(found.where(touched(found.boxes, look.news)), views)

    def _chosen(self, found: Candidates) -> Candidates:
        """Those of the game's kinds, each once, and whole."""
        boxes = np.clip(found.boxes, 0, SIZE * 2)
        chosen = np.asarray((boxes[:, 2:] - boxes[:, :2] >= SMALLEST_SIDE).all(axis=1))
        chosen &= self._kinds[found.class_ids] != _NOT_KNOWN
        settings = self._settings
        found = replace(found, boxes=boxes).where(chosen)
        found = found.distinct(settings.iou_threshold, settings.same_box_iou)
        return found.where(np.asarray(~found.cut.any(axis=1)))

    def _read(self, found: Candidates, views: Sequence[_DrawnPart]) -> Sightings:
        """What pixels say of them."""
        kinds = self._kinds[found.class_ids]
        read = Sightings(
            found.boxes,
            found.scores,
            kinds,
            np.zeros((len(kinds), len(self.colours)), np.int_),
            feet(found.boxes, kinds),
            np.ones(len(kinds)),
            np.zeros(len(kinds), np.bool_),
        )
        for number, box in enumerate(found.boxes):
            view = next((view for view in views if view.holds(box)), views[0])
            self._read_one(read, number, view)
        return read

    def _read_one(self, read: Sightings, number: int, view: _DrawnPart) -> None:
        """Bars and marks lie around the place itself, which boxes with arms in them do not."""
        box, kind = read.boxes[number] - view.corner, int(read.kinds[number])
        place = read.places[number]
        read.colours[number] = colour_counts(view.cut(box), self.colours)
        if FIGURES[Kind(kind)].hit_points > 0:
            bar = bar_above(view.image, box)
            if bar is not None:
                read.bars[number] = bar.share
                place[0] = bar.middle + view.part.left
        if kind < Kind.KEEP:
            x, y = (place - view.corner[:2]).tolist()
            mark = mark_around(view.image, (x, y), _mark_radius(kind))
            if mark is not None:
                read.marked[number] = True
                place[:] = mark + view.corner[:2]


@dataclass(frozen=True, eq=False)
class _DrawnPart:
    """A part of a screen as it is drawn."""

    image: Pixels
    part: Region

    @property
    def corner(self) -> npt.NDArray[np.float32]:
        """What boxes of the screen are moved by, (4,)."""
        return np.array([self.part.left, self.part.top] * 2, np.float32)

    def pieces(self, facts: ModelFacts) -> list[tuple[Frame, Region]]:
        """What a model is shown of it, and where that lies on the screen."""
        whole, frame = Region(0, 0, self.part.width, self.part.height), Frame(self.image)
        cut = tiles_at_scale(whole, facts.input_size, facts.scale or 1.0, facts.has_free_size)
        left, top = self.part.left, self.part.top
        return [
            (
                frame.crop(one.left, one.top, one.width, one.height),
                Region(left + one.left, top + one.top, one.width, one.height),
            )
            for one in cut
        ]

    def holds(self, box: npt.NDArray[np.float32]) -> bool:
        """Whether all of a box of the screen is drawn here."""
        return bool(shown_whole(box[None], [self.part], SIZE, 0.0)[0])

    def cut(self, box: npt.NDArray[np.float32]) -> Pixels:
        """The pixels of a box."""
        x1, y1, x2, y2 = np.maximum(np.rint(box), 0).astype(int).tolist()
        return self.image[y1:y2, x1:x2]


class TimedModel:
    """A model that counts the seconds of its answers."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self.seconds = 0.0

    @property
    def facts(self) -> ModelFacts:
        """Of the model."""
        return self._model.facts

    def infer(self, frames: Sequence[Frame], floor: float) -> Inference:
        """As the model."""
        began = time.perf_counter()
        found = self._model.infer(frames, floor)
        self.seconds += time.perf_counter() - began
        return found

    def close(self) -> None:
        """Close the model."""
        self._model.close()


class Watch:
    """One game's screen, look by look: sightings under ids that stay.

    What has not changed since the last look is taken to be as it was.
    """

    def __init__(self, finder: Finder, look_ticks: int) -> None:
        """
        Args:
            finder: that looks.
            look_ticks: from one look to the next.
        """
        self._finder = finder
        self._tracker = EntityTracker(
            KIND_NAMES, TrackerSettings(frame_seconds=look_ticks / TICKS_A_SECOND)
        )
        self._before: Shown | None = None
        self._missed, self._misses = np.empty((0, 4), np.float32), np.empty(0, np.int_)
        """Boxes in which nothing was found again, and in how many looks: a detector that is shown a
        piece of a thing would never find it."""
        self._last = Sightings.none(len(finder.colours))

    def wanted(self, shown: Shown) -> ScreenLook:
        """What must be looked at: all that has changed, and all of what that touches."""
        changed = changes(self._before, shown)
        again = touched(self._last.boxes, changed)
        self._missed = np.concatenate([self._missed, self._last.boxes[again]])
        self._misses = np.concatenate([self._misses, np.zeros(int(again.sum()), np.int_)])
        self._last = self._last.where(~again)
        self._before = shown
        stand = self._missed[touched(self._missed, changed)]
        return ScreenLook(shown, np.concatenate([changed, stand]), parts_around(changed, stand))

    def take(self, found: Sightings, tick: int) -> tuple[tuple[str, ...], Sightings]:
        """After the look: ids of all that is believed to be there, and what was seen of it."""
        middles = (found.boxes[:, :2] + found.boxes[:, 2:]) / 2
        beyond = (middles < self._missed[:, None, :2]) | (middles > self._missed[:, None, 2:])
        self._misses += 1
        missed = np.asarray(beyond.any(axis=2)).all(axis=1) & (self._misses <= MISSED_LOOKS)
        self._missed, self._misses = self._missed[missed], self._misses[missed]
        self._last = self._last.joined(found.where(~self._kept(found)))
        return self._tracked(tick)

    def _kept(self, found: Sightings) -> npt.NDArray[np.bool_]:
        """Which of what is found was seen before where nothing has changed: (n,)."""
        first, second = pairs_between(found.boxes, self._last.boxes)
        same = found.kinds[first] == self._last.kinds[second]
        same &= pair_iou(found.boxes[first], self._last.boxes[second]) > SAME_IOU
        kept = np.zeros(len(found), np.bool_)
        kept[first[same]] = True
        return kept

    def predict(self, tick: int) -> Predicted:
        """Where things are by now, as far as that can be said without a look."""
        try:
            found = self._tracker.predict(timestamp=tick / TICKS_A_SECOND)
        except PredictionExpiredError:
            return Predicted((), np.empty((0, 4), np.float32), np.empty(0, np.intp))
        return Predicted(found.ids, found.boxes, found.class_ids)

    def _tracked(self, tick: int) -> tuple[tuple[str, ...], Sightings]:
        seen = self._last
        counts = seen.scores >= self._finder.least[seen.kinds]
        found = self._tracker.update(
            self._detections(seen.where(counts)),
            self._detections(seen.where(~counts)),
            timestamp=tick / TICKS_A_SECOND,
        ).confirmed()
        # The tracker returns boxes as they were given, in an order of its own.
        rows = {box.tobytes(): row for row, box in enumerate(seen.boxes)}
        order = np.array([rows[box.tobytes()] for box in found.boxes], np.intp)
        return found.ids, replace(seen.where(order), kinds=found.class_ids)

    def _detections(self, seen: Sightings) -> Detections:
        order = np.argsort(-seen.scores, kind="stable")
        seen = seen.where(order)
        return Detections(
            seen.boxes,
            seen.scores,
            seen.kinds,
            KIND_NAMES,
            ("",) * len(seen),
            self._finder.source,
            SIZE,
            np.zeros(len(seen), np.bool_),
        )


def open_finder_model(place: Path) -> Model:
    """A detector of the built-in game at the scale of its captures, on one thread.

    Args:
        place: a bundle's folder or zip, an ONNX file, or a folder of the updating client.

    Raises:
        DetectorError: it cannot be opened.
        PerceptionError: it does not know a kind of the game, or cannot be shown screens at the
            scale of training.
    """
    settings = DetectorSettings(threads=1, spinning=False)
    with_its_size = open_model(place, settings)
    side = max(with_its_size.facts.input_size)
    with_its_size.close()
    scale = side / max(FRAME_WIDTH, FRAME_HEIGHT)
    try:
        model = open_model(place, replace(settings, scale=scale))
    except ConfigurationError as error:
        raise PerceptionError(
            f"{place} cannot be shown screens at the scale of training: {error}",
            "Name an ONNX model that letterboxes what it is shown, as `outpost demo` makes one.",
        ) from error
    _require_kinds(model.facts)
    return model


def _require_kinds(facts: ModelFacts) -> None:
    missing = [name for name in KIND_NAMES if name not in facts.class_names]
    if missing:
        raise PerceptionError(
            f"{facts.source} finds no {', '.join(missing)}, which the game shows.",
            "Name a detector of the built-in game, as `outpost demo` makes one.",
        )


def _mark_radius(kind: int) -> float:
    return FOOTPRINTS[KIND_NAMES[kind]] + MARK_BEYOND
