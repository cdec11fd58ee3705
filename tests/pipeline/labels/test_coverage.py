from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from pipeline.labels.coverage import (
    SPLITS,
    ClassCoverage,
    SourceCoverage,
    coverage_columns,
    coverage_warnings,
    real_boxes,
    unvalidated_classes,
    with_held_out,
    zero_real_classes,
)

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


def test_classes_without_validation_are_named() -> None:
    assert unvalidated_classes(PER_CLASS) == ("wolf",)


MATRIX = (
    SourceCoverage(batch="b", train={"sheep": 3}, val={"wolf": 1}),
    SourceCoverage(batch="a", train={"sheep": 9}, held_out={"wolf": 2}),
    SourceCoverage(batch=None, train={"sheep": 100}),
)


def test_columns_come_by_split_and_only_where_there_are_boxes() -> None:
    assert [(one.split, one.source, one.is_real) for one in coverage_columns(MATRIX)] == [
        ("train", "b", True),
        ("train", "a", True),
        ("train", "synthetic", False),
        ("val", "b", True),
        ("held_out", "a", True),
    ]


def test_a_batch_that_is_called_synthetic_is_a_batch() -> None:
    sources = (SourceCoverage(batch="synthetic", train={"sheep": 3}), MATRIX[-1])
    assert [one.is_real for one in coverage_columns(sources)] == [True, False]
    assert real_boxes(sources, "train") == {"sheep": 3}


def test_what_is_held_out_now_stands_instead_of_what_the_merge_knew() -> None:
    found = with_held_out(MATRIX, {"a": {"wolf": 5}, "heldout_x": {"ship": 1}})
    assert [one.batch for one in found] == ["b", "a", "heldout_x", None]
    assert [one.held_out for one in found] == [{}, {"wolf": 5}, {"ship": 1}, {}]
    assert found[0].train == {"sheep": 3}
    assert with_held_out(MATRIX, {})[1].held_out == {}


counts = st.dictionaries(st.sampled_from(["sheep", "wolf", "ship"]), st.integers(1, 99))


@given(st.lists(st.tuples(counts, counts, counts), max_size=12), counts, st.integers(1, 20))
def test_columns_that_share_batches_lose_no_box(
    batches: list[tuple[dict[str, int], ...]], drawn: dict[str, int], most: int
) -> None:
    sources = [
        *(
            SourceCoverage(batch=f"b{n}", train=train, val=val, held_out=held_out)
            for n, (train, val, held_out) in enumerate(batches)
        ),
        SourceCoverage(batch=None, train=drawn),
    ]
    columns = coverage_columns(sources, most)
    for split in SPLITS:
        real: Counter[str] = Counter()
        for one in columns:
            if one.split == split and one.is_real:
                real.update(one.boxes)
        assert real == real_boxes(sources, split)
    # One column of batches for each split, and one of what was drawn, are always there.
    assert len(columns) <= max(most, 4)
    assert len({(one.split, one.source, one.is_real) for one in columns}) == len(columns)
