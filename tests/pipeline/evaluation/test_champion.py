from __future__ import annotations

from typing import Any

import pytest

from pipeline.evaluation.champion import compare
from pipeline.evaluation.report import EvaluationError, Judgement, Scores, score_frames


@pytest.fixture
def scored(make_frame: Any, judgement: Judgement) -> Any:
    def make(found: list[int], objects: int = 8) -> Scores:
        frames = [make_frame(f"f{n}", k, missed=objects - k) for n, k in enumerate(found)]
        return score_frames(frames, judgement)

    return make


def test_a_detector_that_finds_more_in_every_frame_is_better(scored: Any) -> None:
    comparison = compare(scored([5, 6, 4, 7] * 5), scored([3, 4, 2, 5] * 5))
    assert comparison.verdict == "better"
    difference = comparison.challenger_f1 - comparison.champion_f1
    assert difference > 0.1
    assert comparison.interval.low <= difference <= comparison.interval.high


def test_the_other_way_round_it_is_worse(scored: Any) -> None:
    better, worse = scored([5, 6, 4, 7] * 5), scored([3, 4, 2, 5] * 5)
    there, back = compare(better, worse), compare(worse, better)
    assert back.verdict == "worse"
    assert (back.challenger_f1, back.champion_f1) == (there.champion_f1, there.challenger_f1)


def test_a_difference_that_other_frames_could_turn_is_undecided(scored: Any) -> None:
    assert compare(scored([5, 2, 7, 1]), scored([4, 3, 6, 1])).verdict == "undecided"


def test_a_detector_is_no_better_than_itself(scored: Any) -> None:
    comparison = compare(scored([5, 2, 7]), scored([5, 2, 7]))
    assert comparison.verdict == "undecided"
    assert comparison.challenger_f1 == comparison.champion_f1


def test_the_order_of_frames_does_not_matter(scored: Any) -> None:
    new, old = scored([5, 6, 4, 7]), scored([3, 4, 2, 5])
    turned = old.model_copy(update={"per_frame": old.per_frame[::-1]})
    assert compare(new, turned) == compare(new, old)


def test_scores_on_other_frames_cannot_be_compared(scored: Any) -> None:
    with pytest.raises(EvaluationError, match="different frames"):
        compare(scored([5, 2, 7]), scored([5, 2]))


def test_frames_of_two_batches_that_are_called_alike_are_different_frames(scored: Any) -> None:
    new, old = (
        scores.model_copy(
            update={
                "per_frame": tuple(
                    frame.model_copy(update={"name": f"{batch}/{frame.name}"})
                    for frame in scores.per_frame
                )
            }
        )
        for batch, scores in (("heldout_2", scored([5, 2])), ("heldout_1", scored([5, 2])))
    )
    with pytest.raises(EvaluationError, match="different frames"):
        compare(new, old)


def test_a_report_of_before_has_file_names_alone(scored: Any) -> None:
    now, before = scored([5, 2, 7]), scored([5, 2, 7])
    frames = tuple(
        frame.model_copy(update={"name": f"heldout/day/{frame.name}"}) for frame in now.per_frame
    )
    now = now.model_copy(update={"per_frame": frames})
    assert compare(now, before).verdict == "undecided"
    twice = tuple(frame.model_copy(update={"name": "a/f0"}) for frame in frames)
    with pytest.raises(EvaluationError, match="different frames"):
        compare(now.model_copy(update={"per_frame": twice}), before)
