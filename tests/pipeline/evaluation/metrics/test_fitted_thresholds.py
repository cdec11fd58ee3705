from __future__ import annotations

from dataclasses import replace

import numpy as np

from pipeline.evaluation.frames import JudgedFrame
from pipeline.evaluation.matching import ScoredBox
from pipeline.evaluation.metrics.fitted_thresholds import FittedThreshold, fit_thresholds
from pipeline.evaluation.metrics.scores import Judgement
from pipeline.labels.boxes import Box, LabelledBox

JUDGEMENT = Judgement(("sheep", "wolf"), (0.35, 0.35))


def frame(number: int, objects: int, true: float, false: float) -> JudgedFrame:
    """Sheep that are all found, with scores about `true`, and as many false ones about `false`."""
    rng = np.random.default_rng([number])
    boxes = [Box(20 * i, 0, 20 * i + 10, 10) for i in range(objects)]
    elsewhere = [Box(20 * i, 50, 20 * i + 10, 60) for i in range(objects)]
    detections = [
        ScoredBox(0, float(np.clip(rng.normal(centre, 0.05), 0.01, 1)), box)
        for centre, found in ((true, boxes), (false, elsewhere))
        for box in found
    ]
    truths = tuple(LabelledBox(0, box) for box in boxes)
    return JudgedFrame(f"f{number}", truths, tuple(detections), f"day {number // 2}")


def fitted(frames: list[JudgedFrame]) -> FittedThreshold:
    (sheep,) = fit_thresholds(frames, JUDGEMENT).classes
    return sheep


def test_a_class_gets_another_confidence_where_it_helps_in_every_session() -> None:
    sheep = fitted([frame(n, 8, true=0.8, false=0.5) for n in range(16)])
    assert (sheep.name, sheep.truths, sheep.shipped) == ("sheep", 128, 0.35)
    assert 0.55 <= sheep.fitted <= 0.75
    assert sheep.cross_fitted_f1 > sheep.f1 + 0.2
    assert sheep.is_justified


def test_few_objects_justify_nothing() -> None:
    sheep = fitted([frame(n, 2, true=0.8, false=0.5) for n in range(16)])
    assert sheep.gain.interval.low > 0
    assert not sheep.is_justified


def test_where_scores_tell_nothing_nothing_is_gained() -> None:
    sheep = fitted([frame(n, 8, true=0.5, false=0.5) for n in range(16)])
    assert not sheep.is_justified
    assert sheep.cross_fitted_f1 <= sheep.f1 + 0.02


def test_a_confidence_is_chosen_on_other_sessions_than_it_is_judged_on() -> None:
    # One session is unlike all others: what is best for it is never used on it.
    frames = [frame(n, 8, true=0.8, false=0.5) for n in range(8)]
    odd = [frame(n, 8, true=0.4, false=0.01) for n in (100, 101)]
    alone = fitted([*frames, *odd])
    missed = sum(len(one.truths) for one in odd)
    assert alone.cross_fitted_f1 < 1 - missed / (2 * alone.truths)


def test_one_session_cannot_be_cross_fitted() -> None:
    fit = fit_thresholds([frame(0, 8, 0.8, 0.5), frame(1, 8, 0.8, 0.5)], JUDGEMENT)
    assert (fit.classes, fit.overall) == ((), None)


def test_what_is_justified_is_judged_together_and_what_is_not_stays_as_it_was() -> None:
    frames = [frame(n, 8, true=0.8, false=0.5) for n in range(16)]
    of_sheep = fit_thresholds(frames, JUDGEMENT)
    assert of_sheep.overall is not None
    assert of_sheep.overall.classes == ("sheep",)
    (sheep,) = of_sheep.classes
    # Sheep are all that there is.
    assert of_sheep.overall.f1 == sheep.f1
    assert of_sheep.overall.cross_fitted_f1 == sheep.cross_fitted_f1
    assert of_sheep.overall.gain == sheep.gain

    few_wolves = [
        replace(one, truths=(*one.truths, LabelledBox(1, Box(0, 200, 10, 210)))) for one in frames
    ]
    both = fit_thresholds(few_wolves, JUDGEMENT)
    assert [one.name for one in both.classes] == ["sheep", "wolf"]
    assert both.overall is not None
    assert both.overall.classes == ("sheep",)
    # Missed wolves count before and after.
    assert both.overall.f1 < sheep.f1
    assert 0 < both.overall.gain.value < sheep.gain.value

    unsure = fit_thresholds([frame(n, 8, true=0.5, false=0.5) for n in range(16)], JUDGEMENT)
    assert unsure.overall is None
    assert [one.explanation for one in unsure.classes] == ["gain may be chance"]
