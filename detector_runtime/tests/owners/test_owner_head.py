"""Whose things are: the head by itself, its file, and the votes of a track."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from detector_runtime import BundleError, Detections, EntityTracker, ModelSource
from detector_runtime.owners.evidence import COLOURS, FEATURES, GRID, codes_of, colour_codes
from detector_runtime.owners.head import OwnerHead, OwnerWeights
from detector_runtime.owners.head_file import read_head, write_head
from detector_runtime.tracking.owner_votes import VOTE_MEMORY
from detector_runtime.tracking.tracker import GreedyTracker

RED, BLUE, GRASS = (250, 10, 10), (10, 10, 250), (60, 120, 40)
OWNERS = ("red", "blue", "nature")


def plain_head() -> OwnerHead:
    """Whoever's colour is seen anywhere in the box owns it; nature, where none is."""
    table = np.zeros((COLOURS + 1, 2), np.uint8)
    for player, colour in enumerate((RED, BLUE)):
        table[codes_of(np.array(colour, np.uint8)), player] = 255
    places = np.zeros((1, FEATURES), np.float32)
    places[:, FEATURES // 2 :] = 2.0
    return OwnerHead(
        OWNERS,
        ("tent",),
        0.6,
        OwnerWeights(
            table=table,
            places=places,
            hidden=np.zeros((FEATURES, 1), np.float32),
            hidden_of_class=np.zeros((1, 1), np.float32),
            hidden_of_player=np.zeros((2, 1), np.float32),
            weight=np.zeros(1, np.float32),
            bias=np.array([[0, 0, 4]], np.float32),
        ),
    )


def screen() -> np.ndarray:
    """Grass with three tents: red in front of the first, blue on the second, none on the third."""
    pixels = np.full((60, 120, 3), GRASS, np.uint8)
    pixels[20:40, 10:30] = RED
    pixels[20:40, 60:70] = BLUE
    return pixels


BOXES = np.array([[10, 20, 30, 40], [55, 20, 75, 40], [95, 20, 115, 40]], np.float32)


def test_the_owner_is_whose_colour_is_seen() -> None:
    found = plain_head().probabilities(screen(), BOXES, np.zeros(3, np.intp))
    assert found.argmax(axis=1).tolist() == [0, 1, 2]
    assert np.allclose(found.sum(axis=1), 1)


def test_what_lies_outside_the_image_says_nothing() -> None:
    codes = colour_codes(screen(), np.array([[-20, -20, 0, 0]], np.float32))
    assert codes.shape == (1, GRID, GRID)
    assert (codes == COLOURS).mean() > 0.8


def test_boxes_are_judged_alike_however_many_there_are() -> None:
    head, many = plain_head(), np.tile(BOXES, (40, 1))
    found = head.probabilities(screen(), many, np.zeros(len(many), np.intp))
    once = head.probabilities(screen(), BOXES, np.zeros(3, np.intp))
    assert np.allclose(found, np.tile(once, (40, 1)), atol=1e-6)
    assert head.probabilities(screen(), BOXES[:0], np.zeros(0, np.intp)).shape == (0, 3)


def test_a_head_is_read_as_it_was_written() -> None:
    text = write_head(plain_head())
    again = read_head(text.encode(), "owners.json")
    assert write_head(again) == text
    found = again.probabilities(screen(), BOXES, np.zeros(3, np.intp))
    assert found.argmax(axis=1).tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"features": 1', '"features": 2'),
        ('"nature"', '"unknown"'),
        ('"shape": [1, 3]', '"shape": [1, 2]'),
    ],
)
def test_a_head_of_another_kind_is_refused(old: str, new: str) -> None:
    text = write_head(plain_head())
    assert old in text
    with pytest.raises(BundleError):
        read_head(text.replace(old, new).encode(), "owners.json")
    with pytest.raises(BundleError):
        read_head(text[:-40].encode(), "owners.json")


def pair(first: int, second: int, rows: tuple[int, int] = (0, 1)) -> Detections:
    """Two tents side by side, and what a frame says of their owners."""
    alone = [seen(first), seen(second)]
    found = [alone[0].owner_probabilities, alone[1].owner_probabilities]
    return replace(
        alone[0],
        boxes=BOXES[list(rows)],
        scores=np.array([0.9, 0.8], np.float32),
        class_ids=np.zeros(2, np.intp),
        ids=("", ""),
        tentative=np.zeros(2, np.bool_),
        owner_probabilities=np.concatenate([one for one in found if one is not None]),
    )


