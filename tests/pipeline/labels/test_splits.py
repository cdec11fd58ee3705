from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.games.pack import MergeRules
from pipeline.labels.batches import BatchFrame, Frame, FrameKey
from pipeline.labels.splits import _reachable_sums, near_groups, split_frames

RULES = MergeRules()
LEGACY = MergeRules(split="legacy")


def frame(session: str, number: int, phash: str, subset: str = "default") -> BatchFrame:
    name = f"{session}_{number:02d}.png"
    digest = sha256(f"{name} {subset}".encode()).hexdigest()
    stored = Frame(name, f"images/{name}", 64, 48, digest, phash, (), subset=subset)
    return BatchFrame("b", Path(), stored)


def capture(session: str, count: int, run: int = 1) -> list[BatchFrame]:
    """Frames of one session, in runs of equal images."""
    rng = np.random.default_rng([len(session), *session.encode()])
    views = rng.integers(0, 2**63, size=count, dtype=np.uint64)
    return [frame(session, n, f"{int(views[n // run]):016x}") for n in range(count)]


def prefixes_of(keys: Iterable[FrameKey]) -> set[str]:
    return {name.partition("_")[0] for _, _, _, name in keys}


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
    by_view = {f.key: f.frame.phash for f in frames}
    inside = {by_view[key] for key in split.validation}
    outside = {view for key, view in by_view.items() if key not in split.validation}
    assert not inside & outside


def test_a_camera_that_never_moves_gives_no_validation() -> None:
    split = split_frames(capture("harbour", 40, run=40), RULES)
    assert (split.rule, split.validation) == ("none", frozenset())


def test_sessions_that_share_a_view_stay_together() -> None:
    frames = [f for name in "abcdefghijklmn" for f in capture(name, 5)]
    # With this frame, a and b together have 11 of 71: nearer to the share than any two others.
    shared = frame("b", 99, frames[0].frame.phash)
    assert prefixes_of(split_frames([*frames, shared], RULES).validation) == {"a", "b"}


def random_frames(names: Iterable[str]) -> list[BatchFrame]:
    rng = np.random.default_rng(7)
    return [
        BatchFrame(
            "b", Path(), Frame(name, "", 64, 48, name, f"{int(rng.integers(2**63)):016x}", ())
        )
        for name in names
    ]


def test_frames_of_unknown_sessions_are_not_split_by_sessions() -> None:
    frames = [f for name in ("a", "b", "c", "d", "e", "f") for f in capture(name, 10)]
    unknown = random_frames(f"Screenshot ({n}).png" for n in range(3))
    split = split_frames([*frames, *unknown], RULES)
    assert (split.rule, split.unknown) == ("groups", 3)
    assert split_frames(frames, RULES).unknown == 0


def test_names_of_screenshot_tools_are_split_by_the_time_in_them() -> None:
    """One evening is one session, whether a name begins with the time or with a number."""
    frames = random_frames(
        f"813780_202601{day:02d}1200{n:02d}_1.png" for day in range(1, 7) for n in range(8)
    )
    split = split_frames(frames, RULES)
    assert (split.rule, split.units) == ("sessions", 6)
    assert len({name[7:15] for *_, name in split.validation}) == 1
    assert len(split.validation) == 8
    single = split_frames(frames[:8], RULES)
    assert single.rule == "groups", "eight frames of one minute are no eight sessions"


def test_videos_of_several_batches_are_several_sessions() -> None:
    """Their frames are all called alike."""
    names = [(batch, f"frame_{n:06d}.png") for batch in "abcdef" for n in range(8)]
    frames = [
        one._replace(batch=batch, frame=replace(one.frame, name=name))
        for (batch, name), one in zip(names, random_frames(map("".join, names)), strict=True)
    ]
    split = split_frames(frames, RULES)
    assert (split.rule, split.units) == ("sessions", 6)
    assert len({batch for batch, *_ in split.validation}) == 1


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
    frames: list[BatchFrame], seed: int, random: object
) -> None:
    rules = MergeRules(seed=seed)
    split = split_frames(frames, rules)
    assert split.validation < {f.key for f in frames} or not frames
    for view in set(groups := near_groups(frames)):
        members = {f.key for f, group in zip(frames, groups, strict=True) if group == view}
        assert members <= split.validation or not members & split.validation
    shuffled = list(frames)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert split_frames(shuffled, rules) == split
    if split.validation:
        assert len(frames) * 0.075 <= len(split.validation) <= len(frames) * 0.3


