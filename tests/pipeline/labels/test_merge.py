from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from doubles.artifacts import write_set_summary
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.games.pack import MergeRules
from pipeline.labels.batches import Batch, ExportBatch, Frame, NamedBatch, UnknownLabel
from pipeline.labels.boxes import Box, LabelledBox
from pipeline.labels.formats.coco import read_export
from pipeline.labels.merge import (
    MergeError,
    MergePlan,
    MergeSummary,
    held_out_frames,
    is_held_out,
    open_batches,
    plan_merge,
)
from pipeline.labels.training_set import TrainingSet
from pipeline.manifests import manifest_of
from pipeline.scenes.dataset.layout import SceneSetError
from pipeline.scenes.dataset.synthetic_set import SyntheticSet

CLASSES = ("sheep", "wolf", "ship")
RULES = MergeRules()
WESNOTH = Path(__file__).parents[4] / "shared" / "data" / "wesnoth"


def names(*numbers: int) -> dict[str, str]:
    return {f"a_{n}.png": f"view {n}" for n in numbers}


def in_subset(batch: NamedBatch, subset: str) -> NamedBatch:
    """All annotated frames of it in that subset."""
    frames = tuple(replace(frame, subset=subset) for frame in batch.batch.frames)
    return replace(batch, batch=replace(batch.batch, frames=frames))


def used(plan: MergePlan) -> dict[str, str]:
    """The batch of each frame that is used, by name."""
    return {real.frame.name: real.source.batch for real in plan.real}


def test_the_first_batch_wins_an_image_whatever_it_is_called(
    make_batch: Any, shapes: Any, drawn: Any
) -> None:
    fish = make_batch("fish", names(0, 1), shapes=(shapes.rectangle("ship", 1, 1, 9, 9),))
    full = make_batch("full", {"other.png": "view 1", "a_2.png": "view 2"})
    plan = plan_merge([fish, full], drawn, CLASSES, RULES)
    assert used(plan) == {"a_0.png": "fish", "a_1.png": "fish", "a_2.png": "full"}
    [same] = plan.summary.duplicates
    assert (same.taken, same.left_out) == ("fish/a_1.png", "full/other.png")
    assert "first by name" in same.why
    assert [(batch.frames, batch.used) for batch in plan.summary.batches] == [(2, 2), (2, 1)]
    [difference] = plan.summary.differences
    assert [(box.change, box.class_name) for box in difference.boxes] == [
        ("added", "ship"),
        ("removed", "sheep"),
    ]
    assert any("1 images of 'full' are in 'fish' too" in text for text in plan.summary.warnings)
    assert any("1 added, 1 removed" in text for text in plan.summary.warnings)


def test_frames_of_one_name_are_all_used(make_batch: Any, drawn: Any, tmp_path: Path) -> None:
    frames = [f"frame_{n:06d}.PNG" for n in range(6)]
    batches = [
        make_batch(match, {name: f"{match} {name}" for name in frames}) for match in ("one", "two")
    ]
    plan = plan_merge(batches, drawn, CLASSES, RULES)
    assert [batch.used for batch in plan.summary.batches] == [6, 6]
    assert plan.summary.duplicates == ()
    assert TrainingSet.write(tmp_path / "set", plan).problems() == ()
    held_out = [replace(batches[1], name="heldout_two")]
    summary = plan_merge([batches[0], *held_out], drawn, CLASSES, RULES).summary
    assert summary.held_out_leaks == ()


def test_frames_of_one_name_in_folders_and_subsets_are_as_many_files(
    export: Any, shapes: Any, drawn: Any, tmp_path: Path
) -> None:
    sheep = shapes.rectangle("sheep", 4, 4, 10, 8)
    export.frame("day1/0001.png", sheep, look="a").frame("day2/0001.png", sheep, look="b")
    export.frame("0001.png", sheep, look="c").write()
    train = type(export)(export.folder, subset="Train")
    source = train.frame("0001.png", sheep, look="d").write()
    stored = ExportBatch.write(tmp_path / "one", read_export(source, CLASSES), source)
    batch = NamedBatch("one", tmp_path / "one", stored.batch)
    plan = plan_merge([batch], drawn, CLASSES, RULES)
    assert len({real.name for real in plan.real}) == 4
    written = TrainingSet.write(tmp_path / "set", plan)
    assert written.problems() == ()
    files = list((tmp_path / "set" / "images").rglob("real_*"))
    assert len({file.read_bytes() for file in files}) == 4


