from __future__ import annotations

import copy
import re
from collections.abc import Sequence

import numpy as np
import pytest

from detector_runtime import (
    ConfigurationError,
    Detections,
    EntityTracker,
    ModelSource,
    PredictionExpiredError,
    TrackerSettings,
)
from detector_runtime.tracking.tracker import GreedyTracker

NAMES = ("sheep", "villager", "knight_line", "camel_line")
SCREEN = (1000, 600)


def seen(*entries: tuple[float, ...], size: float = 40) -> Detections:
    """Boxes around (x, y), with class and score where given."""
    filled = [(*entry, *(0, 0.6)[len(entry) - 2 :]) for entry in entries]
    place = np.array([entry[:2] for entry in filled], np.float32).reshape(-1, 2)
    return Detections(
        boxes=np.concatenate([place - size / 2, place + size / 2], 1).astype(np.float32),
        scores=np.array([entry[3] for entry in filled], np.float32),
        class_ids=np.array([entry[2] for entry in filled], np.intp),
        class_names=NAMES,
        ids=("",) * len(filled),
        source=ModelSource("mock", "test"),
        image_size=SCREEN,
        tentative=np.zeros(len(filled), np.bool_),
    )


def tracker(**settings: object) -> EntityTracker:
    return EntityTracker(NAMES, TrackerSettings(**settings))  # type: ignore[arg-type]


def walk(following: EntityTracker, frames: Sequence[Detections]) -> list[Detections]:
    return [following.update(frame) for frame in frames]


def test_ids_follow_units_that_walk() -> None:
    results = walk(tracker(), [seen((100 + 12 * i, 100), (400 - 9 * i, 300)) for i in range(12)])
    assert {result.ids for result in results} == {("sheep_0", "sheep_1")}


def test_units_that_cross_keep_their_ids() -> None:
    following = tracker()
    for i in range(21):
        result = following.update(seen((300 + 20 * i, 300), (700 - 20 * i, 310)))
    left, right = sorted(result, key=lambda entity: entity.center[0])
    assert (left.id, right.id) == ("sheep_1", "sheep_0")


def test_ids_are_never_given_twice() -> None:
    following = tracker(max_misses=1)
    ids = []
    for i in range(30):
        found = following.update(seen((100 + 200 * (i % 4), 100), (500, 300 + 100 * (i % 3), 1)))
        ids += found.ids
        following.update(seen())
        following.update(seen())
        following.update(seen())
        following.update(seen())
    assert len(ids) == len(set(ids)) == 60
    following.reset()
    assert following.update(seen((100, 100))).ids == ("sheep_30",)


def test_the_docstring_tells_the_rounds_in_their_order() -> None:
    rounds = tracker()._match_rounds(np.ones(0, np.bool_))
    told = re.findall(r"^ *\d\. \*(.+)\*:", EntityTracker.__doc__ or "", re.MULTILINE)
    assert told == [each.name for each in rounds]


def test_a_track_survives_exactly_max_misses() -> None:
    for gap, same in ((3, True), (4, False)):
        following = tracker(max_misses=3)
        walk(following, [seen((100, 100))] * 3)
        walk(following, [seen()] * gap)
        found = following.update(seen((100, 100)))
        assert (found.ids == ("sheep_0",)) is same
        assert len(following) == 1


def test_what_was_seen_once_is_tentative_where_detections_were_false() -> None:
    following = tracker()
    following.update(seen((800, 500)))
    walk(following, [seen()] * 4)
    first = following.update(seen((100, 100)))
    assert first[0].tentative
    assert len(first.confirmed()) == 0
    assert not following.update(seen((100, 100)))[0].tentative
    assert not following.update(seen((500, 300, 0, 0.8)))[0].tentative


