from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipeline.evaluation.evaluation import Evaluation
from pipeline.evaluation.frames import JudgedFrame
from pipeline.evaluation.matching import ScoredBox
from pipeline.evaluation.metrics.scores import (
    EvaluationError,
    Judgement,
    counts_of,
    score_frames,
    worst_frames,
)
from pipeline.evaluation.reports.report import ConventionScore, evaluate
from pipeline.evaluation.reports.tables import markdown
from pipeline.labels.boxes import Box, LabelledBox

BOX = Box(0, 0, 10, 10)
REPORT_OF_BEFORE = """{"min_iou":0.5,"seed":42,"inputs":{},"real":{"frames":1,"truths":6,
"detections":3,"micro":{"true_positives":3,"false_positives":0,"false_negatives":3,"precision":1.0,
"recall":0.5,"f1":0.666667},"micro_f1_interval":{"low":0.666667,"high":0.666667},"macro_f1":null,
"map50":0.50495,"per_class":[{"name":"sheep","threshold":0.35,"truths":6,"score":
{"true_positives":3,"false_positives":0,"false_negatives":3,"precision":1.0,"recall":0.5,
"f1":0.666667},"recall_interval":{"low":0.187619,"high":0.812381},"ap50":0.50495,
"enough_truths":false}],"insufficient_support":["sheep"],"confusion":{"labels":["sheep",
"background"],"counts":[[3,3],[0,0]]},"per_frame":[{"name":"a","true_positives":3,
"false_positives":0,"false_negatives":3}]},"synthetic":null,"gap":null,"conventions":[]}"""
"""As it was written until figures over sessions, AP50-95 and kinds of errors were added."""


def test_real_and_synthetic_are_scored_apart(make_frame: Any, judgement: Judgement) -> None:
    real = [make_frame("a", found=3, missed=3)]
    synthetic = [make_frame(f"s{n}", found=9) for n in range(50)]
    report = evaluate(real, synthetic, judgement, {"model": "abc"})
    assert report.real == evaluate(real, [], judgement, {}).real
    assert report.real.micro.f1 == pytest.approx(6 / 9, abs=1e-6)
    assert report.synthetic is not None
    assert report.synthetic.micro.f1 == 1
    assert report.gap == pytest.approx(1 / 3, abs=1e-6)


def test_without_synthetic_frames_there_is_no_gap(make_frame: Any, judgement: Judgement) -> None:
    report = evaluate([make_frame("a", 1)], [], judgement, {})
    assert (report.synthetic, report.gap) == (None, None)


def test_precision_recall_and_f1(make_frame: Any, judgement: Judgement) -> None:
    scores = score_frames([make_frame("a", 2, missed=1), make_frame("b", 1, false=3)], judgement)
    assert (scores.frames, scores.truths, scores.detections) == (2, 4, 6)
    assert scores.micro.precision == 0.5
    assert scores.micro.recall == 0.75
    assert scores.micro.f1 == 0.6
    assert counts_of(scores.per_frame).tolist() == [[2, 0, 1], [1, 3, 0]]


def test_the_interval_of_the_figure_of_record_is_over_sessions(
    make_frame: Any, judgement: Judgement
) -> None:
    # All frames of an evening are alike, so ten times as many of them tell nothing more.
    evenings = [(9, 1), (8, 2), (7, 3), (9, 2), (6, 4), (8, 1)]

    def interval(frames_of_each: int, session: str | None) -> Any:
        frames = [
            make_frame(f"f{evening} {n}", found, missed, session=session and f"day {evening}")
            for evening, (found, missed) in enumerate(evenings)
            for n in range(frames_of_each)
        ]
        return score_frames(frames, judgement).micro_f1_interval

    assert interval(10, "of a day") == interval(1, "of a day")
    alone = interval(10, None)
    assert alone.high - alone.low < 0.6 * (interval(1, None).high - interval(1, None).low)


def test_the_macro_average_leaves_out_rare_classes(judgement: Judgement) -> None:
    sheep = [LabelledBox(0, Box(20 * i, 0, 20 * i + 10, 10)) for i in range(10)]
    found = [ScoredBox(0, 0.9, truth.box) for truth in sheep[:6]]
    rare = LabelledBox(1, Box(0, 80, 10, 90))
    scores = score_frames([JudgedFrame("a", (*sheep, rare), tuple(found))], judgement)
    assert scores.macro_f1 == pytest.approx(12 / 16)
    assert scores.insufficient_support == ("wolf",)
    assert [one.enough_truths for one in scores.per_class] == [True, False, False]


