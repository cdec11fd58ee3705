from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from doubles.artifacts import write_set_summary
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.games.pack import MergeRules
from pipeline.labels.batches import Batch, ExportBatch, Frame, UnknownLabel
from pipeline.labels.boxes import Box, LabelledBox
from pipeline.labels.formats.coco import read_export
from pipeline.labels.merge import MergeError, NamedBatch, open_batches, plan_merge
from pipeline.labels.training_set import TrainingSet
from pipeline.manifests import manifest_of
from pipeline.scenes.dataset.layout import SceneSetError
from pipeline.scenes.dataset.synthetic_set import SyntheticSet

CLASSES = ("sheep", "wolf", "ship")
RULES = MergeRules()
WESNOTH = Path(__file__).parents[4] / "shared" / "data" / "wesnoth"


def names(*numbers: int) -> dict[str, str]:
    return {f"a_{n}.png": f"view {n}" for n in numbers}


def test_the_first_batch_wins_a_stem(make_batch: Any, shapes: Any, drawn: Any) -> None:
    fish = make_batch("fish", names(0, 1), shapes=(shapes.rectangle("ship", 1, 1, 9, 9),))
    full = make_batch("full", names(1, 2))
    plan = plan_merge([fish, full], drawn, CLASSES, RULES)
    assert {real.frame.stem: real.batch for real in plan.real} == {
        "a_0": "fish",
        "a_1": "fish",
        "a_2": "full",
    }
    assert [(same.stem, same.kept, same.dropped) for same in plan.summary.duplicates] == [
        ("a_1", "fish", "full")
    ]
    assert plan.summary.collisions == ()
    assert [(batch.frames, batch.used) for batch in plan.summary.batches] == [(2, 2), (2, 1)]


def test_a_stem_of_different_images_is_a_collision(make_batch: Any, drawn: Any) -> None:
    batches = [
        make_batch("one", {"a_0.png": "view"}),
        make_batch("two", {"a_0.png": "another view"}),
        make_batch("three", {"a_0.jpg": "view"}),
    ]
    summary = plan_merge(batches, drawn, CLASSES, RULES).summary
    assert [same.dropped for same in summary.collisions] == ["two"]
    assert [same.dropped for same in summary.duplicates] == ["three"]


def test_stems_that_differ_by_case_are_one_frame(make_batch: Any, drawn: Any) -> None:
    batches = [make_batch("one", {"a_0.png": "v"}), make_batch("two", {"A_0.png": "v"})]
    assert len(plan_merge(batches, drawn, CLASSES, RULES).real) == 1


def test_held_out_batches_never_enter_and_are_compared_with(make_batch: Any, drawn: Any) -> None:
    train = make_batch("train", names(0, 1, 2))
    held_out = make_batch("heldout_x", {"h_0.png": "view 1", "h_1.png": "elsewhere"})
    plan = plan_merge([held_out, train], drawn, CLASSES, RULES)
    assert {real.batch for real in plan.real} == {"train"}
    assert [(leak.judged, leak.trained) for leak in plan.summary.held_out_leaks] == [("h_0", "a_1")]
    assert [batch.held_out for batch in plan.summary.batches] == [True, False]


def test_unlabelled_frames_enter_only_as_background(make_batch: Any, drawn: Any) -> None:
    batch = make_batch("train", names(0), unlabelled=("b_0.png",))
    stems = {
        policy: [
            real.frame.stem
            for real in plan_merge([batch], drawn, CLASSES, MergeRules(unlabelled=policy)).real
        ]
        for policy in ("drop", "background")
    }
    assert stems == {"drop": ["a_0"], "background": ["a_0", "b_0"]}