def test_a_detector_that_was_right_so_far_is_believed_at_once() -> None:
    following = tracker()
    standing = [(100.0 + 80 * i, 100.0) for i in range(10)]
    assert not following.update(seen(*standing)).tentative.any()
    walk(following, [seen(*standing)] * 3)
    assert not following.update(seen(*standing, (500, 300)))[10].tentative
    for x in range(60, 960, 60):
        false_detection = following.update(seen(*standing, (x, 500)))[10]
    assert false_detection.tentative
    walk(following, [seen(*standing)] * 400)
    assert not following.update(seen(*standing, (500, 300)))[10].tentative


def test_a_false_detection_is_given_up_sooner() -> None:
    following = tracker(tentative_misses=1)
    following.update(seen((100, 100)))
    walk(following, [seen()] * 2)
    assert len(following) == 0


def test_what_was_always_seen_and_then_left_is_not_taken_up_by_something_else() -> None:
    for steady, same in ((True, False), (False, True)):
        following = tracker()
        for frame in range(20):
            following.update(seen((100, 100)) if steady or frame % 2 == 0 else seen())
        walk(following, [seen()] * 4)
        assert (following.update(seen((120, 100))).ids == ("sheep_0",)) is same


def test_weak_detections_continue_tracks_and_begin_none() -> None:
    following = tracker()
    walk(following, [seen((100, 100))] * 3)
    found = following.update(seen(), seen((102, 100, 0, 0.15), (500, 300, 0, 0.2)))
    assert found.ids == ("sheep_0",)
    assert found[0].confidence == pytest.approx(0.15)
    assert len(following) == 1


def test_a_track_takes_no_detection_of_another_class_while_its_own_is_there() -> None:
    following = tracker()
    walk(following, [seen((100, 100, 0), (130, 100, 1))] * 3)
    found = following.update(seen((128, 100, 0), (102, 100, 1)))
    assert {entity.id: entity.class_name for entity in found} == {
        "sheep_0": "sheep",
        "villager_0": "villager",
    }
    assert found.find_entity_by_id("sheep_0").center[0] == pytest.approx(128)


def test_the_class_is_voted_on_and_the_id_stays() -> None:
    following = tracker()
    walk(following, [seen((100, 100, 2))] * 4)
    flicker = following.update(seen((100, 100, 3)))
    assert (flicker[0].id, flicker[0].class_name) == ("knight_line_0", "knight_line")
    for _ in range(12):
        found = following.update(seen((100, 100, 3)))
    assert (found[0].id, found[0].class_name) == ("knight_line_0", "camel_line")


def test_a_pan_moves_the_screen_and_not_the_tracks() -> None:
    following = tracker()
    places = [(100.0 + 150 * i, 300.0) for i in range(6)]
    before = walk(following, [seen(*places)] * 3)[-1]
    panned = following.update(seen(*[(x - 75, y) for x, y in places]), camera_shift=(75, 0))
    assert panned.ids == before.ids
    lost = tracker()
    walk(lost, [seen(*places)] * 3)
    assert lost.update(seen(*[(x - 75, y) for x, y in places])).ids != before.ids


def test_tracks_out_of_view_wait() -> None:
    following = tracker(max_misses=2, max_parked=40)
    walk(following, [seen((100, 300), (900, 300))] * 3)
    following.update(seen((400, 300)), camera_shift=(500, 0))
    walk(following, [seen((400, 300))] * 30)
    back = following.update(seen((100, 300), (900, 300)), camera_shift=(-500, 0))
    assert set(back.ids) == {"sheep_0", "sheep_1"}
    following.update(seen(), camera_shift=(5000, 0))
    walk(following, [seen()] * 41)
    assert len(following) == 0


def test_velocities_are_per_time_and_not_per_call() -> None:
    following = tracker(frame_seconds=1.0)
    clock = 100.0
    for gap in (1.0, 1.0, 1.0, 1.0, 1.0, 3.0, 0.5, 2.0, 4.0):
        clock += gap
        found = following.update(seen((100 + 15 * (clock - 101), 100)), timestamp=clock)
        assert found.ids == ("sheep_0",)


