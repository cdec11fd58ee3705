"""What the labels of a frame are worth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from pipeline.annotation.augmented_inference import SCALE, AugmentedDetections, detect_augmented
from pipeline.annotation.scoring import (
    LEAST_WEIGHT,
    MOST_REASONS,
    MOST_WEIGHT,
    ScoringRules,
    class_weights,
    ids_of_groups,
    rate_confusion,
    rate_uncertainty,
)
from pipeline.evaluation.matching import ScoredBox
from pipeline.labels.boxes import Box

RULES = ScoringRules(("rider", "camel", "tree"), (0.3,) * 3, (1.0,) * 3, (9,) * 3)
HERE, THERE = Box(10, 10, 50, 50), Box(100, 10, 140, 50)

boxes = st.tuples(*[st.integers(0, 200)] * 2, *[st.integers(5, 60)] * 2).map(
    lambda sides: Box(sides[0], sides[1], sides[0] + sides[2], sides[1] + sides[3])
)
found = st.builds(
    ScoredBox, st.integers(0, 2), st.integers(50, 1000).map(lambda n: n / 1000), boxes
)
detections = st.lists(found, max_size=12).map(
    lambda boxes: tuple(sorted(boxes, key=lambda one: (-one.score, one.class_id, one.box)))
)


def uncertainty(*original: ScoredBox) -> float:
    return rate_uncertainty(AugmentedDetections(original), RULES).value


def test_what_is_half_sure_is_most_uncertain() -> None:
    values = [uncertainty(ScoredBox(0, score, HERE)) for score in (0.99, 0.9, 0.7, 0.5)]
    assert values == sorted(values)
    assert values[-1] == 1.0
    assert uncertainty(ScoredBox(0, 0.09, HERE)) == 0.0


def test_a_second_class_in_one_place_is_uncertainty_of_that_place() -> None:
    alone = uncertainty(ScoredBox(0, 0.9, HERE))
    contested = uncertainty(ScoredBox(0, 0.9, HERE), ScoredBox(1, 0.5, HERE))
    assert (alone, contested) == (0.36, 1.0)
    (reason,) = rate_uncertainty(
        AugmentedDetections((ScoredBox(0, 0.9, HERE), ScoredBox(1, 0.5, HERE))), RULES
    ).reasons
    assert (reason.text, reason.class_name, reason.box) == (
        "rider 0.90 or camel 0.50?",
        "rider",
        HERE,
    )


def test_rare_classes_weigh_more() -> None:
    weights = class_weights((1000, 100, 10, 0))
    assert list(weights) == sorted(weights)
    assert weights[-1] == MOST_WEIGHT
    assert class_weights((0, 0)) == (1.0, 1.0)
    rare = replace(RULES, weights=(2.0, 1.0, 1.0))
    seen = AugmentedDetections((ScoredBox(0, 0.5, HERE),))
    assert rate_uncertainty(seen, rare).value == 2.0
    assert "9 labelled so far" in rate_uncertainty(seen, rare).reasons[0].text
    either = AugmentedDetections((ScoredBox(1, 0.9, HERE), ScoredBox(0, 0.5, HERE)))
    assert rate_uncertainty(either, rare).value == 2.0, "the rarer of two in one place"


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=60))
def test_weights_have_limits(counts: list[int]) -> None:
    weights = class_weights(counts)
    assert all(round(LEAST_WEIGHT, 4) <= weight <= MOST_WEIGHT for weight in weights)


def test_augmented_detections_that_disagree_are_worth_more() -> None:
    sure = (ScoredBox(0, 0.9, HERE),)
    agreed = rate_uncertainty(AugmentedDetections(sure, sure, sure), RULES)
    lost = rate_uncertainty(AugmentedDetections(sure, (), sure), RULES)
    invented = rate_uncertainty(
        AugmentedDetections(sure, (*sure, ScoredBox(2, 0.8, THERE)), sure), RULES
    )
    assert agreed.value == uncertainty(*sure)
    assert lost.value == pytest.approx(agreed.value + 0.9 / 4)
    assert invented.value == pytest.approx(agreed.value + 0.8 / 4)
    assert (
        "in the flipped image alone" in {r.kind: r.text for r in invented.reasons}["disagreement"]
    )
    assert "but 0 in the flipped image" in {r.kind: r.text for r in lost.reasons}["disagreement"]


def test_images_disagree_by_place_and_by_class_about_what_counts() -> None:
    def disagreement(original: ScoredBox, *flipped: ScoredBox) -> float:
        rating = rate_uncertainty(AugmentedDetections((original,), flipped), RULES)
        return sum(one.value for one in rating.reasons if one.kind == "disagreement")

    sure = ScoredBox(0, 0.9, HERE)
    assert disagreement(sure, sure) == 0
    assert disagreement(sure, replace(sure, score=0.5)) == pytest.approx(0.4 / 2)
    assert disagreement(sure, replace(sure, box=THERE)) == pytest.approx(0.9)
    assert disagreement(sure, replace(sure, class_id=1)) == pytest.approx(0.9)
    assert disagreement(replace(sure, score=0.29)) == 0, "below its threshold"


@given(detections, detections)
def test_a_rating_is_never_negative_and_its_reasons_come_by_weight(
    original: tuple[ScoredBox, ...], flipped: tuple[ScoredBox, ...]
) -> None:
    rating = rate_uncertainty(AugmentedDetections(original, flipped, original), RULES)
    weights = [reason.value for reason in rating.reasons]
    assert weights == sorted(weights, reverse=True)
    assert rating.value >= round(sum(weights), 3) - 0.001 >= -0.001
    assert rating.expected_boxes >= 1


def test_a_frame_is_worth_more_than_the_reasons_that_are_shown() -> None:
    places = [Box(60 * n, 0, 60 * n + 40, 40) for n in range(MOST_REASONS + 2)]
    rating = rate_uncertainty(
        AugmentedDetections(tuple(ScoredBox(0, 0.5, box) for box in places)), RULES
    )
    assert (len(rating.reasons), rating.value) == (MOST_REASONS, len(places))


def test_boxes_are_expected_as_labelled_frames_have_them() -> None:
    seen = AugmentedDetections(tuple(ScoredBox(0, score, HERE) for score in (0.9, 0.5, 0.31, 0.29)))
    assert rate_uncertainty(seen, RULES).expected_boxes == 3.0
    assert rate_uncertainty(seen, replace(RULES, boxes_per_detection=1.5)).expected_boxes == 4.5
    assert rate_uncertainty(AugmentedDetections(()), RULES).expected_boxes == 1.0


def test_a_confusion_is_of_named_classes_alone() -> None:
    groups = ids_of_groups(
        [["mounted"]], {"rider": "mounted", "camel": "mounted", "tree": "wood"}, RULES.class_names
    )
    assert groups == (frozenset({0, 1}),)
    compete = AugmentedDetections((ScoredBox(0, 0.6, HERE), ScoredBox(1, 0.4, HERE)))
    apart = AugmentedDetections((ScoredBox(0, 0.95, HERE), ScoredBox(1, 0.95, THERE)))
    other = AugmentedDetections((ScoredBox(2, 0.6, HERE), ScoredBox(0, 0.06, HERE)))
    values = [rate_confusion(one, RULES, groups).value for one in (compete, apart, other)]
    assert values[0] == 0.8
    assert values[0] > values[1] > values[2] == 0.0


class Bright:
    """Stands for a detector: finds the bright rectangle of an image."""

    class_names = ("rider",)

    def detect_fast(self, pixels: np.ndarray) -> object:
        rows, columns = np.nonzero(pixels[..., 0] > 200)
        corners = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]

        class Found:
            class_names = self.class_names
            class_ids = np.array([0])
            scores = np.array([0.5], np.float32)
            boxes = np.array([corners], np.float32)

        return Found()


def test_augmented_inference_tells_boxes_of_the_image_as_it_is() -> None:
    image = Image.new("RGB", (200, 120))
    image.paste((255, 255, 255), (20, 40, 60, 80))
    seen = detect_augmented(Bright(), image, ("camel", "rider"))  # type: ignore[arg-type]
    assert seen.original == seen.flipped == (ScoredBox(1, 0.5, Box(20, 40, 60, 80)),)
    assert seen.downscaled is not None
    assert np.allclose(seen.downscaled[0].box, seen.original[0].box, atol=1 / SCALE + 0.1)
    alone = detect_augmented(Bright(), image, ("camel",), augment=False)  # type: ignore[arg-type]
    assert alone == AugmentedDetections(())