def test_the_subsets_of_cvat_are_kept_and_the_rest_is_split() -> None:
    given = [
        frame("v", 0, f"{1 << 60:016x}", "validation"),
        frame("t", 0, f"{7 << 50:016x}", "Train"),
    ]
    rest = [f for name in ("a", "b", "c", "d", "e", "f") for f in capture(name, 10)]
    split = split_frames([*given, *rest], RULES)
    assert split.validation == {given[0].key} | split_frames(rest, RULES).validation
    assert (split.rule, split.units) == ("sessions", 6)


def test_the_rest_of_a_session_goes_where_its_subset_goes() -> None:
    for subset in ("Train", "Validation"):
        given = [f._replace(frame=replace(f.frame, subset=subset)) for f in capture("a1", 10)]
        rest = [f for name in ("b", "c", "d", "e", "f", "g") for f in capture(name, 4)]
        late = capture("a1", 13)[10:]
        validating = prefixes_of(split_frames([*given, *late, *rest], RULES).validation)
        assert ("a1" in validating) == (subset == "Validation")
        assert len(validating) > (subset == "Validation")
        keys = {one.key for one in (*given, *late)}
        assert len(keys & split_frames([*given, *late, *rest], RULES).validation) in (0, 13)


def test_a_subset_of_its_own_outweighs_that_of_the_rest_of_the_session() -> None:
    frames = [
        f._replace(frame=replace(f.frame, subset="Train" if n else "Validation"))
        for name in ("a", "b", "c")
        for n, f in enumerate(capture(name, 5))
    ]
    validating = split_frames(frames, RULES).validation
    assert validating == {one.key for one in frames if one.frame.subset == "Validation"}


def test_batches_that_share_images_hold_one_video() -> None:
    batches = ["a"] * 10 + ["b"] * 2 + ["c"] * 2
    frames = [
        one._replace(batch=batch)
        for batch, one in zip(
            batches, random_frames(f"frame_{n:06}.png" for n in range(14)), strict=True
        )
    ]
    assert {batch for batch, *_ in split_frames(frames, RULES).validation} < {"b", "c"}
    split = split_frames(frames, RULES, [("b", "a")])
    assert {batch for batch, *_ in split.validation} == {"c"}
    assert split_frames(frames, RULES, [("a", "c"), ("c", "b")]).rule == "groups"


def test_where_all_frames_have_a_subset_nothing_is_split() -> None:
    given = [
        frame("v", 0, f"{1 << 60:016x}", "Validation"),
        frame("t", 0, f"{7 << 50:016x}", "train"),
    ]
    split = split_frames(given, RULES)
    assert (split.validation, split.rule) == ({given[0].key}, "subsets")


def test_a_frame_goes_where_the_subset_of_its_double_goes() -> None:
    views = [f"{int(view):016x}" for view in np.random.default_rng(3).integers(0, 2**63, 2)]
    given = [frame("v", 0, views[0], "Validation"), frame("t", 0, views[1], "Train")]
    rest = [frame("a", 0, views[0]), frame("a", 1, views[1])]
    split = split_frames([*given, *rest], RULES)
    assert split.validation == {given[0].key, rest[0].key}


def test_frames_of_one_name_are_told_apart_by_their_batch() -> None:
    views = np.random.default_rng(4).integers(0, 2**63, 12)
    frames = [
        frame("frame", n % 6, f"{int(view):016x}")._replace(batch=f"match{n // 6}")
        for n, view in enumerate(views)
    ]
    split = split_frames(frames, RULES)
    assert split.rule == "groups"
    assert 0 < len(split.validation) < 6


@settings(deadline=None)
@given(st.lists(st.integers(1, 9), max_size=9), st.integers(0, 30))
def test_every_sum_that_sizes_make_is_reached_by_the_first_that_make_it(
    sizes: list[int], limit: int
) -> None:
    chosen: dict[int, tuple[int, ...]] = {0: ()}
    for index, size in enumerate(sizes):
        for known, before in list(chosen.items()):
            if known + size <= limit:
                chosen.setdefault(known + size, (*before, index))
    found = _reachable_sums(sizes, limit)
    assert {total: indices[-1] for total, indices in chosen.items() if total} == {
        total: index for total, index in found.items() if total
    }


def test_a_hundred_thousand_groups_are_split_at_once() -> None:
    sums = _reachable_sums([1] * 100_000, 30_000)
    assert len(sums) == 30_001