def test_names_that_differ_by_case_are_two_files_everywhere(
    make_batch: Any, drawn: Any, tmp_path: Path
) -> None:
    batches = [make_batch("one", {"a_0.png": "v"}), make_batch("One", {"A_0.png": "w"})]
    plan = plan_merge(batches, drawn, CLASSES, RULES)
    assert len({real.name.casefold() for real in plan.real}) == 2


def test_a_newer_export_of_a_task_replaces_the_older_one(
    make_batch: Any, shapes: Any, drawn: Any
) -> None:
    old, new = (f"task_7-2026_01_0{day}_10_00_00-coco_1.0" for day in (1, 9))
    corrected = (shapes.rectangle("sheep", 4, 4, 10, 8), shapes.rectangle("wolf", 30, 4, 10, 8))
    batches = [
        make_batch(old, names(0, 1, 2, 3)),
        make_batch(new, names(0, 1, 2), shapes=corrected),
    ]
    plan = plan_merge(batches, drawn, CLASSES, RULES)
    assert set(used(plan).values()) == {new}
    assert len(plan.real) == 3, "a frame that was taken out of the task is not used any more"
    [replaced] = plan.summary.replaced
    assert (replaced.name, replaced.by) == (old, new)
    assert [batch.replaced_by for batch in plan.summary.batches] == [new, None]
    assert len(plan.summary.differences) == 3
    for difference in plan.summary.differences:
        assert [(box.change, box.class_name) for box in difference.boxes] == [("added", "wolf")]
        assert difference.why == "a newer export of task_7"
    assert plan.summary.duplicates == ()
    assert f"'{old}' is not used: '{new}' is a newer export of task_7" in plan.summary.warnings


def test_a_newer_export_of_a_paused_recording_replaces_the_older_one(
    make_batch: Any, drawn: Any
) -> None:
    """All frames show one image."""
    frames = {f"frame_{n:06d}.PNG": "paused" for n in range(6)}
    old, new = (make_batch(f"job_3-2026_01_0{day}_10_00_00-coco_1.0", frames) for day in (1, 9))
    plan = plan_merge([old, new], drawn, CLASSES, RULES)
    assert set(used(plan)) == set(frames)
    assert [one.name for one in plan.summary.replaced] == [old.name]


def test_tasks_of_one_name_and_other_images_are_both_used(make_batch: Any, drawn: Any) -> None:
    batches = [
        make_batch(f"task_match-2026_01_0{day}_10_00_00-coco_1.0", {"a.png": f"day {day}"})
        for day in (1, 9)
    ]
    plan = plan_merge(batches, drawn, CLASSES, RULES)
    assert (len(plan.real), plan.summary.replaced) == (2, ())


def test_frames_of_the_subset_test_are_judged_beside_a_newer_task_of_that_name(
    make_batch: Any,
) -> None:
    old, new = (
        make_batch(f"task_match-2026_01_0{day}_10_00_00-coco_1.0", {"a.png": f"day {day}"})
        for day in (1, 9)
    )
    old = in_subset(old, "Test")
    assert [one.batch for one in held_out_frames([old, new], RULES)] == [old.name]


def test_an_export_is_replaced_whatever_else_has_the_name_of_its_task(
    make_batch: Any, drawn: Any
) -> None:
    frames = (names(0, 1, 2, 3), names(2, 3, 4, 5), names(4, 5, 6), {"b.png": "another task"})
    batches = [
        make_batch(f"task_m-2026_01_0{day}_10_00_00-coco_1.0", shown)
        for day, shown in enumerate(frames, 1)
    ]
    replaced = plan_merge(batches, drawn, CLASSES, RULES).summary.replaced
    # The oldest has no image of the one that is used, but of the one that was replaced by it.
    assert [(one.name, one.by) for one in replaced] == [
        (older.name, batches[2].name) for older in batches[:2]
    ]


