"""Whatever is typed and clicked: what goes elsewhere is not recorded, and no time goes back."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pipeline.play.desktop.hot_keys import HotKeys
from pipeline.play.desktop.inputs import (
    MOVES_A_SECOND,
    Area,
    InputRecord,
    KeyInput,
    PointerInput,
)
from pipeline.play.recordings.events import KeyEvent, MouseEvent

AREA = Area(100, 50, 320, 180)
BEGAN = 10**9
HOT_KEYS = HotKeys(save="f9").names
KEYS = ("a", "b", "shift", "f5", "f6", "f7", "f9")
times = st.integers(0, 10**9)
key_inputs = st.builds(
    KeyInput, times, st.sampled_from(KEYS), pressed=st.booleans(), focused=st.booleans()
)
pointer_inputs = st.builds(
    PointerInput,
    times,
    kind=st.sampled_from(("move", "press", "release", "scroll")),
    x=st.integers(0, 600),
    y=st.integers(0, 300),
    button=st.sampled_from((None, "left", "right", "middle")),
    notches=st.integers(-1000, 1000),
    focused=st.booleans(),
)
stories = st.lists(key_inputs | pointer_inputs | st.just("focus goes"), max_size=60)


def recorded(story, keys=None) -> list:
    """Events of inputs, each of which comes some time after the one before."""
    record, now, events = InputRecord(BEGAN, keys, HOT_KEYS), BEGAN, []
    for given_ in story:
        if given_ == "focus goes":
            # It is noticed later than inputs that are dealt with only then.
            events += record.release_all(now + 10**8)
            continue
        now += given_.time
        timed = given_._replace(time=now)
        if isinstance(timed, KeyInput):
            events += record.key(timed)
        else:
            events += record.pointer(timed, AREA, None)
    return [*events, *record.release_all(now + 10**8)]


@given(stories, st.sampled_from((None, frozenset({"a"}), frozenset())))
def test_events_of_any_inputs(story, keys):
    events = recorded(story, keys)
    for kind in (KeyEvent, MouseEvent):
        times = [time for time, event in events if isinstance(event, kind)]
        assert times == sorted(times)
    held = set()
    for _time, event in events:
        if isinstance(event, KeyEvent):
            assert event.key not in ("f5", "f7", "f9")
            assert keys is None or event.key in keys
            name = event.key
        else:
            assert 0 <= event.x < AREA.width
            assert 0 <= event.y < AREA.height
            name = event.button
        if event.kind == "press":
            assert name not in held
            held.add(name)
        elif event.kind == "release":
            held.remove(name)
    assert held == set()


@given(stories)
def test_nothing_is_recorded_without_the_focus(story):
    elsewhere = [one if one == "focus goes" else one._replace(focused=False) for one in story]
    assert recorded(elsewhere) == []


@given(stories)
def test_before_the_session_nothing_is_recorded(story):
    record = InputRecord(10**12, None, HOT_KEYS)
    for given_ in story:
        if isinstance(given_, KeyInput):
            assert list(record.key(given_)) == []
        elif isinstance(given_, PointerInput):
            assert list(record.pointer(given_, AREA, None)) == []


def test_moves_are_thinned_and_none_is_forgotten_before_a_click():
    record, events = InputRecord(0, None, HOT_KEYS), []
    for step in range(1000):
        move = PointerInput(step * 10**6, "move", 100 + step % 320, 60, focused=True)
        events += record.pointer(move, AREA, None)
    assert MOVES_A_SECOND * 0.8 < len(events) <= MOVES_A_SECOND + 1
    last = PointerInput(1000 * 10**6, "move", 103, 60, focused=True)
    click = PointerInput(1001 * 10**6, "press", 105, 60, "left", focused=True)
    # One that is not due yet comes with the click.
    list(record.pointer(PointerInput(999 * 10**6 + 1, "move", 101, 60, focused=True), AREA, None))
    list(record.pointer(last, AREA, None))
    told = [event for _time, event in record.pointer(click, AREA, None)]
    assert told[-1].x == 5
    assert len(told) <= 2


def test_a_move_waits_until_it_is_due_and_not_longer():
    record = InputRecord(0, None, HOT_KEYS)
    first = list(record.pointer(PointerInput(0, "move", 110, 60, focused=True), AREA, None))
    second = list(record.pointer(PointerInput(10**6, "move", 111, 60, focused=True), AREA, None))
    assert len(first) == 1
    assert second == []
    assert list(record.due_move(2 * 10**6, AREA)) == []
    due = list(record.due_move(20 * 10**6, AREA))
    assert [(time, event.x) for time, event in due] == [(10**6, 11)]
    assert list(record.due_move(40 * 10**6, AREA)) == []


def test_a_button_whose_release_was_missed_is_released_before_it_is_pressed_again():
    record = InputRecord(0, None, HOT_KEYS)
    clicks = [PointerInput(n, "press", 100 + n, 60, "left", focused=True) for n in range(2)]
    events = [event for one in clicks for _time, event in record.pointer(one, AREA, None)]
    assert [(event.kind, event.x) for event in events] == [
        ("press", 0),
        ("release", 0),
        ("press", 1),
    ]


def test_a_key_that_repeats_itself_is_one_press():
    record = InputRecord(0, None, HOT_KEYS)
    given_ = [KeyInput(n, "a", True, True) for n in range(5)] + [KeyInput(9, "a", False, False)]
    events = [event for one in given_ for _time, event in record.key(one)]
    assert [event.kind for event in events] == ["press", "release"]
