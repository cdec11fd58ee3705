from __future__ import annotations

from typing import Any

import pytest

from pipeline.evaluation.comparison.paired import Comparison, compare, compare_judged
from pipeline.evaluation.frames import JudgedFrame
from pipeline.evaluation.metrics.scores import EvaluationError, Judgement, Scores, score_frames

BETTER, WORSE = [5, 6, 4, 7, 5, 6] * 4, [3, 4, 2, 5, 4, 3] * 4


@pytest.fixture
def scored(make_frame: Any, judgement: Judgement) -> Any:
    """Scores of frames of eight objects, of which so many are found; three frames a session."""

    def make(found: list[int], objects: int = 8, each: int = 3) -> Scores:
        frames = [
            make_frame(f"f{n}", k, missed=objects - k, session=f"day {n // each}")
            for n, k in enumerate(found)
        ]
        return score_frames(frames, judgement)

    return make


def without_sessions(scores: Scores, folder: str = "") -> Scores:
    """A report of before, or one of frames in a batch."""
    frames = tuple(
        frame.model_copy(update={"name": f"{folder}{frame.name}", "session": None})
        for frame in scores.per_frame
    )
    return scores.model_copy(update={"per_frame": frames})


def test_a_model_that_finds_more_in_every_session_is_better(scored: Any) -> None:
    comparison = compare(scored(BETTER), scored(WORSE))
    assert (comparison.frames, comparison.sessions, comparison.verdict) == (24, 8, "better")
    found = comparison.of_record
    assert found.figure == "micro-F1"
    assert found.change.value == pytest.approx(found.new - found.old, abs=2e-6)
    assert found.change.interval.low <= found.change.value <= found.change.interval.high
    assert found.explanation.startswith("better (+0.2")


def test_the_other_way_round_it_is_worse_by_as_much(scored: Any) -> None:
    there, back = compare(scored(BETTER), scored(WORSE)), compare(scored(WORSE), scored(BETTER))
    assert back.verdict == "worse"
    assert back.of_record.change.value == -there.of_record.change.value
    assert back.of_record.change.interval.low == -there.of_record.change.interval.high


def test_where_nothing_is_told_it_says_what_would(scored: Any) -> None:
    comparison = compare(scored([5, 2, 7, 1, 4, 6] * 2), scored([4, 3, 6, 3, 4, 4] * 2))
    found = comparison.of_record
    assert comparison.verdict == "not distinguishable"
    assert found.sessions_needed > comparison.sessions
    more = found.sessions_needed - comparison.sessions
    assert f"about {more} more sessions would tell them apart" in found.explanation


def test_frames_of_one_session_are_compared_and_tell_nothing_of_others(scored: Any) -> None:
    comparison = compare(scored(BETTER, each=24), scored(WORSE, each=24))
    assert (comparison.sessions, comparison.verdict) == (1, "better")
    found = comparison.of_record
    assert (found.over, found.change.sessions, found.sessions_needed) == ("frames", 24, None)
    assert "24 frames of one session, which says nothing of others" in found.explanation
    alike = compare(scored([5, 2, 7, 2], each=4), scored([4, 3, 6, 2], each=4)).of_record
    assert alike.explanation.endswith("other sessions may tell them apart")
    single = compare(scored([5]), scored([3])).of_record
    assert single.verdict == "not distinguishable"
    assert single.explanation.endswith("there is a single frame")


def test_a_model_is_no_better_than_itself(scored: Any) -> None:
    found = compare(scored(BETTER), scored(BETTER)).of_record
    assert (found.verdict, found.sessions_needed) == ("not distinguishable", None)
    assert found.new == found.old
    assert found.explanation.endswith("the two score the same")


def test_the_order_of_frames_does_not_matter(scored: Any) -> None:
    new, old = scored(BETTER), scored(WORSE)
    turned = old.model_copy(update={"per_frame": old.per_frame[::-1]})
    assert compare(new, turned) == compare(new, old)


def test_a_comparison_is_read_back(scored: Any) -> None:
    comparison = compare(scored(BETTER), scored(WORSE))
    assert Comparison.model_validate_json(comparison.model_dump_json()) == comparison


def test_scores_on_other_frames_cannot_be_compared(scored: Any) -> None:
    with pytest.raises(EvaluationError, match="different frames"):
        compare(scored([5, 2, 7]), scored([5, 2]))


def test_scores_on_other_labels_of_the_same_frames_cannot_be_compared(scored: Any) -> None:
    new, old = scored([5, 2]), scored([5, 2])
    first, *others = old.per_frame
    corrected = first.model_copy(update={"false_negatives": first.false_negatives + 1})
    with pytest.raises(EvaluationError, match="labels of 1 of 2 frames have changed"):
        compare(new, old.model_copy(update={"per_frame": (corrected, *others)}))


def test_frames_of_two_batches_that_are_called_alike_are_different_frames(scored: Any) -> None:
    scores = scored([5, 2])
    with pytest.raises(EvaluationError, match="different frames"):
        compare(without_sessions(scores, "heldout_2/"), without_sessions(scores, "heldout_1/"))


def test_a_report_of_before_has_file_names_alone_and_no_sessions(scored: Any) -> None:
    before = without_sessions(scored(WORSE))
    now = scored(BETTER)
    frames = tuple(
        frame.model_copy(update={"name": f"heldout/day/{frame.name}"}) for frame in now.per_frame
    )
    now = now.model_copy(update={"per_frame": frames})
    assert compare(now, before) == compare(scored(BETTER), scored(WORSE))
    twice = tuple(frame.model_copy(update={"name": "a/f0"}) for frame in frames)
    with pytest.raises(EvaluationError, match="different frames"):
        compare(now.model_copy(update={"per_frame": twice}), before)


def test_where_no_report_knows_sessions_a_folder_is_one(scored: Any) -> None:
    new, old = (without_sessions(scored(found), "batch/") for found in (BETTER, WORSE))
    assert compare(new, old).sessions == 1


def judged(make_frame: Any, found: list[int], each: int = 3) -> list[JudgedFrame]:
    return [
        make_frame(f"f{n}", k, missed=8 - k, false=2, session=f"day {n // each}")
        for n, k in enumerate(found)
    ]


def test_average_precision_is_compared_as_well(make_frame: Any, judgement: Judgement) -> None:
    new, old = (judged(make_frame, found) for found in (BETTER, WORSE))
    comparison = compare_judged(new, old, (judgement, judgement))
    assert [one.figure for one in comparison.differences] == ["micro-F1", "AP50", "AP50-95"]
    assert [one.verdict for one in comparison.differences] == ["better"] * 3
    assert comparison.differences[1].new == score_frames(new, judgement).map50
    assert (
        comparison.of_record == compare(*(score_frames(f, judgement) for f in (new, old))).of_record
    )


def test_each_model_is_judged_at_its_own_thresholds(make_frame: Any, judgement: Judgement) -> None:
    frames = judged(make_frame, BETTER)
    strict = Judgement(judgement.class_names, (0.95, 0.95, 0.95))
    comparison = compare_judged(frames, frames, (judgement, strict))
    assert comparison.of_record.old == 0
    assert comparison.differences[1].change.value == 0


def test_a_session_with_all_objects_leaves_average_precision_untold(
    make_frame: Any, judgement: Judgement
) -> None:
    frames = [make_frame("a", 3, session="day"), make_frame("b", 0, false=1, session="night")]
    comparison = compare_judged(frames, frames, (judgement, judgement))
    assert [one.figure for one in comparison.differences] == ["micro-F1"]