def test_each_class_counts_from_its_own_threshold(judgement: Judgement) -> None:
    frame = JudgedFrame(
        "a",
        (LabelledBox(0, BOX), LabelledBox(2, BOX)),
        (ScoredBox(0, 0.4, BOX), ScoredBox(2, 0.4, BOX)),
    )
    scores = score_frames([frame], judgement)
    assert [one.score.true_positives for one in scores.per_class] == [1, 0, 0]
    # Average precision looks below the threshold.
    assert [one.ap50 for one in scores.per_class] == [1.0, None, 1.0]


def test_every_figure_is_of_what_counts_at_the_stated_confidences(judgement: Judgement) -> None:
    truths = tuple(LabelledBox(0, Box(20 * i, 0, 20 * i + 10, 10)) for i in range(3))
    sure = (ScoredBox(0, 0.9, truths[0].box), ScoredBox(0, 0.5, Box(0, 50, 10, 60)))
    # Below the confidence of its class, which is 0.35 here, and 0.5 of ships.
    unsure = (
        ScoredBox(0, 0.3, truths[1].box),
        ScoredBox(0, 0.3, Box(20, 50, 30, 60)),
        ScoredBox(2, 0.4, truths[2].box),
    )
    scores = score_frames([JudgedFrame("a", truths, (*sure, *unsure))], judgement)
    assert counts_of(scores.per_frame).tolist() == [[1, 1, 2]]
    assert {kind: number for kind, number in scores.errors.items() if number} == {
        "nothing there": 1,
        "missed": 2,
    }
    assert [(one.truths, one.found) for one in scores.sizes] == [(3, 1), (0, 0), (0, 0)]
    assert scores.confusion.counts[0] == (1, 0, 0, 2)
    assert scores.confusion.counts[-1] == (1, 0, 0, 0)


def test_a_class_that_never_occurs_has_no_ratios(make_frame: Any, judgement: Judgement) -> None:
    ship = score_frames([make_frame("a", 1)], judgement).per_class[2].score
    assert (ship.precision, ship.recall, ship.f1) == (None, None, None)


def test_the_worst_frames_come_first_and_good_ones_not_at_all(
    make_frame: Any, judgement: Judgement
) -> None:
    frames = [make_frame("a", 1, missed=1), make_frame("b", 5), make_frame("c", 1, 2, 2)]
    scores = score_frames(frames, judgement)
    assert worst_frames(scores, 5) == ("c", "a")
    assert worst_frames(scores, 1) == ("c",)


def test_a_report_is_read_back_and_its_bytes_are_repeatable(
    make_frame: Any, judgement: Judgement, tmp_path: Path
) -> None:
    frames = [make_frame(f"f{n}", n, missed=1, false=n % 3) for n in range(1, 6)]
    report = evaluate(frames, [make_frame("s", 1)], judgement, {"model": "abc"})
    Evaluation.write(tmp_path, report, ())
    first = (tmp_path / "evaluation.json").read_bytes()
    assert Evaluation.open(tmp_path).report == report
    again = evaluate(frames, [make_frame("s", 1)], judgement, {"model": "abc"})
    Evaluation.write(tmp_path, again, ())
    assert (tmp_path / "evaluation.json").read_bytes() == first


def test_the_table_states_the_figure_of_record_and_the_gap(
    make_frame: Any, judgement: Judgement
) -> None:
    report = evaluate([make_frame("a", 3, 3)], [make_frame("s", 9)], judgement, {})
    text = markdown(report)
    assert text.startswith("**Real micro-F1 0.667**")
    assert "| synthetic | 1 | 9 |" in text
    assert "Gap from synthetic to real: 0.333" in text
    assert "| sheep (too few to tell) | 0.35 | 6 | 3 | 0 | 1.000 | 0.500 |" in text
    assert "| wrong class | wrong place | wrong class and place | found before |" in text
    assert "| small | 0 to 32 | 6 | 3 | 0.500 |" in text


