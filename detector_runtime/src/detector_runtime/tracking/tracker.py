"""Entities keep their ids over frames.

Tracks live in the coordinates of the game's world: the camera is where the screen's upper left
corner lies in it, so that a pan moves the screen and not the tracks. A track that the pan takes out
of view waits there, and is not counted as missed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detector_runtime.checks import check_count, check_kind, check_number
from detector_runtime.errors import ConfigurationError, PredictionExpiredError
from detector_runtime.geometry.overlap import pair_iou, pairs_between
from detector_runtime.results import Detections
from detector_runtime.tracking.assignment import assign
from detector_runtime.tracking.kalman import Motion, MotionNoise, centred
from detector_runtime.tracking.owner_votes import (
    VOTE_MEMORY,
    Votes,
    owner_shares,
    owner_votes_of,
    with_new_votes,
)

Indices = NDArray[np.intp]
Pairs = tuple[Indices, Indices]
Shift = tuple[float, float]

TRUST_MEMORY = 0.98
"""Share of what is known of first sightings that is left after each frame."""

TRUSTED_LOST_SHARE = 0.1
"""Share of first sightings that come to nothing up to which new ones are believed at once."""

ERROR_FRAMES = 4
"""Detections over which a track's own prediction error is averaged."""


@dataclass(frozen=True)
class TrackerSettings:
    """How tracks are matched, kept and given up.

    Overlaps are IoU, 0 to 1. Which of them counts when is in `EntityTracker`. A miss is a frame
    without a detection of a track whose place is in view.

    Attributes:
        iou_threshold: least overlap of a track's predicted box and a detection of its class, where
            nothing speaks against the track. Raising it gives more new ids to what moves fast or
            turns; lowering it gives more ids to a wrong neighbour.
        recent_iou: least overlap in a later round, for tracks with at most `recent_misses` misses
            and detections of their class that nothing else claimed: a unit that turned is not where
            it was predicted, but cannot be far. Raising it lets more units that turn change their
            id; lowering it lets more ids pass to whatever appears beside a unit that vanished.
        recent_misses: misses up to which a track counts as seen lately, in `recent_iou` and in
            `lost_iou`. Raising it forgives longer gaps, and follows more tracks that are gone.
        weak_iou: least overlap with a detection that scores too low to count by itself, but may
            show what a track is waiting for. Raising it ends more tracks of what is half hidden;
            lowering it keeps more tracks alive on noise.
        other_class_iou: least overlap with a detection of another class, which then has a vote on
            what the track is. Raising it begins more second tracks where the detector wavers
            between classes; 1 never lets a class change.
        lost_iou: least overlap for a steady track (`steady_share`) with more than `recent_misses`
            misses: likely it left, and this is something else. Raising it gives more new ids to
            what comes back; lowering it gives more old ids to something else.
        steady_share: detections per frame in view from which on a track is steady, so that a long
            gap is news. Raising it makes fewer tracks steady, so that more are matched after a gap
            by `iou_threshold` alone; above 1 none is.
        max_misses: misses that a confirmed track survives. Raising it bridges longer gaps, and
            keeps more tracks of what is gone, which may take on new detections.
        tentative_misses: misses that a tentative track survives. Raising it confirms more of what
            is seen seldom, false detections included.
        confirm_hits: detections after which a track is confirmed. Raising it reports fewer false
            entities, and real ones later.
        sure_score: score, 0 to 1, from which on one detection is enough to be confirmed. Raising it
            keeps more new tracks tentative. While nearly all first sightings of the last frames
            came true, no new track is reported as tentative.
        max_parked: frames out of view that a confirmed track survives. Raising it gives more units
            their old id after the camera comes back, and more of them to another one in that place.
        frame_seconds: how long one frame is, for updates with timestamps: velocities are per frame.
            Raising it lets tracks move less in the same time.
        max_steps: frames that a longer pause counts as. Raising it predicts farther over a pause,
            with less certainty.
        max_predictions: frames ahead up to which positions may be predicted without a detection.
            Raising it saves more looks, and lets predictions be farther off.
        noise: of the motion filter.
    """

    iou_threshold: float = 0.3
    recent_iou: float = 0.1
    recent_misses: int = 2
    weak_iou: float = 0.1
    other_class_iou: float = 0.3
    lost_iou: float = 0.5
    steady_share: float = 0.8
    max_misses: int = 15
    tentative_misses: int = 3
    confirm_hits: int = 2
    sure_score: float = 0.7
    max_parked: int = 150
    frame_seconds: float = 1.0
    max_steps: float = 10.0
    max_predictions: int = 3
    noise: MotionNoise = field(default_factory=MotionNoise)

    def __post_init__(self) -> None:
        shares = ("iou_threshold", "recent_iou", "weak_iou", "other_class_iou", "lost_iou")
        for name in (*shares, "sure_score"):
            check_number(name, getattr(self, name), 0, 1)
        misses = ("recent_misses", "max_misses", "tentative_misses")
        for name in (*misses, "max_parked", "max_predictions"):
            check_count(name, getattr(self, name), 0)
        check_count("confirm_hits", self.confirm_hits, 1)
        check_number("steady_share", self.steady_share, 0)
        check_number("frame_seconds", self.frame_seconds, 1e-6)
        check_number("max_steps", self.max_steps, 1)
        check_kind("noise", self.noise, MotionNoise)


