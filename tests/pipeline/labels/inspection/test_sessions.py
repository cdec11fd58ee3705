from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import PurePosixPath

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.labels.batches import Frame
from pipeline.labels.inspection.sessions import LONGEST_PAUSE, sessions_of


def frames(*paths: str, subset: str = "default") -> list[Frame]:
    return [
        Frame(path.name, str(path), 64, 48, "0" * 64, "0" * 16, (), subset, folder)
        for path in map(PurePosixPath, paths)
        for folder in ["" if path.parent.name == "" else str(path.parent)]
    ]


def test_frames_close_in_time_are_one_session() -> None:
    """Also those on either side of midnight, and of another tool on the same evening."""
    names = [
        "20260101235500_1.jpg",
        "20260102000100_1.jpg",
        "Screenshot 2026-01-02 000800.png",
        "20260102003000_1.jpg",
        "813780_20260103120000_1.png",
    ]
    assert sessions_of(frames(*names)) == [
        "2026-01-01 23:55:00",
        "2026-01-01 23:55:00",
        "2026-01-01 23:55:00",
        "2026-01-02 00:30:00",
        "2026-01-03 12:00:00",
    ]


def test_a_second_each_is_no_session_each() -> None:
    names = [f"202601011200{second:02d}_1.jpg" for second in range(20)]
    assert set(sessions_of(frames(*names))) == {"2026-01-01 12:00:00"}


def test_a_day_without_time_may_be_any_time_of_it() -> None:
    names = ["2026-01-01_0001.png", "2026-01-01_0002.png", "20260101180000_1.jpg", "20260103_1.png"]
    assert sessions_of(frames(*names)) == ["2026-01-01 00:00:00"] * 3 + ["2026-01-03 00:00:00"]


def test_a_counter_that_looks_like_a_time_does_not_tear_a_day_apart() -> None:
    names = [f"20260101_{number:06d}.png" for number in range(0, 9000, 300)]
    assert set(sessions_of(frames(*names))) == {"2026-01-01 00:00:00"}


def test_frames_of_one_recording_are_one_session() -> None:
    names = [f"2026-01-01 12-00-09_frame_{n:06d}.png" for n in (0, 90_000)]
    assert sessions_of(frames(*names)) == ["2026-01-01 12:00:09"] * 2


def test_a_recording_goes_on_after_its_start() -> None:
    names = [f"2026-01-01 12-00-09_frame_{n:06d}.png" for n in (0, 72_000)]
    others = ["20260101124100_1.jpg", "20260101152000_1.jpg"]
    assert sessions_of(frames(*names, *others)) == [
        *["2026-01-01 12:00:09"] * 3,
        "2026-01-01 15:20:00",
    ]


def test_a_video_task_is_a_session_of_its_own() -> None:
    two = [*frames("frame_000000.PNG", "frame_000001.PNG")] * 2
    assert len(set(sessions_of(two, ["a", "a", "b", "b"]))) == 2
    assert None not in sessions_of(two)
    train, test = frames("frame_000000.PNG"), frames("frame_000000.PNG", subset="Test")
    assert len(set(sessions_of([*train, *test]))) == 2
    assert len(set(sessions_of(frames("one/frame_000000.PNG", "two/frame_000000.PNG")))) == 2


def test_a_name_before_an_underscore_is_a_session() -> None:
    names = ["harbour_00.png", "harbour_01.png", "valley_a_b.png"]
    assert sessions_of(frames(*names)) == ["harbour", "harbour", "valley"]


def test_a_name_that_ends_in_a_number_is_a_session_where_such_names_come_back() -> None:
    names = ["arabia1_1.png", "arabia1_2.png", "arabia1_3.png", "arabia2_1.png"]
    assert sessions_of(frames(*names)) == ["arabia1"] * 3 + ["arabia2"]
    kept = [*frames("arabia1_1.png", "arabia1_2.png", subset="Train"), *frames("arabia1_3.png")]
    assert sessions_of(kept) == ["arabia1"] * 3
    for counting in ("img{}_edited.png", "shot{}_jpg.rf.0f3a.png"):
        assert set(sessions_of(frames(*[counting.format(n) for n in range(20)]))) == {None}


def test_a_job_goes_on_with_the_video_of_the_job_before_it() -> None:
    jobs = [("job_9", 0), ("job_10", 1), ("job_11", 0), ("x_job_12-2026", 1), ("match", 2)]
    videos = [(job, 10 * part + n) for job, part in jobs for n in range(2)]
    found = sessions_of(
        frames(*[f"frame_{n:06d}.PNG" for _, n in videos]), [job for job, _ in videos]
    )
    assert found[::2] == ["video job_9 default"] * 2 + ["video job_11 default"] * 2 + [
        "video match default"
    ]


def test_it_is_the_same_session_in_every_batch() -> None:
    two = frames("harbour_00.png", "harbour_01.png")
    assert sessions_of(two, ["a", "b"]) == ["harbour", "harbour"]


def test_a_counter_before_an_underscore_is_none() -> None:
    assert sessions_of(frames("0001_x.png", "0002_x.png")) == [None, None]
    assert (
        sessions_of(frames("7_01.png", "7_02.png", "8_01.png", "8_02.png")) == ["7"] * 2 + ["8"] * 2
    )


def test_a_folder_is_a_session_where_the_name_says_nothing() -> None:
    names = ["day1/0001.png", "day1/0002.png", "day2/0001.png", "0001.png", "Screenshot (12).png"]
    assert sessions_of(frames(*names)) == ["day1", "day1", "day2", None, None]


@settings(deadline=None)
@given(st.lists(st.integers(0, 100_000), min_size=1, max_size=30))
def test_a_session_ends_where_the_pause_is_too_long_and_nowhere_else(seconds: list[int]) -> None:
    moments = [datetime(2026, 1, 1) + timedelta(seconds=s) for s in seconds]
    found = sessions_of(frames(*[f"{moment:%Y%m%d%H%M%S}_1.jpg" for moment in moments]))
    ordered = sorted(zip(moments, found, strict=True))
    for (one, session), (other, next_session) in pairwise(ordered):
        assert (session == next_session) == (other - one <= LONGEST_PAUSE)
