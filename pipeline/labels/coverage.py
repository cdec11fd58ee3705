"""How often each class occurs in the parts of a training set, and where that is too little."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

from pydantic import Field

from pipeline.labels.batches import BatchFrame
from pipeline.manifests import Record

Split = Literal["train", "val", "held_out"]
SPLITS: tuple[Split, ...] = ("train", "val", "held_out")
SYNTHETIC = "synthetic"

SCARCE = 10
"""Fewer real training boxes than this teach little: one more session changes that."""


class ClassCoverage(Record):
    """Boxes of one class; every image counts once, however often it is listed for training."""

    real_train: int = 0
    real_val: int = 0
    synthetic_train: int = 0
    synthetic_val: int = 0

    @property
    def real(self) -> int:
        return self.real_train + self.real_val


class SourceCoverage(Record):
    """Boxes that one source has of each class, by split; classes without any are left out.

    Every image counts once, however often it is listed for training.
    """

    batch: str | None = Field(description="None: the synthetic set.")
    train: dict[str, int] = Field({})
    val: dict[str, int] = Field({})
    held_out: dict[str, int] = Field({}, description="Judged by the evaluation alone.")

    @property
    def name(self) -> str:
        return SYNTHETIC if self.batch is None else self.batch

    def of(self, split: Split) -> dict[str, int]:
        """Boxes by class of one split."""
        return {"train": self.train, "val": self.val, "held_out": self.held_out}[split]

    @property
    def boxes(self) -> int:
        return sum(sum(self.of(split).values()) for split in SPLITS)


BoxesByBatch = Mapping[str, Mapping[str, int]]
"""By batch and class."""


class CoverageColumn(NamedTuple):
    """A column of the coverage matrix: what one source, or several, have in one split."""

    split: Split
    source: str
    boxes: Mapping[str, int]
    is_real: bool


def boxes_by_batch(
    frames: Iterable[BatchFrame], class_names: Sequence[str]
) -> dict[str, dict[str, int]]:
    """Boxes of each class in the frames of each batch, in the order of the classes."""
    counts: dict[str, Counter[int]] = defaultdict(Counter)
    for one in frames:
        counts[one.batch].update(label.class_id for label in one.frame.boxes)
    return {batch: named_counts(found, class_names) for batch, found in counts.items()}


def named_counts(counts: Mapping[int, int], class_names: Sequence[str]) -> dict[str, int]:
    """Counts by class id as counts by class name, without those of 0."""
    return {name: counts[i] for i, name in enumerate(class_names) if counts.get(i)}


def by_source(
    train: BoxesByBatch, val: BoxesByBatch, held_out: BoxesByBatch
) -> Iterator[SourceCoverage]:
    """The rows of the matrix that are batches, by name."""
    for batch in sorted(train.keys() | val.keys() | held_out.keys()):
        yield SourceCoverage(
            batch=batch,
            train=dict(train.get(batch, {})),
            val=dict(val.get(batch, {})),
            held_out=dict(held_out.get(batch, {})),
        )


def with_held_out(
    sources: Sequence[SourceCoverage], held_out: BoxesByBatch
) -> tuple[SourceCoverage, ...]:
    """A matrix whose held-out boxes are these instead, by batch and class.

    A training set knows nothing of batches that are held out whole, as they are no input of it.
    Batches that it knows keep their places, the others follow them, and the synthetic set is last.
    """
    known = {one.batch: one for one in sources if one.batch is not None}
    names = [*known, *sorted(held_out.keys() - known.keys())]
    real = (
        known.get(name, SourceCoverage(batch=name)).model_copy(
            update={"held_out": dict(held_out.get(name, {}))}
        )
        for name in names
    )
    return (*real, *(one for one in sources if one.batch is None))


def coverage_columns(
    sources: Sequence[SourceCoverage], most: int | None = None
) -> tuple[CoverageColumn, ...]:
    """The matrix by columns: by split, then by source, only where there are boxes.

    Args:
        most: columns; where there would be more, batches with the fewest boxes become one.
    """
    columns = tuple(_columns(sources))
    folded = len([one for one in sources if one.batch is not None]) - 1
    while most is not None and len(columns) > most and folded > 0:
        folded -= 1
        columns = tuple(_columns(_folded(sources, folded)))
    return columns


def _columns(sources: Sequence[SourceCoverage]) -> Iterator[CoverageColumn]:
    for split in SPLITS:
        for one in sources:
            if one.of(split):
                yield CoverageColumn(split, one.name, one.of(split), one.batch is not None)


def _folded(sources: Sequence[SourceCoverage], kept: int) -> tuple[SourceCoverage, ...]:
    """The largest batches as they are, in their order, and all others as one."""
    real = [one for one in sources if one.batch is not None]
    largest = {one.batch for one in sorted(real, key=lambda one: -one.boxes)[:kept]}
    rest = [one for one in real if one.batch not in largest]
    several = SourceCoverage(
        batch=f"{len(rest)} {'other batches' if kept else 'batches'}",
        train=_summed(one.train for one in rest),
        val=_summed(one.val for one in rest),
        held_out=_summed(one.held_out for one in rest),
    )
    return (
        *(one for one in real if one.batch in largest),
        several,
        *(one for one in sources if one.batch is None),
    )


def real_boxes(sources: Iterable[SourceCoverage], split: Split) -> dict[str, int]:
    """Boxes by class that all batches have in a split."""
    return _summed(one.of(split) for one in sources if one.batch is not None)


def _summed(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for one in counts:
        total.update(one)
    return dict(total)


def unvalidated_classes(per_class: Mapping[str, ClassCoverage]) -> tuple[str, ...]:
    """Classes without a real box in validation, in the order given."""
    return _names(per_class, lambda coverage: coverage.real_val == 0)


def zero_real_classes(per_class: Mapping[str, ClassCoverage]) -> tuple[str, ...]:
    """Classes without a real box in either split, in the order given."""
    return tuple(name for name, coverage in per_class.items() if coverage.real == 0)


def coverage_warnings(per_class: Mapping[str, ClassCoverage]) -> tuple[str, ...]:
    """One sentence per kind of gap, worst first; empty when every class is well covered."""
    untrained = _names(per_class, lambda c: c.real_train + c.synthetic_train == 0)
    unreal = _names(per_class, lambda c: c.real_train == 0 and c.synthetic_train > 0)
    scarce = _names(per_class, lambda c: 0 < c.real_train < SCARCE)
    unjudged = unvalidated_classes(per_class)
    sentences = (
        (untrained, "cannot be learned, nothing shows them in training"),
        (unreal, "are learned from synthetic images alone"),
        (scarce, f"have fewer than {SCARCE} real boxes in training"),
        (unjudged, "have no real box in validation"),
    )
    return tuple(
        f"{len(names)} of {len(per_class)} classes {what}: {', '.join(names)}"
        for names, what in sentences
        if names
    )


def _names(
    per_class: Mapping[str, ClassCoverage], concerns: Callable[[ClassCoverage], bool]
) -> tuple[str, ...]:
    return tuple(name for name, coverage in per_class.items() if concerns(coverage))