class IdCounter:
    """Hands out `class_n`, each once."""

    def __init__(self, class_names: Sequence[str]) -> None:
        self._names = tuple(class_names)
        self._next = [0] * len(self._names)

    def take(self, class_ids: Indices) -> list[str]:
        """One new id for each of these classes."""
        taken = []
        for class_id in class_ids.tolist():
            taken.append(f"{self._names[class_id]}_{self._next[class_id]}")
            self._next[class_id] += 1
        return taken

    def for_classes(self, class_names: Sequence[str]) -> IdCounter:
        """One for another list of classes; those of the same name go on counting."""
        counts = dict(zip(self._names, self._next))  # noqa: B905
        other = IdCounter(class_names)
        other._next = [counts.get(name, 0) for name in other._names]
        return other


@dataclass
class _Tracks:
    """All tracks, one entry each; places are in world pixels."""

    motion: Motion
    ids: NDArray[np.object_]
    votes: NDArray[np.float64]
    owner_votes: Votes
    confirmed: NDArray[np.bool_]
    trusted: NDArray[np.bool_]
    age: Indices
    hits: Indices
    judged: Indices
    misses: Indices
    frames_out_of_view: Indices
    error: NDArray[np.float64]
    scores: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.ids)

    def class_ids(self) -> Indices:
        chosen: Indices = np.argmax(self.votes, axis=1)
        return chosen

    def take(self, which: Indices) -> _Tracks:
        entries = {name: getattr(self, name)[which] for name in _ENTRIES}
        return _Tracks(self.motion.take(which), **entries)

    def joined(self, other: _Tracks) -> _Tracks:
        entries = {
            name: np.concatenate([getattr(self, name), getattr(other, name)]) for name in _ENTRIES
        }
        return _Tracks(self.motion.joined(other.motion), **entries)


_ENTRIES = tuple(each.name for each in fields(_Tracks) if each.name != "motion")


@dataclass(frozen=True)
class MatchRound:
    """One round in which tracks and detections that are still free are matched.

    Attributes:
        name: for people.
        tracks: (n,), which tracks take part.
        boxes: (m,), which detections take part.
        same_class: whether a pair must be of one class, or of two.
        min_iou: least overlap of a pair, 0 to 1.
    """

    name: str
    tracks: NDArray[np.bool_]
    boxes: NDArray[np.bool_]
    same_class: bool
    min_iou: float


