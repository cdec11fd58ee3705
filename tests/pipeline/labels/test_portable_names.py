from __future__ import annotations

import unicodedata
from pathlib import PureWindowsPath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.labels.formats.written_images import LabelledImage, check_images
from pipeline.labels.portable_names import flat_name, portable_paths

letters = st.sampled_from(["a", "A", "é", "e\u0301", ":", "con", ".", " ", "_", "-", "0"])
parts = st.lists(letters, min_size=1, max_size=4).map("".join)
paths = st.lists(parts, min_size=1, max_size=3).map("/".join)


def test_usual_paths_stay() -> None:
    usual = ["a_0.png", "day1/0001.png", "Train/day 1/frame_000000.PNG"]
    assert portable_paths(usual) == tuple(usual)


def test_paths_that_one_system_takes_for_one_become_two() -> None:
    first, second = portable_paths(["day/a.png", "day/A.png"])
    assert second == "day/A.png"
    assert first.startswith("day/a~")
    assert first.endswith(".png")


@pytest.mark.parametrize("name", ["con.png", "a:b.png", "NUL", "what?.png", "a.png ", "x" * 300])
def test_what_windows_refuses_is_spelt_otherwise(name: str) -> None:
    (stored,) = portable_paths([f"day/{name}"])
    assert stored != f"day/{name}"
    assert not PureWindowsPath(stored).is_reserved()
    assert len(stored) < 140


@pytest.mark.parametrize("name", ["\u5bfe" * 100 + ".png", "a." + "x" * 300, "\u5bfe" * 300])
def test_names_are_as_long_as_a_file_system_takes(name: str) -> None:
    stored = portable_paths([name, f"{name}/{name}", name])
    assert len(set(stored)) == 3
    assert all(len(part.encode()) <= 255 for path in stored for part in path.split("/"))


@settings(deadline=None, max_examples=50)
@given(st.lists(paths, max_size=8, unique=True))
def test_no_two_paths_become_one(given_paths: list[str]) -> None:
    stored = portable_paths(given_paths)
    folded = [unicodedata.normalize("NFC", path).casefold() for path in stored]
    assert len(set(folded)) == len(given_paths)
    assert dict(zip(given_paths, stored, strict=True)) == dict(
        zip(reversed(given_paths), portable_paths(given_paths[::-1]), strict=True)
    )


@settings(deadline=None, max_examples=50)
@given(st.lists(st.text(st.characters(exclude_characters="/"), min_size=1, max_size=9), max_size=4))
def test_whatever_a_file_is_called_its_labels_can_be_written(names: list[str]) -> None:
    stored = portable_paths([f"{name}.png" for name in names])
    check_images([LabelledImage(path, 64, 48) for path in stored], ())


@pytest.mark.parametrize(
    "name", [" a.png", "\u3000a.png", "a\u2028b.png", "a\x85b.png", "a\ud800.png"]
)
def test_what_no_list_of_files_holds_is_spelt_otherwise(name: str) -> None:
    (stored,) = portable_paths([name])
    check_images([LabelledImage(stored, 64, 48)], ())
    assert stored.splitlines() == [stored.strip()]


def test_the_name_that_macos_gives_stays() -> None:
    name = "Screenshot 2026-01-01 at 12.00.09\u202fPM.png"
    assert portable_paths([name]) == (name,)


def test_a_flat_name_can_be_read_and_depends_on_its_parts_alone() -> None:
    name = flat_name(("match", "default", "day 1", "a_0.PNG"), "real_", left_out="default")
    assert name.startswith("real_match_day_1_a_0-")
    assert name.endswith(".png")
    other = flat_name(("match_day", "default", "1", "a_0.PNG"), "real_", left_out="default")
    assert other != name
    assert other[:21] == name[:21]


def test_flat_names_that_are_cut_alike_are_still_different() -> None:
    long = "task_" + "x" * 118  # Eight digits would be the same.
    frames = ("frame_017435.png", "frame_040224.png")
    one, other = (flat_name((long, "default", "", f), "real_", "default") for f in frames)
    assert one != other


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(parts, parts, parts, parts), max_size=8, unique=True))
def test_flat_names_are_different_files_everywhere(
    given_parts: list[tuple[str, str, str, str]],
) -> None:
    names = [flat_name(one, "real_", left_out="default") for one in given_parts]
    assert len({name.casefold() for name in names}) == len(given_parts)
    assert all(name.isascii() for name in names)


def test_a_path_that_is_there_twice_becomes_two() -> None:
    stored = portable_paths(["Train/a.png", "b.png", "Train/a.png", "Train/a.png"])
    assert stored[:2] == ("Train/a.png", "b.png")
    assert len(set(stored)) == 4
