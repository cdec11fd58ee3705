from __future__ import annotations

from dataclasses import replace

import numpy as np

from pipeline.evaluation.frames import JudgedFrame
from pipeline.evaluation.matching import ScoredBox
from pipeline.evaluation.metrics.fitted_thresholds import (
    ENOUGH_TO_FIT,
    FittedThreshold,
    fit_thresholds,
)
from pipeline.evaluation.metrics.intervals import STORED_DIGITS
from pipeline.evaluation.metrics.scores import Judgement
from pipeline.labels.boxes import Box, LabelledBox

JUDGEMENT = Judgement(("sheep", "wolf"), (0.35, 0.35))


def frame(
    number: int, objects: int, true: float, false: float, spread: float = 0.05
) -> JudgedFrame:
    """Sheep that are all found, with scores about `true`, and as many false ones about `false`."""
    rng = np.random.default_rng([number])
    boxes = [Box(20 * i, 0, 20 * i + 10, 10) for i in range(objects)]
    elsewhere = [Box(20 * i, 50, 20 * i + 10, 60) for i in range(objects)]
    detections = [
        ScoredBox(0, float(np.clip(rng.normal(centre, spread), 0.01, 1)), box)
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


def test_as_many_objects_as_are_enough_justify_something() -> None:
    sheep = fitted([frame(n, 5, true=0.8, false=0.5) for n in range(10)])
    assert sheep.truths == ENOUGH_TO_FIT
    assert sheep.is_justified
    assert not sheep.model_copy(update={"truths": ENOUGH_TO_FIT - 1}).is_justified


def test_of_confidences_that_are_as_good_it_is_the_one_in_the_middle() -> None:
    sheep = fitted([frame(n, 8, true=0.85, false=0.5, spread=0) for n in range(4)])
    assert sheep.fitted == 0.7


def test_where_scores_tell_nothing_nothing_is_gained() -> None:
    sheep = fitted([frame(n, 8, true=0.5, false=0.5) for n in range(16)])
    assert not sheep.is_justified
    assert sheep.cross_fitted_f1 <= sheep.f1 + 0.02


def test_a_confidence_is_chosen_on_other_sessions_than_it_is_judged_on() -> None:
    sure = [frame(n, 8, true=0.8, false=0.5, spread=0) for n in (0, 1)]
    unsure = [frame(n, 8, true=0.4, false=0.05, spread=0) for n in (2, 3)]
    # What is best for the unsure session counts all false ones of the other; what is best for that
    # one counts nothing of the unsure. With both, 0.4 would do: an F1 of 0.8.
    assert fitted([*sure, *unsure]).cross_fitted_f1 == 2 * 16 / (2 * 16 + 16 + 16)


def test_one_session_cannot_be_cross_fitted() -> None:
    fit = fit_thresholds([frame(0, 8, 0.8, 0.5), frame(1, 8, 0.8, 0.5)], JUDGEMENT)
    assert (fit.classes, fit.overall) == ((), None)


def test_what_is_justified_is_judged_together_and_what_is_not_stays_as_it_was() -> None:
    frames = [frame(n, 8, true=0.8, false=0.5, spread=0) for n in range(16)]
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

    # These would be better too, and are too few to be changed.
    seen_wolves = [
        replace(
            one,
            detections=(
                *one.detections,
                ScoredBox(1, 0.8, Box(0, 200, 10, 210)),
                ScoredBox(1, 0.5, Box(0, 300, 10, 310)),
            ),
        )
        for one in few_wolves
    ]
    seen = fit_thresholds(seen_wolves, JUDGEMENT)
    _, wolf = seen.classes
    assert wolf.cross_fitted_f1 > wolf.f1
    assert seen.overall is not None
    found, false = 9 * 16, 16
    assert seen.overall.cross_fitted_f1 == round(2 * found / (2 * found + false), STORED_DIGITS)

    unsure = fit_thresholds([frame(n, 8, true=0.5, false=0.5) for n in range(16)], JUDGEMENT)
    assert unsure.overall is None
    assert [one.explanation for one in unsure.classes] == ["gain may be chance"]
