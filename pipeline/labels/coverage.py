"""How often each class occurs in the parts of a training set, and where that is too little."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pipeline.manifests import Record

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


def zero_real_classes(per_class: Mapping[str, ClassCoverage]) -> tuple[str, ...]:
    """Classes without a real box in either split, in the order given."""
    return tuple(name for name, coverage in per_class.items() if coverage.real == 0)


def coverage_warnings(per_class: Mapping[str, ClassCoverage]) -> tuple[str, ...]:
    """One sentence per kind of gap, worst first; empty when every class is well covered."""
    untrained = _names(per_class, lambda c: c.real_train + c.synthetic_train == 0)
    unreal = _names(per_class, lambda c: c.real_train == 0 and c.synthetic_train > 0)
    scarce = _names(per_class, lambda c: 0 < c.real_train < SCARCE)
    unjudged = _names(per_class, lambda c: c.real_val == 0)
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
