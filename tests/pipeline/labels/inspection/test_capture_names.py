from __future__ import annotations

from datetime import date, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.labels.inspection.capture_names import read_capture_name

NOON = datetime(2026, 1, 1, 12, 0, 9)


@pytest.mark.parametrize(
    "stem",
    [
        "20260101120009_1",  # Steam
        "813780_20260101120009_1",  # Steam, uncompressed
        "20260101120009_1_vr",
        "Screenshot 2026-01-01 120009",  # Windows' Snipping Tool
        "Capture d’écran 2026-01-01 120009",
        "Screenshot 2026-01-01 120009 - Copy (2)",
        "Age of Empires II_ Definitive Edition 1_1_2026 12_00_09 PM",  # Xbox Game Bar
        "Age of Empires II_ Definitive Edition 01_01_2026 12_00_09",
        "Age of Empires II_ Definitive Edition 01.01.2026 12_00_09",
        "Screenshot 2026-01-01 12-00-09",  # OBS
        "2026-01-01 12-00-09_frame_000123",
        "Replay 2026-01-01 12-00-09_0001",
        "Screenshot 2026-01-01 at 12.00.09 PM",  # macOS
        "Screenshot 2026-01-01 at 12.00.09\u202fPM",
        "Screenshot 2026-01-01 at 12.00.09\u202fp.m. (2)",
        "Screen Shot 2026-01-01 at 12.00.09",
        "Bildschirmfoto 2026-01-01 um 12.00.09",
        "Bildschirmfoto 2026-01-01 um 12.00.09 nachm.",
        "Captura de pantalla 2026-01-01 a las 12.00.09",
        "スクリーンショット 2026-01-01 12.00.09",
        "截屏2026-01-01 下午12.00.09",
        "스크린샷 2026-01-01 오후 12.00.09",
        "Age of Empires II Screenshot 2026.01.01 - 12.00.09.25",  # GeForce Experience
        "Age of Empires II 2026.01.01 - 12.00.09.02.DVR_0042",
        "Screenshot from 2026-01-01 12-00-09",  # GNOME
        "Screenshot_20260101_120009",  # KDE
        "IMG_20260101_120009123",
    ],
)
def test_the_time_is_read_from_what_tools_write(stem: str) -> None:
    assert read_capture_name(stem).taken_at == NOON


@pytest.mark.parametrize(
    ("stem", "taken_at"),
    [
        ("Game 6_5_2021 7_24_44 PM", datetime(2021, 6, 5, 19, 24, 44)),
        ("Game 13_5_2021 7_24_44", datetime(2021, 5, 13, 7, 24, 44)),
        ("Game 6_5_2021 19_24_44", datetime(2021, 5, 6, 19, 24, 44)),
        ("Screenshot 2026-03-14 at 9.45.34 AM", datetime(2026, 3, 14, 9, 45, 34)),
        ("Screenshot 2026-03-14 at 12.45.34\u202fAM", datetime(2026, 3, 14, 0, 45, 34)),
        ("Bildschirmfoto 2026-03-14 um 9.45.34 vorm.", datetime(2026, 3, 14, 9, 45, 34)),
        ("截屏2026-03-14 上午9.45.34", datetime(2026, 3, 14, 9, 45, 34)),
        # The half of the day is told twice.
        ("Screen Shot 2025-07-08 at 23.00.43 PM", datetime(2025, 7, 8, 23, 0, 43)),
    ],
)
def test_halves_of_the_day_and_regions_are_heeded(stem: str, taken_at: datetime) -> None:
    assert read_capture_name(stem).taken_at == taken_at


@pytest.mark.parametrize(
    ("stem", "day"),
    [
        ("2026-01-01_frame_000123", date(2026, 1, 1)),
        ("20260101_000060", date(2026, 1, 1)),
        ("2026-01-01_0001", date(2026, 1, 1)),
        ("harbour_00", None),
        ("Screenshot (12)", None),
        ("20261340_1", None),
        ("20260101123_1", None),
        ("frame_20260101", None),
    ],
)
def test_a_time_that_is_not_told_is_not_made_up(stem: str, day: date | None) -> None:
    told = read_capture_name(stem)
    assert (told.day if told.video_frame is None else None, told.taken_at) == (day, None)


@pytest.mark.parametrize("stem", ["frame_000123", "frame_0123", "Frame123", "frame-123"])
def test_frames_of_videos_are_known(stem: str) -> None:
    assert read_capture_name(stem).video_frame == 123


@settings(deadline=None)
@given(st.datetimes(datetime(2000, 1, 1), datetime(2099, 12, 31)))
def test_any_moment_is_read_back_as_each_tool_writes_it(moment: datetime) -> None:
    moment = moment.replace(microsecond=0)
    twelve = f"{(moment.hour - 1) % 12 + 1}"
    half = "AM" if moment.hour < 12 else "PM"
    for stem in (
        f"{moment:%Y%m%d%H%M%S}_1",
        f"813780_{moment:%Y%m%d%H%M%S}_1",
        f"Screenshot {moment:%Y-%m-%d %H%M%S}",
        f"Screenshot {moment:%Y-%m-%d %H-%M-%S}",
        f"Screenshot {moment:%Y-%m-%d at} {twelve}.{moment:%M.%S}\u202f{half}",
        f"Game Screenshot {moment:%Y.%m.%d - %H.%M.%S}.25",
        f"Game_ Edition {moment.month}_{moment.day}_{moment.year} {twelve}{moment:_%M_%S} {half}",
    ):
        assert read_capture_name(stem).taken_at == moment, stem


@settings(deadline=None)
@given(st.text(max_size=40))
def test_any_name_is_read(stem: str) -> None:
    told = read_capture_name(stem)
    assert told.taken_at is None or told.taken_at.date() == told.day
