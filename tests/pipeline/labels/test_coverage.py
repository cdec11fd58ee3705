from __future__ import annotations

from pipeline.labels.coverage import ClassCoverage, coverage_warnings, zero_real_classes

COVERED = ClassCoverage(real_train=30, real_val=4, synthetic_train=100, synthetic_val=20)
PER_CLASS = {
    "sheep": COVERED,
    "wolf": ClassCoverage(synthetic_train=100),
    "ship": ClassCoverage(real_train=3, real_val=1),
    "krepost": ClassCoverage(real_val=2),
}


def test_classes_without_real_boxes_are_named() -> None:
    assert zero_real_classes(PER_CLASS) == ("wolf",)


def test_each_kind_of_gap_is_one_sentence() -> None:
    assert coverage_warnings(PER_CLASS) == (
        "1 of 4 classes cannot be learned, nothing shows them in training: krepost",
        "1 of 4 classes are learned from synthetic images alone: wolf",
        "1 of 4 classes have fewer than 10 real boxes in training: ship",
        "1 of 4 classes have no real box in validation: wolf",
    )


def test_a_well_covered_set_has_no_warnings() -> None:
    assert coverage_warnings({"sheep": COVERED}) == ()
