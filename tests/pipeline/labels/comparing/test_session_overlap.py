"""Whether judged frames are of matches that are trained on."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.labels.comparing.session_overlap import PlacedFrame, session_overlap


def frames(*places: str, batch: str = "one") -> list[PlacedFrame]:
    return [PlacedFrame.at(batch, place) for place in places]


def test_frames_of_one_match_in_two_batches_overlap() -> None:
    trained = frames("Train/forest_01.png", "Train/forest_02.png", "Train/coast_01.png")
    judged = frames("Validation/forest_03.png", "Validation/sea_01.png", batch="one_blind")
    overlap = session_overlap([*trained, *frames("Train/coast_02.png")], judged)
    assert (overlap.frames, overlap.trained_on) == (2, 1)


def test_a_name_that_tells_nothing_is_counted_as_unknown() -> None:
    overlap = session_overlap(frames("forest_01.png", "forest_02.png"), frames("shot.png"))
    assert (overlap.trained_on, overlap.unknown) == (0, 1)
    assert str(overlap) == "0 of 1, of 1 it cannot be told"


def test_a_known_match_may_be_that_of_a_trained_frame_without_one() -> None:
    trained = frames("shot.png", "forest_01.png", "forest_02.png")
    overlap = session_overlap(trained, frames("sea_01.png", "sea_02.png", "forest_03.png"))
    assert (overlap.trained_on, overlap.unknown) == (1, 2)


def test_where_nothing_is_trained_on_no_match_is() -> None:
    assert str(session_overlap([], frames("shot.png"))) == "0 of 1"


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ("a.png", ("a", "default", "")),
        ("train/evening/a.b.png", ("a.b", "train", "evening")),
        ("evening/late/a.png", ("a", "default", "evening/late")),
    ],
)
def test_a_place_is_taken_apart(place: str, expected: tuple[str, str, str]) -> None:
    assert PlacedFrame.at("one", place) == ("one", *expected)


@given(st.lists(st.integers(0, 3)), st.lists(st.integers(0, 3)))
def test_every_frame_is_counted_once(trained: list[int], judged: list[int]) -> None:
    overlap = session_overlap(
        frames(*(f"m{n}/{i}.png" for i, n in enumerate(trained))),
        frames(*(f"m{n}/{i}.png" for i, n in enumerate(judged))),
    )
    assert overlap.trained_on == sum(n in trained for n in judged)
    assert overlap.unknown == 0
