"""How good a classifier is: shares with intervals over people, confidence that means something."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.community.classifiers.answers import ClassifierAnswers
from pipeline.community.classifiers.comparison import (
    ClassifierComparisonError,
    compare_classifiers,
)
from pipeline.community.classifiers.scoring import (
    accuracy_over,
    calibration_error,
    reliability_bins,
    score_answers,
)
from pipeline.community.classifiers.split import Example

NAMES = ("axe", "bow", "club")


def answers(*said: tuple[str, float], classes: tuple[str, ...] = NAMES) -> ClassifierAnswers:
    rest = len(classes) - 1
    rows = [[sure if one == name else (1 - sure) / rest for one in classes] for name, sure in said]
    probabilities = np.array(rows, dtype=np.float32).reshape(len(said), len(classes))
    return ClassifierAnswers(classes, 0.6, 1.0, probabilities)


def examples(*truths: str, people: int = 4) -> list[Example]:
    return [
        Example(f"{n:064x}", truth, f"g{n}", (f"install-{n % people}",), 1.0)
        for n, truth in enumerate(truths)
    ]


def test_figures_of_four_images() -> None:
    said = answers(("axe", 0.9), ("axe", 0.95), ("club", 0.5), ("club", 0.7))
    scores = score_answers(
        said,
        examples("axe", "bow", "club", "club"),
        np.array([True, False, False, False]),
        Counter(axe=5, bow=4, club=7, dirk=9),
    )
    assert scores.accuracy is not None
    assert scores.accuracy.value == 0.75
    assert (scores.over, scores.accuracy.sessions) == ("contributors", 4)
    assert scores.unknown == 0.25
    assert scores.accuracy_of_known is not None
    assert scores.accuracy_of_known.value == pytest.approx(2 / 3, abs=1e-6)
    assert (scores.images_of_new_groups, scores.accuracy_of_new_groups.value) == (1, 1.0)
    assert [(one.truth, one.answer, one.images) for one in scores.confusions] == [("bow", "axe", 1)]
    assert scores.mistakes[0].confidence == pytest.approx(0.95)
    assert scores.unsure[0].truth == "club"
    worst, *_, last = scores.per_name
    assert (worst.name, worst.right, worst.images, worst.trained_on) == ("bow", 0, 1, 4)
    assert (last.name, last.images, last.interval.low, last.interval.high) == ("dirk", 0, 0.0, 1.0)


def test_of_one_contributor_alone_groups_stand_and_fall_together() -> None:
    said = answers(("axe", 0.9), ("axe", 0.95), ("club", 0.7), ("club", 0.7))
    shown = examples("axe", "bow", "club", "club", people=1)
    scores = score_answers(said, shown, np.zeros(4, dtype=np.bool_), Counter(axe=5))
    assert scores.accuracy is not None
    assert (scores.over, scores.accuracy.sessions) == ("groups", 4)


def test_without_an_image_there_are_no_figures() -> None:
    scores = score_answers(answers(), [], np.zeros(0, dtype=np.bool_), Counter(axe=3))
    assert (scores.accuracy, scores.unknown, scores.calibration_error) == (None, None, None)
    assert scores.per_name[0].name == "axe"


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5)), min_size=1, max_size=40))
@settings(max_examples=30, deadline=None)
def test_the_share_of_right_answers_is_what_it_is_called(said: list[tuple[bool, int]]) -> None:
    right = np.array([fits for fits, _ in said])
    estimate = accuracy_over(right, [f"unit-{unit}" for _, unit in said])
    assert estimate is not None
    assert estimate.value == pytest.approx(right.mean(), abs=1e-6)


def test_answers_that_are_as_often_right_as_they_say_have_no_error() -> None:
    confidence = np.repeat([0.25, 0.75], 400)
    right = np.tile([True, False, False, False], 100)
    right = np.concatenate([right, ~right])
    assert calibration_error(reliability_bins(confidence, right)) == 0.0
    assert calibration_error(reliability_bins(np.ones(10), np.zeros(10, bool))) == 1.0
    (last,) = reliability_bins(np.array([1.0]), np.array([True]))
    assert last.images == 1


def test_the_temperature_is_taken_back() -> None:
    logits = np.array([[2.0, 1.0, 0.0]])
    hot = np.exp(logits / 0.5) / np.exp(logits / 0.5).sum()
    said = ClassifierAnswers(NAMES, 0.5, 0.5, hot.astype(np.float32))
    plain = np.exp(logits) / np.exp(logits).sum()
    assert said.confidence_before()[0] == pytest.approx(plain[0, 0], abs=1e-6)


def gate_of(better: int, worse: int, same: int, people: int = 10):
    truths = ["axe"] * (better + worse + same)
    new = answers(*[("axe", 0.9)] * better, *[("bow", 0.9)] * worse, *[("axe", 0.9)] * same)
    old = answers(*[("bow", 0.9)] * better, *[("axe", 0.9)] * worse, *[("axe", 0.9)] * same)
    return compare_classifiers(new, old, examples(*truths, people=people))


def test_a_clear_gain_is_better_and_a_clear_loss_worse() -> None:
    better = gate_of(better=40, worse=0, same=60)
    assert (better.verdict, better.passes) == ("better", True)
    assert (better.new, better.old) == (1.0, 0.6)
    assert "better (+0.400, 95%: +" in better.explanation
    worse = gate_of(better=0, worse=40, same=60)
    assert (worse.verdict, worse.passes) == ("worse", False)


def test_a_small_gain_is_not_told_from_chance() -> None:
    gate = gate_of(better=2, worse=1, same=97)
    assert (gate.verdict, gate.passes) == ("not distinguishable", False)
    assert "would tell them apart" in gate.explanation


def test_what_knows_more_names_and_is_no_worse_may_be_published() -> None:
    truths = ["axe", "bow"] * 30
    said = [("axe", 0.9), ("bow", 0.9)] * 30
    new = answers(*said, classes=(*NAMES, "dirk"))
    gate = compare_classifiers(new, answers(*said), examples(*truths))
    assert gate.verdict == "not distinguishable"
    assert gate.names_added == 1
    assert gate.passes
    back = compare_classifiers(answers(*said), new, examples(*truths))
    assert not back.passes


def test_an_image_of_a_name_that_the_old_one_lacks_counts_against_it() -> None:
    truths = ["dirk"] * 30
    new = answers(*[("dirk", 0.9)] * 30, classes=(*NAMES, "dirk"))
    gate = compare_classifiers(new, answers(*[("axe", 0.9)] * 30), examples(*truths))
    assert (gate.verdict, gate.new, gate.old) == ("better", 1.0, 0.0)


def test_what_cannot_be_compared_is_told() -> None:
    with pytest.raises(ClassifierComparisonError):
        compare_classifiers(answers(), answers(), [])
    with pytest.raises(ClassifierComparisonError):
        compare_classifiers(answers(("axe", 0.9)), answers(), examples("axe"))