def seen(owner: int) -> Detections:
    probabilities = np.full((1, 3), 0.01, np.float32)
    probabilities[0, owner] = 0.98
    return Detections(
        boxes=BOXES[:1],
        scores=np.array([0.9], np.float32),
        class_ids=np.zeros(1, np.intp),
        class_names=("tent",),
        ids=("",),
        source=ModelSource("onnx", "test"),
        image_size=(120, 60),
        tentative=np.zeros(1, np.bool_),
        owner_names=OWNERS,
        owner_probabilities=probabilities,
        owner_threshold=0.6,
    )


TRACKERS = pytest.mark.parametrize("kind", [EntityTracker, GreedyTracker])


@TRACKERS
def test_a_track_outvotes_single_wrong_frames(kind: type[EntityTracker | GreedyTracker]) -> None:
    tracker = kind(("tent",))
    owners = [tracker.update(seen(owner))[0].owner for owner in (0, 0, 0, 1, 0, 2, 0)]
    assert owners == ["red"] * 7


@TRACKERS
def test_a_track_that_changes_hands_says_so_in_the_end(
    kind: type[EntityTracker | GreedyTracker],
) -> None:
    tracker = kind(("tent",))
    owners = [tracker.update(seen(owner))[0].owner for owner in [0] * 3 + [1] * 12]
    assert owners[0] == "red"
    assert owners[-1] == "blue"
    assert "unknown" in owners


@TRACKERS
def test_votes_stay_with_their_track_whatever_the_order(
    kind: type[EntityTracker | GreedyTracker],
) -> None:
    tracker = kind(("tent",))
    for _ in range(3):
        tracker.update(pair(0, 1))
    found = tracker.update(pair(1, 0, rows=(1, 0)))
    assert {one.id: one.owner for one in found} == {"tent_0": "red", "tent_1": "blue"}


@TRACKERS
def test_another_models_owners_do_not_inherit_votes(
    kind: type[EntityTracker | GreedyTracker],
) -> None:
    tracker = kind(("tent",))
    for _ in range(5):
        tracker.update(seen(0))
    renamed = tracker.update(replace(seen(1), owner_names=("north", "south", "nature")))
    assert (renamed[0].id, renamed[0].owner) == ("tent_0", "south")
    without = tracker.update(replace(seen(1), owner_names=(), owner_probabilities=None))
    assert (without[0].id, without[0].owner) == ("tent_0", None)
    assert tracker.update(seen(2))[0].owner == "nature"


@TRACKERS
def test_both_trackers_say_how_sure_the_votes_are(
    kind: type[EntityTracker | GreedyTracker],
) -> None:
    tracker = kind(("tent",))
    found = [tracker.update(seen(owner)) for owner in (0, 0, 1)][-1]
    whole = 1 + VOTE_MEMORY + VOTE_MEMORY**2
    red = (0.98 * (VOTE_MEMORY + VOTE_MEMORY**2) + 0.01) / whole
    assert found[0].owner_confidence == pytest.approx(red, abs=1e-5)


def test_a_weak_detection_says_nothing_of_the_owner() -> None:
    tracker = EntityTracker(("tent",))
    for _ in range(2):
        tracker.update(seen(0))
    weak = replace(seen(1), scores=np.array([0.1], np.float32), owner_probabilities=None)
    found = tracker.update(seen(0).where(np.array([False])), weak)
    assert [(one.id, one.owner) for one in found] == [("tent_0", "red")]
    assert tracker.predict()[0].owner == "red"


def test_without_a_head_no_owner_is_told_and_an_unsure_one_is_unknown() -> None:
    sure = seen(1)
    entity = sure[0]
    assert (entity.owner, entity.to_dict()["owner"]) == ("blue", "blue")
    assert entity.owner_confidence == pytest.approx(0.98)
    assert replace(sure, owner_threshold=0.99)[0].owner == "unknown"
    assert replace(sure, owner_names=(), owner_probabilities=None)[0].owner is None
    assert sure.where(np.array([True])).owners == ("blue",)