class EntityTracker:
    """Kalman filter and Hungarian assignment, camera pans taken into account.

    Each frame, tracks and detections are matched by overlap in five rounds. Each takes only what is
    left of those before it, so likely pairs come first:

    1. *predicted*: detections that count, to tracks of their class that are not missing against
       expectation (`iou_threshold`).
    2. *lost*: the same to all tracks, so to steady ones that have been missing for longer
       (`lost_iou`).
    3. *recent*: the same to tracks seen lately, which may have turned (`recent_iou`).
    4. *weak*: detections that score too low to count, to tracks of their class (`weak_iou`).
    5. *other class*: detections that count, to tracks of another class (`other_class_iou`).

    What counts and is left begins new tracks. An id is never given twice, and never changed when
    the votes on a track's class change.
    """

    def __init__(self, class_names: Sequence[str], settings: TrackerSettings | None = None) -> None:
        self.settings = settings or TrackerSettings()
        self.class_names = tuple(class_names)
        self._counter = IdCounter(self.class_names)
        self._confirmed_count = self._lost_count = 0.0
        self._owner_names: tuple[str, ...] = ()
        self._tracks = self._new_tracks(np.empty((0, 4)), _nothing(np.float32), _nothing(np.intp))
        self._camera = np.zeros(2)
        self._clock: float | None = None
        self._latest: Detections | None = None
        self._predictions = 0
        self._camera_rests = True

    def __len__(self) -> int:
        return len(self._tracks)

    @property
    def camera(self) -> Shift:
        """Where the screen's upper left corner is in the world of the tracks, in pixels."""
        return float(self._camera[0]), float(self._camera[1])

    def for_classes(self, class_names: Sequence[str]) -> EntityTracker:
        """One without tracks for another list of classes; ids go on counting."""
        other = EntityTracker(class_names, self.settings)
        other._counter = self._counter.for_classes(class_names)
        return other

    def update(
        self,
        detections: Detections,
        weak: Detections | None = None,
        *,
        timestamp: float | None = None,
        camera_shift: Shift = (0.0, 0.0),
    ) -> Detections:
        """The next frame's detections, under their persistent ids.

        Args:
            detections: what counts; its ids are ignored.
            weak: what scores too low to count, but may be what a track is waiting for.
            timestamp: seconds on any clock; without it, one frame has passed. The same as in the
                last update: no time has passed, as on a coarse clock.
            camera_shift: pixels that the camera moved over the world since the last frame.

        Returns:
            The detections and the weak ones that continue a track, best first.

        Raises:
            ConfigurationError: time runs backwards or a value is not finite; nothing is changed.
        """
        steps = self._steps_since(timestamp)
        if not all(math.isfinite(value) for value in camera_shift):
            raise ConfigurationError("camera_shift is not finite", "Pass two numbers of pixels.")
        self._clock = timestamp
        self._camera += camera_shift
        self._predictions = 0
        self._camera_rests = max(abs(value) for value in camera_shift) < 1.0
        self._latest = self._step(_Seen.of(detections, weak), steps, detections)
        return self._latest

    def predict(self, *, timestamp: float | None = None) -> Detections:
        """Where the entities of the last frame are by now, without looking. Changes no track.

        The n-th call since the last update looks n frames ahead; with a timestamp, to that time.
        Confidences are the last scores times the chance that the place is still right.

        Raises:
            PredictionExpiredError: nothing was seen yet, the camera was moving, or the last look is
                too long ago: look again.
        """
        steps = self._next_prediction(timestamp)
        if self._latest is None or self._right(steps) == 0.0:
            raise PredictionExpiredError(
                "positions can no longer be predicted",
                "Look again: call one of the detector's detect methods.",
            )
        self._predictions += 1
        tracks = self._visible()
        ahead = tracks.motion.take(np.arange(len(tracks)))
        ahead.predict(steps)
        boxes = ahead.boxes() - np.tile(self._camera, 2)
        return replace(
            self._latest,
            boxes=boxes.astype(np.float32),
            scores=(tracks.scores * self._chances(tracks, steps)).astype(np.float32),
            class_ids=tracks.class_ids(),
            ids=tuple(tracks.ids.tolist()),
            tentative=np.zeros(len(tracks), np.bool_),
            owner_probabilities=owner_shares(tracks.owner_votes),
        )

    def get_confidence(self, *, timestamp: float | None = None) -> float:
        """How far the next `predict` can be trusted, from 0 to 1.

        The chance that an entity is still where it is predicted, averaged over the confirmed ones
        seen in the last frame; from how well past predictions held for each. 0 when there are none,
        when the camera was moving, and after `max_predictions` without a look.
        """
        return self._right(self._next_prediction(timestamp))

    def check_timestamp(self, timestamp: float | None) -> None:
        """Raises ConfigurationError when time would run backwards."""
        self._steps_since(timestamp)

    def reset(self) -> None:
        """Forgets all tracks and the clock, as after a cut to another place; ids go on counting."""
        self._tracks = self._tracks.take(_nothing(np.intp))
        self._clock = None
        self._latest = None
        self._camera_rests = True

    def _step(self, seen: _Seen, steps: float, frame: Detections) -> Detections:
        self._confirmed_count *= TRUST_MEMORY
        self._lost_count *= TRUST_MEMORY
        if frame.owner_names != self._owner_names:
            # Another model: what was said of other owners means nothing now.
            self._owner_names = frame.owner_names
            self._tracks.owner_votes = np.zeros((len(self._tracks), len(frame.owner_names)))
        self._tracks.motion.predict(steps)
        boxes = seen.boxes + np.tile(self._camera, 2)
        in_view = self._in_view(frame.image_size)
        matched, detected = self._match(seen, boxes)
        off = self._learn(matched, detected, seen, boxes)
        if steps > 0:
            self._judge_predictions(matched, off)
        self._miss(matched, in_view)
        unexplained = seen.counts.copy()
        unexplained[detected] = False
        fresh = np.flatnonzero(unexplained)
        born = self._new_tracks(centred(boxes[fresh]), seen.scores[fresh], seen.class_ids[fresh])
        born.owner_votes = seen.owners[fresh]
        # Positions of the reported tracks, before those given up leave.
        rows = np.concatenate([matched, len(self._tracks) + np.arange(len(fresh))])
        columns = np.concatenate([detected, fresh])
        everything = self._tracks.joined(born) if len(born) else self._tracks
        result = self._report(everything, rows.astype(np.intp), columns, seen, frame)
        alive = self._alive(everything)
        self._tracks = everything if alive.all() else everything.take(np.flatnonzero(alive))
        return result

    def _match(self, seen: _Seen, boxes: NDArray[np.floating[Any]]) -> Pairs:
        """Which tracks go on with which detections."""
        classes, places = self._tracks.class_ids(), self._tracks.motion.boxes()
        free_tracks = np.ones(len(classes), np.bool_)
        free_boxes = np.ones(len(boxes), np.bool_)
        found: list[Pairs] = [(_nothing(np.intp), _nothing(np.intp))]
        for matching in self._match_rounds(seen.counts):
            rows = np.flatnonzero(free_tracks & matching.tracks)
            columns = np.flatnonzero(free_boxes & matching.boxes)
            if len(rows) == 0 or len(columns) == 0:
                continue
            a, b = pairs_between(places[rows], boxes[columns])
            a, b = rows[a], columns[b]
            fits = (classes[a] == seen.class_ids[b]) == matching.same_class
            a, b = a[fits], b[fits]
            overlap = pair_iou(places[a], boxes[b])
            a, b = assign(a, b, 1.0 - overlap, 1.0 - matching.min_iou)
            free_tracks[a] = False
            free_boxes[b] = False
            found.append((a, b))
        return np.concatenate([a for a, _ in found]), np.concatenate([b for _, b in found])

    def _match_rounds(self, counts: NDArray[np.bool_]) -> tuple[MatchRound, ...]:
        """The rounds of this frame, in order; `counts` are the detections that count."""
        settings = self.settings
        every = np.ones(len(self._tracks), np.bool_)
        recent = self._tracks.misses <= settings.recent_misses
        steady = self._tracks.hits >= settings.steady_share * self._tracks.age
        return (
            MatchRound("predicted", recent | ~steady, counts, True, settings.iou_threshold),
            MatchRound("lost", every, counts, True, settings.lost_iou),
            MatchRound("recent", recent, counts, True, settings.recent_iou),
            MatchRound("weak", every, ~counts, True, settings.weak_iou),
            MatchRound("other class", every, counts, False, settings.other_class_iou),
        )

    def _learn(
        self, matched: Indices, detected: Indices, seen: _Seen, boxes: NDArray[np.floating[Any]]
    ) -> NDArray[np.float64]:
        """What the detections say of the tracks; by how far each was off, (k, 2) in pixels."""
        tracks = self._tracks
        off = tracks.motion.update(matched, centred(boxes[detected]))
        tracks.votes[matched] *= VOTE_MEMORY
        tracks.votes[matched, seen.class_ids[detected]] += seen.scores[detected]
        owners = with_new_votes(tracks.owner_votes[matched], seen.owners[detected])
        tracks.owner_votes[matched] = owners
        tracks.scores[matched] = seen.scores[detected]
        tracks.hits[matched] += 1
        self._confirmed_count += int((tracks.hits[matched] == self.settings.confirm_hits).sum())
        tracks.confirmed[matched] |= tracks.hits[matched] >= self.settings.confirm_hits
        tracks.misses[matched] = 0
        tracks.frames_out_of_view[matched] = 0
        return off

    def _judge_predictions(self, matched: Indices, off: NDArray[np.float64]) -> None:
        """Learns from how far each matched track was off how far it can be predicted."""
        tracks = self._tracks
        tracks.judged[matched] += 1
        weight = 1.0 / np.minimum(tracks.judged[matched], ERROR_FRAMES)
        square = (off**2).mean(axis=1)
        tracks.error[matched] += weight * (square - tracks.error[matched])

    def _miss(self, matched: Indices, in_view: NDArray[np.bool_]) -> None:
        tracks = self._tracks
        missed = np.ones(len(tracks), np.bool_)
        missed[matched] = False
        tracks.age[in_view] += 1
        tracks.misses[missed & in_view] += 1
        tracks.frames_out_of_view[missed & ~in_view] += 1
        once = missed & in_view & (tracks.hits < self.settings.confirm_hits)
        self._lost_count += int(
            (once & (tracks.misses == self.settings.tentative_misses + 1)).sum()
        )
        # What is out of view may turn back any time; where it was last is the best guess.
        tracks.motion.mean[missed & ~in_view, 2:4] = 0.0

    def _alive(self, tracks: _Tracks) -> NDArray[np.bool_]:
        settings = self.settings
        most = np.where(tracks.confirmed, settings.max_misses, settings.tentative_misses)
        longest = np.where(tracks.confirmed, settings.max_parked, 0)
        return np.logical_and(tracks.misses <= most, tracks.frames_out_of_view <= longest)

    def _report(
        self, tracks: _Tracks, rows: Indices, columns: Indices, seen: _Seen, frame: Detections
    ) -> Detections:
        order = np.argsort(columns)
        rows, columns = rows[order], columns[order]
        # `seen` holds what counts before what is weak, each best first.
        return replace(
            frame,
            boxes=seen.boxes[columns],
            scores=seen.scores[columns],
            class_ids=np.argmax(tracks.votes[rows], axis=1),
            ids=tuple(tracks.ids[rows].tolist()),
            tentative=~(tracks.confirmed | tracks.trusted)[rows],
            owner_probabilities=owner_shares(tracks.owner_votes[rows]),
        )

    def _new_tracks(
        self, measured: NDArray[np.float64], scores: NDArray[np.float32], class_ids: Indices
    ) -> _Tracks:
        count = len(measured)
        votes = np.zeros((count, len(self.class_names)))
        votes[np.arange(count), class_ids] = scores
        noise = self.settings.noise
        return _Tracks(
            motion=Motion.start(noise, measured),
            ids=np.array(self._counter.take(class_ids), object),
            votes=votes,
            owner_votes=np.zeros((count, len(self._owner_names))),
            confirmed=(scores >= self.settings.sure_score) | (self.settings.confirm_hits <= 1),
            trusted=np.full(count, self._trusts_at_once()),
            age=np.ones(count, np.intp),
            hits=np.ones(count, np.intp),
            judged=np.zeros(count, np.intp),
            misses=np.zeros(count, np.intp),
            frames_out_of_view=np.zeros(count, np.intp),
            error=np.full(count, float(noise.first_velocity) ** 2),
            scores=scores,
        )

    def _trusts_at_once(self) -> bool:
        """Whether this detector's first sightings have mostly turned out to be true."""
        # The 1 lets trust come back where nothing new was seen for long.
        return self._lost_count <= TRUSTED_LOST_SHARE * (
            1.0 + self._confirmed_count + self._lost_count
        )

    def _in_view(self, image_size: tuple[int, int]) -> NDArray[np.bool_]:
        centre = self._tracks.motion.mean[:, :2] - self._camera
        return np.asarray(((centre >= 0) & (centre <= image_size)).all(axis=1))

    def _visible(self) -> _Tracks:
        """Confirmed tracks seen in the last frame and at a time before it: so with a velocity."""
        tracks = self._tracks
        shown = (tracks.misses == 0) & (tracks.frames_out_of_view == 0)
        return tracks.take(np.flatnonzero(shown & tracks.confirmed & (tracks.judged > 0)))

    def _right(self, steps: float) -> float:
        """How far a prediction over `steps` frames can be trusted, from 0 to 1."""
        if not self._camera_rests or steps > self.settings.max_predictions:
            return 0.0
        tracks = self._visible()
        return float(self._chances(tracks, steps).mean()) if len(tracks) else 0.0

    def _chances(self, tracks: _Tracks, steps: float) -> NDArray[np.float64]:
        """For each track, the chance that its predicted centre lies within its true box."""
        spread = np.sqrt(tracks.error) * max(steps, 1.0)
        half = np.maximum(tracks.motion.mean[:, 4:], 1.0) / 2
        ratio = half / (np.maximum(spread, 1e-6)[:, None] * math.sqrt(2))
        return np.array([math.erf(x) * math.erf(y) for x, y in ratio.tolist()], np.float64)

    def _next_prediction(self, timestamp: float | None) -> float:
        if timestamp is None:
            return float(self._predictions + 1)
        check_number("timestamp", timestamp, -math.inf)
        return max(self._frames_between(timestamp), 0.0)

    def _steps_since(self, timestamp: float | None) -> float:
        if timestamp is not None:
            check_number("timestamp", timestamp, -math.inf)
        if timestamp is None or self._clock is None:
            return 1.0
        steps = self._frames_between(timestamp)
        if steps < 0:
            raise ConfigurationError(
                f"the timestamp {timestamp} lies before {self._clock}, that of the last frame",
                "Pass seconds on one clock that runs forward, for example time.monotonic(); call "
                "reset_tracking() before the frames of another recording.",
            )
        return min(steps, self.settings.max_steps)

    def _frames_between(self, timestamp: float) -> float:
        return (timestamp - (self._clock or 0.0)) / self.settings.frame_seconds