def test_of_other_batches_the_one_exported_later_wins(
    make_batch: Any, shapes: Any, drawn: Any
) -> None:
    batches = [
        replace(make_batch("early", names(0)), written=datetime(2026, 1, 1)),
        replace(make_batch("late", names(0)), written=datetime(2026, 1, 9)),
    ]
    plan = plan_merge(batches, drawn, CLASSES, RULES)
    assert used(plan) == {"a_0.png": "late"}
    assert [same.why for same in plan.summary.duplicates] == ["exported later"]
    assert plan.summary.differences == ()


def test_an_image_encoded_anew_is_the_same_image(make_batch: Any, drawn: Any) -> None:
    batches = [make_batch("one", {"a_0.png": "view"}), make_batch("two", {"b_1.bmp": "view"})]
    assert used(plan_merge(batches, drawn, CLASSES, RULES)) == {"a_0.png": "one"}


def test_equal_frames_of_one_batch_are_all_used(make_batch: Any, drawn: Any) -> None:
    """A paused game: a label for each is no contradiction, other labels are."""
    batch = make_batch("one", {"a_0.png": "view", "a_1.png": "view"})
    plan = plan_merge([batch], drawn, CLASSES, RULES)
    assert len(plan.real) == 2
    contradiction = "'one/a_0.png' and 'one/a_1.png'"
    assert not any(contradiction in text for text in plan.summary.warnings)
    [first, second] = batch.batch.frames
    second = replace(second, boxes=(*second.boxes, LabelledBox(1, Box(0, 0, 9, 9))))
    batch = replace(batch, batch=replace(batch.batch, frames=(first, second)))
    plan = plan_merge([batch], drawn, CLASSES, RULES)
    assert len(plan.real) == 2
    assert any(contradiction in text for text in plan.summary.warnings)


def test_labels_that_a_later_batch_lacks_are_used_with_a_warning(
    make_batch: Any, drawn: Any
) -> None:
    # The image of an unlabelled frame is made from its name.
    labelled = replace(make_batch("a", {"u.png": "u.png"}), written=datetime(2026, 1, 1))
    emptied = make_batch("b", names(1), unlabelled=("u.png",))
    for day, told in ((9, 1), (1, 0)):
        later = replace(emptied, written=datetime(2026, 1, day))
        plan = plan_merge([labelled, later], drawn, CLASSES, RULES)
        assert used(plan) == {"u.png": "a", "a_1.png": "b"}
        assert [(one.taken, one.left_out) for one in plan.summary.differences] == told * [
            ("a/u.png", "b/u.png")
        ]
        warned = "1 images that 'a' labels are without labels in 'b'"
        assert sum(warned in text for text in plan.summary.warnings) == told


def test_differences_are_counted_and_some_are_listed(
    make_batch: Any, shapes: Any, drawn: Any
) -> None:
    frames = {f"a_{n}.png": "one view" for n in range(120)}
    wolf = (shapes.rectangle("wolf", 4, 4, 10, 8),)
    batches = [make_batch("one", frames), make_batch("two", frames, shapes=wolf)]
    summary = plan_merge(batches, drawn, CLASSES, RULES).summary
    assert (len(summary.differences), summary.difference_count) == (100, 120)


def test_corrected_frames_of_a_video_are_no_video_of_their_own(make_batch: Any, drawn: Any) -> None:
    video = {f"frame_{n:06d}.png": f"view {n}" for n in range(12)}
    match = make_batch("match", video)
    fixed = make_batch("fixed", dict(list(video.items())[:2]))
    plan = plan_merge([fixed, match], drawn, CLASSES, RULES)
    assert set(used(plan).values()) == {"match", "fixed"}
    assert plan.summary.split != "sessions"