def test_two_frames_at_one_time_are_two_looks_between_which_nothing_moves() -> None:
    # A clock that ticks 64 times a second, as Windows' does, and images that come faster.
    following = tracker(frame_seconds=1.0)
    for i in range(10):
        for _ in range(3):
            found = following.update(seen((100 + 15 * i, 100)), timestamp=float(i))
            assert found.ids == ("sheep_0",)
            assert found[0].center[0] == 100 + 15 * i
    assert following.predict(timestamp=10.0)[0].center[0] == pytest.approx(250, abs=2)
    assert following.get_confidence(timestamp=9.0) > 0.8


def test_looks_at_one_time_say_nothing_of_how_far_a_place_can_be_predicted() -> None:
    following = tracker()
    for _ in range(5):
        following.update(seen((100, 100)), timestamp=1.0)
    assert following.get_confidence(timestamp=2.0) == 0.0
    for i in range(8):
        following.update(seen((100, 100)), timestamp=2.0 + i)
    assert following.get_confidence(timestamp=10.0) > 0.8


def test_another_recording_may_have_another_clock() -> None:
    following = tracker()
    following.update(seen((100, 100)), timestamp=1e9)
    with pytest.raises(ConfigurationError, match="reset_tracking"):
        following.update(seen((100, 100)), timestamp=0.0)
    following.reset()
    assert following.update(seen((100, 100)), timestamp=0.0).ids == ("sheep_1",)


@pytest.mark.parametrize(
    "wrong",
    [
        {"timestamp": 5.0},
        {"timestamp": 10**400},
        {"timestamp": float("-inf")},
        {"timestamp": float("nan")},
        {"timestamp": "6"},
        {"camera_shift": (float("inf"), 0)},
    ],
)
def test_bad_arguments_leave_the_tracks_unharmed(wrong: dict[str, object]) -> None:
    following, untouched = tracker(), tracker()
    for each in (following, untouched):
        each.update(seen((100, 100)), timestamp=5.0)
        each.update(seen((110, 100)), timestamp=6.0)
    with pytest.raises(ConfigurationError):
        following.update(seen((900, 100)), **wrong)  # type: ignore[arg-type]
    later = seen((120, 100))
    mine, theirs = (each.update(later, timestamp=7.0) for each in (following, untouched))
    assert mine.entities == theirs.entities


def test_the_first_timestamp_must_be_a_number_too() -> None:
    following = tracker()
    with pytest.raises(ConfigurationError, match="timestamp is nan"):
        following.update(seen((100, 100)), timestamp=float("nan"))
    assert following.update(seen((100, 100)), timestamp=1.0).ids == ("sheep_0",)


def test_predictions_move_on_and_change_nothing() -> None:
    following, untouched = tracker(), tracker()
    for each in (following, untouched):
        walk(each, [seen((100 + 10 * i, 100), (700, 300)) for i in range(8)])
    state = copy.deepcopy(following._tracks)
    first, second = following.predict(), following.predict()
    assert first.ids == second.ids == ("sheep_0", "sheep_1")
    assert first[0].center == pytest.approx((180, 100), abs=1.0)
    assert second[0].center == pytest.approx((190, 100), abs=1.5)
    assert second[1].center == pytest.approx((700, 300), abs=0.5)
    assert second[0].confidence <= first[0].confidence <= 0.61
    np.testing.assert_array_equal(state.motion.mean, following._tracks.motion.mean)
    later = seen((180, 100), (700, 300))
    assert following.update(later).entities == untouched.update(later).entities


def test_a_program_that_predicts_while_it_may_comes_to_look_again() -> None:
    following = tracker()
    walk(following, [seen((100 + 10 * i, 100)) for i in range(8)])
    predictions = 0
    while following.get_confidence() > 0.8:
        following.predict()
        predictions += 1
        assert predictions <= 3
    assert predictions >= 1
    for _ in range(4):
        try:
            following.predict()
        except PredictionExpiredError:
            break
    else:
        pytest.fail("predictions never expire")
    following.update(seen((180, 100)))
    assert following.get_confidence() > 0.8


