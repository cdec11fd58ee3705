from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.games.pack import MergeRules
from pipeline.labels.batches import Frame
from pipeline.labels.splits import near_duplicates, split_frames

RULES = MergeRules()
LEGACY = MergeRules(split="legacy")


def frame(session: str, number: int, phash: str) -> Frame:
    name = f"{session}_{number:02d}.png"
    return Frame(name, f"images/{name}", 64, 48, "0" * 64, phash, ())


def capture(session: str, count: int, run: int = 1) -> list[Frame]:
    """Frames of one session, in runs of equal images."""
    rng = np.random.default_rng([len(session), *session.encode()])
    views = rng.integers(0, 2**63, size=count, dtype=np.uint64)
    return [frame(session, n, f"{int(views[n // run]):016x}") for n in range(count)]


def prefixes_of(stems: Sequence[str] | frozenset[str]) -> set[str]:
    return {stem.partition("_")[0] for stem in stems}


def test_whole_sessions_validate_where_there_are_enough() -> None:
    frames = [f for name in ("a", "b", "c", "d", "e", "f") for f in capture(name, 10)]
    split = split_frames(frames, RULES)
    assert split.rule == "sessions"
    assert len(split.validation) == 10
    assert len(prefixes_of(split.validation)) == 1


def test_of_unequal_sessions_those_nearest_to_the_share_validate() -> None:
    sizes = {"a": 60, "b": 25, "c": 9, "d": 6}
    split = split_frames([f for name, n in sizes.items() for f in capture(name, n)], RULES)
    assert prefixes_of(split.validation) == {"c", "d"}


def test_two_sessions_are_split_by_groups_of_like_frames() -> None:
    frames = [*capture("harbour", 24, run=3), *capture("valley", 24, run=3)]
    split = split_frames(frames, RULES)
    assert (split.rule, split.units) == ("groups", 16)
    assert len(split.validation) in (6, 9)
    by_view = {f.stem: f.phash for f in frames}
    inside = {by_view[stem] for stem in split.validation}
    outside = {view for stem, view in by_view.items() if stem not in split.validation}
    assert not inside & outside


def test_a_camera_that_never_moves_gives_no_validation() -> None:
    split = split_frames(capture("harbour", 40, run=40), RULES)
    assert (split.rule, split.validation) == ("none", frozenset())


def test_sessions_that_share_a_view_stay_together() -> None:
    frames = [f for name in "abcdefghijklmn" for f in capture(name, 5)]
    # With this frame, a and b together have 11 of 71: nearer to the share than any two others.
    shared = frame("b", 99, frames[0].phash)
    assert prefixes_of(split_frames([*frames, shared], RULES).validation) == {"a", "b"}


def test_frames_of_unknown_sessions_are_not_split_by_sessions() -> None:
    frames = [f for name in ("a", "b", "c", "d", "e", "f") for f in capture(name, 10)]
    rng = np.random.default_rng(7)
    unknown = [
        Frame(f"Screenshot ({n}).png", "", 64, 48, "0" * 64, f"{int(rng.integers(2**63)):016x}", ())
        for n in range(3)
    ]
    split = split_frames([*frames, *unknown], RULES)
    assert (split.rule, split.unknown) == ("groups", 3)
    assert split_frames(frames, RULES).unknown == 0


def test_names_of_screenshot_tools_are_split_by_the_time_in_them() -> None:
    """One evening is one session, whether a name begins with the time or with a number."""
    rng = np.random.default_rng(7)
    names = [f"813780_202601{day:02d}1200{n:02d}_1" for day in range(1, 7) for n in range(8)]
    frames = [
        Frame(f"{name}.png", "", 64, 48, "0" * 64, f"{int(rng.integers(2**63)):016x}", ())
        for name in names
    ]
    split = split_frames(frames, RULES)
    assert (split.rule, split.units) == ("sessions", 6)
    assert len({stem[7:15] for stem in split.validation}) == 1
    assert len(split.validation) == 8
    single = split_frames(frames[:8], RULES)
    assert single.rule == "groups", "eight frames of one minute are no eight sessions"


def test_the_legacy_split_takes_single_frames_as_the_runbook_counts_them() -> None:
    split = split_frames([*capture("a", 110, run=5), *capture("b", 110, run=5)], LEGACY)
    assert split.rule == "frames"
    assert len(split.validation) == 33


def test_no_frames_give_no_validation() -> None:
    assert split_frames([], RULES).validation == frozenset()


captures = st.lists(st.tuples(st.integers(1, 12), st.integers(1, 4)), min_size=1, max_size=6).map(
    lambda sizes: [f for i, (n, run) in enumerate(sizes) for f in capture(f"s{i}", n, run)]
)


@settings(deadline=None, max_examples=60)
@given(captures, st.integers(0, 5), st.randoms(use_true_random=False))
def test_no_pair_of_like_frames_is_torn_apart(
    frames: list[Frame], seed: int, random: object
) -> None:
    rules = MergeRules(seed=seed)
    split = split_frames(frames, rules)
    assert split.validation < {f.stem for f in frames} or not frames
    for i, j in near_duplicates(frames):
        assert (frames[i].stem in split.validation) == (frames[j].stem in split.validation)
    shuffled = list(frames)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert split_frames(shuffled, rules) == split
    if split.validation:
        assert len(frames) * 0.075 <= len(split.validation) <= len(frames) * 0.3