def test_test_frames_are_held_out_and_validation_frames_validate(
    make_batch: Any, drawn: Any
) -> None:
    batch = make_batch("b", {f"a_{n}.png": f"view {n}" for n in range(4)})
    subsets = ("Test", "validation", "Train", "somewhere")
    frames = tuple(
        replace(frame, subset=subset)
        for frame, subset in zip(batch.batch.frames, subsets, strict=True)
    )
    batch = replace(batch, batch=replace(batch.batch, frames=frames))
    other = make_batch("c", {"double.png": "view 0"})
    plan = plan_merge([batch, other], drawn, CLASSES, RULES)
    assert {real.frame.name: real.subset for real in plan.real} == {
        "a_1.png": "val",
        "a_2.png": "train",
        "a_3.png": "train",
    }
    assert plan.summary.held_out_by_subset == 1
    # All four are of the session "a", of which two are trained on.
    overlaps = (plan.summary.validation_sessions, plan.summary.test_sessions)
    assert [str(one) for one in overlaps] == ["1 of 1", "1 of 1"]
    for which in ("validation frames", "frames of the subset Test"):
        assert any(f"1 of 1 {which} are of sessions" in text for text in plan.summary.warnings)
    assert [same.taken for same in plan.summary.duplicates] == ["b/Test/a_0.png"]
    assert plan.summary.batches[0].subsets == dict.fromkeys(subsets, 1)
    assert [one.title for one in held_out_frames([batch, other], RULES)] == ["b/Test/a_0.png"]


def test_the_labels_of_an_image_are_the_newest_and_its_subset_is_that_of_any(
    make_batch: Any, shapes: Any, drawn: Any
) -> None:
    newest = make_batch("new", names(0, 1, 2), shapes=(shapes.rectangle("wolf", 4, 4, 10, 8),))
    batches = [
        replace(newest, written=datetime(2026, 1, 9)),
        in_subset(make_batch("test", names(0)), "Test"),
        in_subset(make_batch("valid", names(1)), "Validation"),
        in_subset(make_batch("train", names(0, 1, 2)), "Train"),
    ]
    plan = plan_merge(batches, drawn, CLASSES, RULES)
    assert [(one.source.title, one.subset) for one in plan.real] == [
        ("new/a_1.png", "val"),
        ("new/a_2.png", "train"),
    ]
    [judged] = held_out_frames(batches, RULES)
    assert (judged.title, judged.frame.boxes[0].class_id) == ("new/a_0.png", CLASSES.index("wolf"))
    assert any("1 images of 'new' are for validation" in text for text in plan.summary.warnings)


def test_a_frame_that_shows_the_view_of_a_test_frame_is_left_out(
    make_batch: Any, drawn: Any
) -> None:
    test = in_subset(make_batch("test", {"t_0.png": "view 0"}), "Test")
    free = make_batch("free", {"f_0.png": "other", "f_1.png": "view 1"})
    # Other bytes and pixels, near by its hash, as a unit that walked on.
    [seen, other] = free.batch.frames
    near = replace(seen, phash=test.batch.frames[0].phash, thumbnail="")
    free = replace(free, batch=replace(free.batch, frames=(near, other)))
    plan = plan_merge([test, free], drawn, CLASSES, RULES)
    assert used(plan) == {"f_1.png": "free"}
    assert (plan.summary.left_out_near_test, plan.summary.held_out_leak_count) == (1, 0)
    [pair] = plan.summary.near_test
    assert (pair.taken, pair.left_out) == ("test/Test/t_0.png", "free/f_0.png")
    assert any("1 frames of no subset show the view" in text for text in plan.summary.warnings)
    trained = plan_merge([test, in_subset(free, "Train")], drawn, CLASSES, RULES).summary
    assert (trained.left_out_near_test, trained.held_out_leak_count) == (0, 1), "as it was asked"


@pytest.mark.parametrize(
    ("batch", "expected"),
    [
        ("heldout_match7", True),
        ("HeldOut_match7", True),
        ("heldout_task_7-2026_01_09_10_00_00-coco_1.0", True),
        # As CVAT and Outpost name the export of a task that is called so in CVAT.
        ("task_heldout_match7-2026_01_09_10_00_00-coco 1.0", True),
        ("task_12_Heldout_match7-2026_01_09_10_00_00-coco_1.0", True),
        ("project_heldout_match7_dataset_2026_01_09_10_00_00_coco_1.0", True),
        ("task_12_match7-2026_01_09_10_00_00-coco_1.0", False),
        ("task_12_not_heldout_match7-2026_01_09_10_00_00-coco_1.0", False),
        ("match_heldout_7", False),
    ],
)
def test_a_batch_is_held_out_by_its_name_or_by_that_of_its_task(batch: str, expected: bool) -> None:
    assert is_held_out(batch, RULES) is expected