def test_a_prediction_has_a_time() -> None:
    following = tracker()
    for i in range(8):
        following.update(seen((100 + 10 * i, 100)), timestamp=float(i))
    assert following.predict(timestamp=8.5)[0].center[0] == pytest.approx(185, abs=1.5)
    assert following.get_confidence(timestamp=7.5) > 0.8
    assert following.get_confidence(timestamp=12.0) == 0.0
    with pytest.raises(PredictionExpiredError):
        following.predict(timestamp=12.0)


def test_confidence_is_low_where_nothing_is_known() -> None:
    following = tracker()
    assert following.get_confidence() == 0.0
    with pytest.raises(PredictionExpiredError):
        following.predict()
    following.update(seen((100, 100)))
    assert following.get_confidence() == 0.0
    walk(following, [seen((100, 100))] * 5)
    assert following.get_confidence() > 0.9
    following.update(seen((60, 100)), camera_shift=(40, 0))
    assert following.get_confidence() == 0.0


def test_confidence_is_honest() -> None:
    """Of the predictions made with a confidence around c, about the share c is right."""
    rng = np.random.default_rng(0)
    following = tracker()
    place = rng.uniform(50, (950, 550), (60, 2))
    velocity = rng.normal(0, 6, (60, 2)) * (rng.random((60, 1)) < 0.6)
    stated, right = [], []
    for _ in range(80):
        turning = rng.random(60) < 0.1
        velocity[turning] = rng.normal(0, 6, (int(turning.sum()), 2))
        place = place + velocity
        velocity *= np.where((place < 20) | (place > (980, 580)), -1, 1)
        noisy = place + rng.normal(0, 2, place.shape)
        if len(following) and following.get_confidence() > 0:
            predicted = following.predict()
            chance = predicted.scores / 0.6
            for entity, each in zip(predicted, chance, strict=True):
                distance = np.abs(place - np.array(entity.center)).max(axis=1).min()
                stated.append(float(each))
                right.append(distance < 20)
        following.update(seen(*[(x, y, i % 2) for i, (x, y) in enumerate(noisy.tolist())]))
    stated_array, right_array = np.array(stated), np.array(right)
    assert len(stated_array) > 1000
    assert abs(stated_array.mean() - right_array.mean()) < 0.12
    doubtful = stated_array < 0.7
    assert right_array[doubtful].mean() < right_array[~doubtful].mean()


def test_the_greedy_tracker_keeps_ids_by_overlap() -> None:
    following = GreedyTracker(NAMES)
    assert following.update(seen((100, 100), (300, 100, 1))).ids == ("sheep_0", "villager_0")
    assert following.update(seen((110, 100), (300, 100, 0))).ids == ("sheep_0", "sheep_1")
    assert following.update(seen((200, 100))).ids == ("sheep_2",)
    assert following.update(seen((110, 100))).ids == ("sheep_3",)
    assert following.update(seen((60, 100)), camera_shift=(50, 0)).ids == ("sheep_3",)
    following.reset()
    assert following.update(seen((60, 100))).ids == ("sheep_4",)


def test_ids_never_repeat_and_tracks_never_pile_up() -> None:
    rng = np.random.default_rng(0)
    following = tracker()
    alive: set[str] = set()
    gone: set[str] = set()
    most = 0
    for frame in range(2000):
        shift = (float(rng.integers(-300, 300)), 0.0) if frame % 50 == 0 else (0.0, 0.0)
        place = rng.uniform(0, SCREEN, (6, 2))
        found = following.update(
            seen(*[(x, y, i % 4) for i, (x, y) in enumerate(place.tolist())]), camera_shift=shift
        )
        assert gone.isdisjoint(found.ids)
        before, alive = alive, set(following._tracks.ids)
        gone |= (before | set(found.ids)) - alive
        most = max(most, len(following))
    assert len(gone) > 6000
    assert most < 300