def test_classes_of_a_group_are_counted_together(make_frame: Any, judgement: Judgement) -> None:
    grouped = replace(judgement, groups=("animal", "animal", "naval"))
    scores = score_frames([make_frame("a", 3, 3)], grouped)
    assert [(one.name, one.truths) for one in scores.groups] == [("animal", 6), ("naval", 0)]
    assert scores.groups[0].score == scores.per_class[0].score
    report = evaluate([make_frame("a", 3, 3)], [], grouped, {})
    assert "| animal | 6 | 3 | 0 | 1.000 | 0.500 | 0.667 |" in markdown(report)
    with pytest.raises(ValueError, match="one group"):
        replace(judgement, groups=("animal",))


def test_each_fold_of_the_sessions_is_scored_apart(make_frame: Any, judgement: Judgement) -> None:
    frames = [
        make_frame(f"f{n}", n, missed=n % 3, false=n % 2, session=f"day {n // 2}")
        for n in range(1, 16)
    ]
    report = evaluate(frames, [make_frame("s", 9)], judgement, {})
    folds = report.real.folds
    assert [one.sessions for one in folds][:2] == [("day 0", "day 5"), ("day 1", "day 6")]
    assert len(folds) == 5
    for one in folds:
        apart = score_frames(
            [frame for frame in frames if frame.session in one.sessions], judgement
        )
        assert (one.frames, one.truths, one.score) == (apart.frames, apart.truths, apart.micro)
    assert sum(one.truths for one in folds) == report.real.truths
    assert f"| day 0, day 5 | 3 | {folds[0].truths} |" in markdown(report)
    # Of drawn images, and of one session alone, there is nothing to compare.
    assert report.synthetic is not None
    assert report.synthetic.folds == ()
    assert evaluate(frames[:1], [], judgement, {}).real.folds == ()


def test_of_many_sessions_of_a_fold_a_few_are_named(make_frame: Any, judgement: Judgement) -> None:
    frames = [make_frame(f"f{n}", 1, session=f"day|{n:02}") for n in range(25)]
    text = markdown(evaluate(frames, [], judgement, {}))
    assert r"| day\|00, day\|05, day\|10 and 2 more | 5 | 5 | 1.000 |" in text


def test_a_report_of_before_is_read_and_shown(tmp_path: Path) -> None:
    (tmp_path / "evaluation.json").write_text(REPORT_OF_BEFORE, "utf-8")
    report = Evaluation.open(tmp_path).report
    assert (report.real.map50_95, report.real.sessions, report.real.sizes) == (None, None, ())
    assert report.real.folds == ()
    text = markdown(report)
    assert text.startswith("**Real micro-F1 0.667** (0.667 to 0.667 over frames)")
    assert "wrong place" not in text
    assert report.real.truncated_frames is None
    assert "that it can" not in text


def test_scores_by_both_kinds_of_box_are_kept_and_shown(
    tmp_path: Path, make_frame: Any, judgement: Judgement
) -> None:
    synthetic = [make_frame("s", 9)]
    report = evaluate([make_frame("a", 3)], synthetic, judgement, {})
    assert "what of an object its box holds" not in markdown(report)
    full = ConventionScore.of("full", score_frames(synthetic, judgement))
    report = report.model_copy(update={"conventions": (full,)})
    Evaluation.write(tmp_path, report, ())
    assert Evaluation.open(tmp_path).report == report
    assert "| full | 9 | 1.000 | 1.000 | 1.000 |" in markdown(report)


def test_without_real_frames_there_is_nothing_to_judge(
    make_frame: Any, judgement: Judgement
) -> None:
    with pytest.raises(EvaluationError, match="no real frame"):
        evaluate([], [make_frame("s", 1)], judgement, {})


def test_frames_of_one_name_are_refused(make_frame: Any, judgement: Judgement) -> None:
    with pytest.raises(EvaluationError, match="same name"):
        evaluate([make_frame("a", 1), make_frame("a", 2)], [], judgement, {})


def test_every_class_needs_a_threshold() -> None:
    with pytest.raises(ValueError, match="one threshold"):
        Judgement(("sheep", "wolf"), (0.5,))


def test_a_folder_without_a_report_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match="is not a report"):
        Evaluation.open(tmp_path)
