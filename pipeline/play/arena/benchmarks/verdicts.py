"""What a benchmark has come to: shares of games, and criteria that are met or not."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator

from pipeline.errors import OutpostError
from pipeline.evaluation.metrics.intervals import STORED_DIGITS, Interval, wilson
from pipeline.manifests import Record

Direction = Literal["below", "at least", "above"]


class BenchmarkError(OutpostError):
    """A benchmark that cannot be run so."""


class Share(Record):
    """How many of some trials have come out well."""

    name: str = Field(description="What was played.")
    condition: str = Field(description="Who played, or what is counted.")
    count: int = Field(ge=0)
    of: int = Field(ge=0, description="Trials, which are games unless the condition says so.")

    @property
    def rate(self) -> float:
        """0 to 1; 0 without trials."""
        return self.count / self.of if self.of else 0.0

    @property
    def interval(self) -> Interval:
        """Wilson, 95%. Of several strata with as many trials each, it is rather too wide."""
        return wilson(self.count, self.of)


class Criterion(Record):
    """What is asked for, and what was measured."""

    name: str
    measured: float
    interval: Interval | None = Field(description="95%; None of what is counted without chance.")
    direction: Direction
    bound: float
    not_claimed: str | None = Field(
        None, description="Why meeting it says nothing; None where it does."
    )

    @field_validator("measured")
    @classmethod
    def _is_rounded(cls, value: float) -> float:
        """What is exactly at a bound is so on every machine."""
        return round(value, STORED_DIGITS)

    @property
    def is_met(self) -> bool:
        """Whether what was measured is on the right side of the bound."""
        return _meets(self.measured, self.direction, self.bound)

    @property
    def passes(self) -> bool:
        """Whether it is met, and that says something."""
        return self.is_met and self.not_claimed is None

    @property
    def is_decided(self) -> bool:
        """Whether the whole interval is on the side of the bound that was measured."""
        if self.interval is None:
            return True
        ends = (self.interval.low, self.interval.high)
        return all(_meets(end, self.direction, self.bound) == self.is_met for end in ends)

    @property
    def verdict(self) -> str:
        """In words."""
        if self.is_met and self.not_claimed is not None:
            return f"fail: {self.not_claimed}"
        word = "pass" if self.is_met else "fail"
        return word if self.is_decided else f"{word}, but the interval does not decide"


class BenchmarkResult(Record):
    """What one benchmark has come to."""

    benchmark: Literal["transfer", "generalist", "historical"]
    about: str = Field(description="What is asked, in a sentence.")
    player: str = Field(description="Who is measured.")
    settings: dict[str, Any] = Field(description="What it was run with.")
    shares: tuple[Share, ...]
    criteria: tuple[Criterion, ...] = Field(min_length=1)
    notes: tuple[str, ...] = ()

    @property
    def passes(self) -> bool:
        """Whether all criteria do."""
        return all(criterion.passes for criterion in self.criteria)

    @property
    def verdict(self) -> str:
        """In a word."""
        return "pass" if self.passes else "fail"


def total(shares: tuple[Share, ...], name: str, condition: str) -> Share:
    """All shares of a condition together."""
    mine = [share for share in shares if share.condition == condition]
    count, trials = sum(share.count for share in mine), sum(share.of for share in mine)
    return Share(name=name, condition=condition, count=count, of=trials)


def _meets(value: float, direction: Direction, bound: float) -> bool:
    if direction == "below":
        return value < bound
    return value > bound if direction == "above" else value >= bound