def test_the_counts_add_up(make_batch: Any, drawn: Any) -> None:
    frames = {f"s{s}_{n}.png": f"{s} {n}" for s in range(6) for n in range(2)}
    summary = plan_merge([make_batch("b", frames)], drawn, CLASSES, RULES).summary
    assert (summary.split, summary.real_train, summary.real_val) == ("sessions", 10, 2)
    assert (summary.synthetic_train, summary.synthetic_val) == (4, 1)
    assert (summary.total_train, summary.total_val, summary.listed_train) == (14, 3, 104)
    assert summary.zero_real_classes == ("wolf", "ship")
    sheep, wolf = summary.per_class["sheep"], summary.per_class["wolf"]
    assert (sheep.real_train, sheep.real_val, sheep.synthetic_train) == (10, 2, 0)
    assert (wolf.real_train, wolf.synthetic_train, wolf.synthetic_val) == (0, 4, 1)


def test_a_plan_writes_nothing(make_batch: Any, synthetic_set: Path, drawn: Any) -> None:
    batch = make_batch("b", names(0, 1))
    before = manifest_of(synthetic_set.parent)
    plan_merge([batch], drawn, CLASSES, RULES)
    assert manifest_of(synthetic_set.parent) == before


def test_without_real_frames_the_set_is_synthetic_and_says_so(drawn: Any) -> None:
    summary = plan_merge([], drawn, CLASSES, RULES).summary
    assert (summary.real_train, summary.total_train) == (0, 4)
    assert "there are no real frames" in summary.warnings[0]


def test_frames_that_cannot_be_split_are_warned_of(make_batch: Any, drawn: Any) -> None:
    batch = make_batch("b", {f"a_{n}.png": "one view" for n in range(5)})
    summary = plan_merge([batch], drawn, CLASSES, RULES).summary
    assert (summary.split, summary.real_val) == ("none", 0)
    assert "too alike to be split" in summary.warnings[0]


def test_the_legacy_split_shows_its_leaks(make_batch: Any, drawn: Any) -> None:
    batch = make_batch("b", {f"a_{n}.png": f"view {n // 4}" for n in range(12)})
    rules = MergeRules(split="legacy")
    assert plan_merge([batch], drawn, CLASSES, rules).summary.validation_leaks
    assert not plan_merge([batch], drawn, CLASSES, RULES).summary.validation_leaks


def test_unknown_labels_are_summed_over_batches(make_batch: Any, drawn: Any) -> None:
    batch = make_batch("b", names(0))
    foreign = NamedBatch(
        "c",
        batch.folder,
        Batch(CLASSES, (), (), (UnknownLabel("dragon", 2), UnknownLabel("elf", 1)), ()),
    )
    other = NamedBatch("d", batch.folder, Batch(CLASSES, (), (), (UnknownLabel("dragon", 3),), ()))
    summary = plan_merge([batch, foreign, other], drawn, CLASSES, RULES).summary
    assert summary.unknown_labels == {"dragon": 5, "elf": 1}


def test_batches_of_other_classes_are_refused(make_batch: Any, drawn: Any) -> None:
    with pytest.raises(MergeError, match="'b' was read for another list of classes"):
        plan_merge([make_batch("b", names(0))], drawn, ("wolf", "sheep", "ship"), RULES)


def test_two_batches_of_one_name_are_refused(make_batch: Any, drawn: Any) -> None:
    batch = make_batch("b", names(0))
    with pytest.raises(MergeError, match="Two batches are named 'b'"):
        plan_merge([batch, batch], drawn, CLASSES, RULES)


def test_stored_batches_are_opened_in_order(make_batch: Any) -> None:
    made = [make_batch(name, names(0)) for name in ("z", "a")]
    assert open_batches({batch.name: batch.folder for batch in made}) == tuple(made)


def test_a_synthetic_set_of_other_classes_is_refused(synthetic_set: Path) -> None:
    write_set_summary(synthetic_set, ["wolf"], images=5)
    with pytest.raises(SceneSetError, match="not the game pack's 3"):
        SyntheticSet.open(synthetic_set).labelled_images(CLASSES)


