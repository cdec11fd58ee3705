"""Which folders go: the least recently used first, no byte counted twice, none in use."""

from __future__ import annotations

import os
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from resources.local_artifacts.dropping import (
    LocalCopy,
    choose,
    drop_least_used,
    opened_now,
)
from resources.local_artifacts.in_use import use, used_for_a_while

COPIES = st.lists(
    st.builds(
        lambda used_at, files: (used_at, {(1, file): file * 10 for file in files}),
        st.integers(0, 5),
        st.sets(st.integers(1, 8), max_size=4),
    ),
    max_size=7,
)


def total(copies: list[LocalCopy]) -> int:
    return sum({file: size for copy in copies for file, size in copy.files.items()}.values())


@given(COPIES, st.integers(0, 400), st.sets(st.integers(0, 6)), st.sets(st.integers(0, 6)))
def test_no_more_go_than_must_and_the_oldest_of_them(
    described: list[tuple[int, dict[tuple[int, int], int]]],
    limit: int,
    in_use: set[int],
    only_here: set[int],
) -> None:
    copies = [LocalCopy(Path(f"{n}"), at, files) for n, (at, files) in enumerate(described)]
    unused = [copy for copy in copies if int(copy.folder.name) not in in_use]
    chosen = choose(copies, unused, limit, lambda folder: int(folder.name) not in only_here)
    could_go = [copy for copy in unused if int(copy.folder.name) not in only_here]
    oldest = sorted(could_go, key=lambda copy: (copy.used_at, copy.folder))
    assert list(chosen) == oldest[: len(chosen)]
    left = [copy for copy in copies if copy not in chosen]
    assert total(left) <= limit or list(chosen) == oldest
    if chosen:
        assert total([*left, chosen[-1]]) > limit, "the last one had to go too"


def folder_of(root: Path, name: str, size: int, used_at: int) -> Path:
    folder = root / "toy" / name / "0123"
    (folder / "files").mkdir(parents=True)
    (folder / "files" / "data").write_bytes(bytes(size))
    os.utime(folder, (used_at, used_at))
    return folder


def test_what_was_opened_last_stays(tmp_path: Path) -> None:
    one, two, three = (folder_of(tmp_path, f"{n}", 100, n) for n in range(3))
    opened_now(one)
    assert drop_least_used(tmp_path, [one, two, three], 150, lambda _: True) == 200
    assert (one.exists(), two.exists(), three.exists()) == (True, False, False)
    assert list((tmp_path / "toy/1/staging").iterdir()) == []


def test_what_is_used_or_must_not_go_stays(tmp_path: Path) -> None:
    one, two, three = (folder_of(tmp_path, f"{n}", 100, n) for n in range(3))
    asked: list[Path] = []

    def may_go(folder: Path) -> bool:
        asked.append(folder)
        return folder != two

    with used_for_a_while():
        use(tmp_path, one)
        assert drop_least_used(tmp_path, [one, two, three], 0, may_go) == 100
    assert asked == [two, three]
    assert (one.exists(), two.exists(), three.exists()) == (True, True, False)


def test_what_is_opened_while_others_are_asked_about_stays(tmp_path: Path) -> None:
    one = folder_of(tmp_path, "one", 100, 1)
    with used_for_a_while():

        def may_go(folder: Path) -> bool:
            use(tmp_path, folder)
            return True

        assert drop_least_used(tmp_path, [one], 0, may_go) == 0
    assert one.exists()


def test_a_file_that_two_share_is_freed_with_the_second(tmp_path: Path) -> None:
    one, two = folder_of(tmp_path, "one", 100, 1), folder_of(tmp_path, "two", 10, 2)
    os.link(one / "files/data", two / "files/same")
    assert drop_least_used(tmp_path, [one, two], 110, lambda _: True) == 0
    assert drop_least_used(tmp_path, [one, two], 109, lambda _: True) == 110
    assert not two.exists()


def test_what_a_killed_process_was_removing_goes(tmp_path: Path) -> None:
    left = tmp_path / "toy/one/staging/dropped-0123"
    left.mkdir(parents=True)
    (left / "data").write_bytes(b"x")
    assert drop_least_used(tmp_path, [], 0, lambda _: True) == 0
    assert not left.exists()


def test_a_folder_that_is_gone_is_nothing(tmp_path: Path) -> None:
    assert drop_least_used(tmp_path, [tmp_path / "toy/one/0123"], 0, lambda _: True) == 0
    opened_now(tmp_path / "toy/one/0123")