def test_what_is_held_out_twice_is_judged_once(make_batch: Any) -> None:
    batches = [make_batch(name, names(0, 1)) for name in ("heldout_a", "heldout_b", "train")]
    assert [one.title for one in held_out_frames(batches, RULES)] == [
        "heldout_a/a_0.png",
        "heldout_a/a_1.png",
    ]


def test_leaks_are_counted_and_some_are_listed(make_batch: Any, drawn: Any) -> None:
    frames = {f"a_{n}.png": "one view" for n in range(120)}
    train = make_batch("train", {"b_0.png": "one view"})
    summary = plan_merge([train, make_batch("heldout_x", frames)], drawn, CLASSES, RULES).summary
    assert (len(summary.held_out_leaks), summary.held_out_leak_count) == (100, 120)


def test_a_summary_of_before_is_still_read(make_batch: Any, drawn: Any) -> None:
    summary = plan_merge([make_batch("one", names(0))], drawn, CLASSES, RULES).summary
    same = {"stem": "a_0", "kept": "one", "dropped": "two"}
    new = (
        *("replaced", "differences", "difference_count"),
        *("held_out_by_subset", "left_out_near_test", "validation_leak_count"),
        *("coverage", "rules", "near_test", "unvalidated_classes"),
    )
    told = {key: value for key, value in summary.model_dump(mode="json").items() if key not in new}
    read = MergeSummary.model_validate({**told, "duplicates": [same], "collisions": [same]})
    assert read.duplicates[0].taken == "one/a_0"
    leak = {"kind": "same name", "trained": "a_0", "judged": "a_0", "bits": 30}
    read = MergeSummary.model_validate({**told, "held_out_leaks": [leak]})
    assert read.held_out_leaks[0].kind == "same name"


def test_held_out_batches_never_enter_and_are_compared_with(make_batch: Any, drawn: Any) -> None:
    train = make_batch("train", names(0, 1, 2))
    held_out = make_batch("heldout_x", {"h_0.png": "view 1", "h_1.png": "elsewhere"})
    plan = plan_merge([held_out, train], drawn, CLASSES, RULES)
    assert {real.source.batch for real in plan.real} == {"train"}
    assert [(leak.judged, leak.trained) for leak in plan.summary.held_out_leaks] == [
        ("heldout_x/h_0.png", "train/a_1.png")
    ]
    leaks = "heldout_x/h_0.png is like train/a_1.png"
    assert any("1 held-out frames" in one and leaks in one for one in plan.summary.warnings)
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


def test_unknown_labels_of_a_replaced_batch_are_corrected(make_batch: Any, drawn: Any) -> None:
    old, new = (make_batch(f"task_7-2026_01_0{day}_10_00_00-coco_1.0", names(0)) for day in (1, 9))
    old = replace(old, batch=replace(old.batch, unknown_labels=(UnknownLabel("dragon", 2),)))
    assert plan_merge([old, new], drawn, CLASSES, RULES).summary.unknown_labels == {}


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


@pytest.mark.slow
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
    # Every image is used, from one batch, and what was left out is accounted for.
    there = {frame.sha256 for frames in contents for frame in frames}
    taken = {real.frame.sha256: real.source.batch for real in plan.real}
    assert taken.keys() == there
    assert all(taken[real.frame.sha256] == real.source.batch for real in plan.real)
    assert len({real.name for real in plan.real}) == len(plan.real)
    left_out = sum(len(frames) for frames in contents) - len(plan.real)
    assert len(plan.summary.duplicates) == left_out
    # Counts know nothing of oversampling.
    assert plan.real == plain.real
    assert plan.summary.per_class == plain.summary.per_class
    boxes = sum(len(real.frame.boxes) for real in plan.real)
    assert plan.summary.per_class["sheep"].real == boxes
    if split == "session":
        assert plan.summary.validation_leaks == ()


def effects(plan: MergePlan) -> dict[str, dict[str, int]]:
    return {one.rule: one.counts for one in plan.summary.rules}