def test_a_synthetic_image_without_labels_is_refused(synthetic_set: Path) -> None:
    (synthetic_set / "labels/train/synth_000001.txt").unlink()
    with pytest.raises(SceneSetError, match=r"synth_000001\.txt is missing"):
        SyntheticSet.open(synthetic_set).labelled_images(CLASSES)


def test_an_empty_synthetic_set_is_refused(tmp_path: Path) -> None:
    write_set_summary(tmp_path, CLASSES, images=0)
    with pytest.raises(SceneSetError, match="holds no images"):
        SyntheticSet.open(tmp_path).labelled_images(CLASSES)


@pytest.mark.real_data
@pytest.mark.skipif(not WESNOTH.is_dir(), reason="no Wesnoth screenshots beside the repository")
def test_a_whole_session_of_the_wesnoth_batches_validates(
    tmp_path: Path, synthetic_set: Path
) -> None:
    groups = json.loads((WESNOTH / "batch1" / "classes.json").read_text())
    classes = (*groups["land"], *groups["water"])
    write_set_summary(synthetic_set, classes, images=5)
    drawn = SyntheticSet.open(synthetic_set).labelled_images(classes)
    for name in ("batch1", "batch2"):
        batch = read_export(WESNOTH / name, classes)
        ExportBatch.write(tmp_path / name, batch, WESNOTH / name)
    batches = open_batches({name: tmp_path / name for name in ("batch1", "batch2")})
    plan = plan_merge(batches, drawn, classes, RULES)
    assert TrainingSet.write(tmp_path / "set", plan).problems() == ()
    assert (plan.summary.real_train, plan.summary.real_val) == (48, 12)
    assert plan.summary.validation_leaks == ()
    assert sum(coverage.real for coverage in plan.summary.per_class.values()) == 3528


stored_frames = st.builds(
    lambda session, number, view, count: Frame(
        name=f"s{session}_{number}.png",
        path=f"images/s{session}_{number}.png",
        width=64,
        height=48,
        sha256=f"{view:064x}",
        phash=f"{(view * 0x9E3779B97F4A7C15) % 2**64:016x}",
        boxes=tuple(LabelledBox(0, Box(0, 0, 9, 9)) for _ in range(count)),
    ),
    st.integers(0, 4),
    st.integers(0, 3),
    st.integers(1, 30),
    st.integers(0, 3),
)
stored_batches = st.lists(
    st.lists(stored_frames, max_size=10, unique_by=lambda frame: frame.stem), max_size=4
)


@settings(
    deadline=None, max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(stored_batches, st.integers(1, 20), st.sampled_from(["session", "legacy"]))
def test_whatever_the_batches_hold(
    drawn: Any, contents: list[list[Frame]], oversample: int, split: Any
) -> None:
    batches = [
        NamedBatch(f"batch {index}", Path("nowhere"), Batch(CLASSES, tuple(frames), (), (), ()))
        for index, frames in enumerate(contents)
    ]
    rules = MergeRules(oversample_real=oversample, split=split)
    plan = plan_merge(batches, drawn, CLASSES, rules)
    plain = plan_merge(batches, drawn, CLASSES, MergeRules(oversample_real=1, split=split))
    first: dict[str, str] = {}
    for batch in batches:
        for frame in batch.batch.frames:
            first.setdefault(frame.stem, batch.name)
    # Every stem once, from the first batch that has it.
    assert {real.frame.stem: real.batch for real in plan.real} == first
    assert len(plan.real) == len(first)
    # What was left out is accounted for.
    left_out = len(plan.summary.duplicates) + len(plan.summary.collisions)
    assert left_out == sum(len(frames) for frames in contents) - len(first)
    # Counts know nothing of oversampling.
    assert plan.real == plain.real
    assert plan.summary.per_class == plain.summary.per_class
    boxes = sum(len(real.frame.boxes) for real in plan.real)
    assert plan.summary.per_class["sheep"].real == boxes
    if split == "session":
        assert plan.summary.validation_leaks == ()