@dataclass(frozen=True)
class _Seen:
    """The detections of a frame: those that count, then the weak ones."""

    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    class_ids: Indices
    counts: NDArray[np.bool_]
    owners: Votes

    @classmethod
    def of(cls, detections: Detections, weak: Detections | None) -> _Seen:
        parts = [detections] if weak is None else [detections, weak]
        counts = np.zeros(sum(len(part) for part in parts), np.bool_)
        counts[: len(detections)] = True
        return cls(
            np.concatenate([part.boxes for part in parts]),
            np.concatenate([part.scores for part in parts]),
            np.concatenate([part.class_ids for part in parts]),
            counts,
            np.concatenate([owner_votes_of(part) for part in parts]),
        )


class GreedyTracker:
    """Keeps ids by overlap with the previous frame alone: no motion, and no memory of what one
    frame does not show, beside the votes on the owners of what goes on."""

    def __init__(self, class_names: Sequence[str], iou_threshold: float = 0.4) -> None:
        self._iou_threshold = iou_threshold
        self._counter = IdCounter(class_names)
        self._previous: Detections | None = None
        self._owner_votes = np.empty((0, 0))

    def for_classes(self, class_names: Sequence[str]) -> GreedyTracker:
        """One without memory for another list of classes; ids go on counting."""
        other = GreedyTracker(class_names, self._iou_threshold)
        other._counter = self._counter.for_classes(class_names)
        return other

    def update(
        self,
        detections: Detections,
        weak: Detections | None = None,
        *,
        timestamp: float | None = None,
        camera_shift: Shift = (0.0, 0.0),
    ) -> Detections:
        """The next frame's detections under persistent ids. `weak` and `timestamp` are not used."""
        del weak, timestamp
        ids = [""] * len(detections)
        known = () if self._previous is None else self._previous.ids
        continued = self._continued(detections, camera_shift)
        for old, new in continued.items():
            ids[new] = known[old]
        fresh = np.array([index for index, name in enumerate(ids) if not name], np.intp)
        names = self._counter.take(detections.class_ids[fresh])
        for index, name in zip(fresh.tolist(), names):  # noqa: B905
            ids[index] = name
        self._owner_votes = self._voted(detections, continued)
        owners = owner_shares(self._owner_votes)
        self._previous = replace(detections, ids=tuple(ids), owner_probabilities=owners)
        return self._previous

    def _voted(self, detections: Detections, continued: dict[int, int]) -> Votes:
        """The votes on the owner of each detection; those of another model's owners are gone."""
        votes = owner_votes_of(detections)
        before = self._previous
        if before is not None and before.owner_names == detections.owner_names:
            old, new = list(continued), list(continued.values())
            votes[new] = with_new_votes(self._owner_votes[old], votes[new])
        return votes

    def check_timestamp(self, timestamp: float | None) -> None:
        """Accepts any time: only the order of the frames counts here."""

    def reset(self) -> None:
        """Forgets the previous frame; ids go on counting."""
        self._previous = None

    def _continued(self, detections: Detections, camera_shift: Shift) -> dict[int, int]:
        """By index of a previous detection that of the new one that goes on with it."""
        before = self._previous
        if before is None:
            return {}
        moved = before.boxes - np.tile(np.array(camera_shift, np.float32), 2)
        old, new = pairs_between(moved, detections.boxes)
        overlap = pair_iou(moved[old], detections.boxes[new])
        fits = (before.class_ids[old] == detections.class_ids[new]) & (
            overlap > self._iou_threshold
        )
        order = np.argsort(-overlap[fits], kind="stable")
        continued, taken = dict[int, int](), set[int]()
        for a, b in zip(old[fits][order].tolist(), new[fits][order].tolist()):  # noqa: B905
            if a not in continued and b not in taken:
                continued[a] = b
                taken.add(b)
        return continued


def _nothing(kind: Any) -> NDArray[Any]:
    return np.empty(0, kind)