def test_the_coverage_matrix_has_every_box_of_the_plan(
    make_batch: Any, shapes: Any, drawn: Any
) -> None:
    wolf = (shapes.rectangle("wolf", 4, 4, 10, 8),)
    batches = [
        in_subset(make_batch("t", {"t_0.png": "tested"}), "Test"),
        in_subset(make_batch("v", {"v_0.png": "valid"}, shapes=wolf), "Validation"),
        in_subset(make_batch("b", names(0, 1, 2)), "Train"),
        make_batch("heldout_h", {"h_0.png": "held"}, shapes=wolf),
    ]
    summary = plan_merge(batches, drawn, CLASSES, RULES).summary
    assert [(one.batch, one.train, one.val, one.held_out) for one in summary.coverage] == [
        ("b", {"sheep": 3}, {}, {}),
        ("heldout_h", {}, {}, {"wolf": 1}),
        ("t", {}, {}, {"sheep": 1}),
        ("v", {}, {"wolf": 1}, {}),
        (None, {"wolf": 4}, {"wolf": 1}, {}),
    ]
    assert summary.zero_real_classes == ("ship",)
    assert summary.unvalidated_classes == ("sheep", "ship")
    for name, found in summary.per_class.items():
        real = [one for one in summary.coverage if one.batch is not None]
        assert found.real_train == sum(one.train.get(name, 0) for one in real)


def test_every_rule_says_what_it_did(make_batch: Any, shapes: Any, drawn: Any) -> None:
    wolf = (shapes.rectangle("wolf", 4, 4, 10, 8), shapes.rectangle("wolf", 4, 4, 10, 8))
    old, new = (f"task_7-2026_01_0{day}_10_00_00-coco_1.0" for day in (1, 9))
    batches = [
        make_batch(old, names(0, 1)),
        make_batch(new, names(0, 1), shapes=wolf),
        make_batch("other", {"x_0.png": "view 0", "x_1.png": "view 9"}, unlabelled=["u.png"]),
        in_subset(make_batch("t", {"t_0.png": "tested"}), "Test"),
        make_batch("heldout_h", {"h_0.png": "held"}),
    ]
    found = effects(plan_merge(batches, drawn, CLASSES, RULES))
    assert found["a newer export of a task replaces the older"] == {
        "batches left out": 1,
        "frames of them": 2,
    }
    assert found["an image of several batches is taken from one"] == {"frames left out": 1}
    assert found["where batches label an image otherwise, one is taken"] == {
        "images": 3,
        "boxes relabelled": 3,
    }
    assert found["frames without annotations"] == {"frames left out": 1}
    assert found["boxes are repaired where there is one right answer"]["doubles dropped"] == 2
    assert found["CVAT's subsets are kept"]["are held out (Test)"] == 1
    assert found["whole batches are held out"] == {"batches": 1, "frames": 1}
    kept = plan_merge(batches, drawn, CLASSES, RULES)
    listed = found["real training frames are listed several times"]["lines added"]
    assert listed == kept.summary.listed_train - kept.summary.total_train


def test_frames_that_were_told_to_validate_are_none_that_the_split_chose(
    make_batch: Any, drawn: Any
) -> None:
    batches = [
        in_subset(make_batch("v", {f"v_{n}.png": f"valid {n}" for n in range(3)}), "Validation"),
        make_batch("w", {"v_0.png": "valid 0", "v_9.png": "elsewhere"}),
        *(make_batch(f"b{n}", {f"b{n}_0.png": f"view {n}"}) for n in range(10)),
    ]
    plan = plan_merge(batches, drawn, CLASSES, RULES)
    told, split = (
        effects(plan)[rule] for rule in ("CVAT's subsets are kept", "the other frames are split")
    )
    assert (told["validate"], told["validate with their view or session"]) == (3, 1)
    assert split == {"units (groups)": 10, "validate": 1}
    assert plan.summary.real_val == 3 + 1 + 1


def test_a_rule_that_did_nothing_says_so(make_batch: Any, drawn: Any) -> None:
    summary = plan_merge([make_batch("b", names(0))], drawn, CLASSES, RULES).summary
    effect = {one.rule: one.effect for one in summary.rules}
    assert effect["an image of several batches is taken from one"] == "0 frames left out"
