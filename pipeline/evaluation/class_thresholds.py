"""Suggested confidences of single classes as an artifact, taken from an evaluation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field

from pipeline.evaluation.metrics.fitted_thresholds import FittedThreshold, OverallChange
from pipeline.evaluation.metrics.scores import EvaluationError
from pipeline.evaluation.reports.report import EvaluationReport
from pipeline.files import read_json, write_json
from pipeline.manifests import Record

SUGGESTION_FILE = "class_thresholds.json"
COLUMNS = ("class", "objects", "now", "best", "F1", "cross-fitted F1", "gain, 95%", "")
"""Of the table that the asset's page and `outpost thresholds` show."""


class ThresholdSuggestion(Record):
    """From which confidence on each class should count, where that is known to be better."""

    frames: int
    sessions: int | None = Field(description="Of the frames; None where they are not known.")
    judged_at: dict[str, float] = Field(description="The confidence of every class as evaluated.")
    classes: tuple[FittedThreshold, ...] = Field(
        description="Every class with true objects; nothing with a single session."
    )
    overall: OverallChange | None = Field(description="None where nothing is suggested.")

    @classmethod
    def of(cls, report: EvaluationReport) -> ThresholdSuggestion:
        """What a report says of its real frames."""
        return cls(
            frames=report.real.frames,
            sessions=report.real.sessions,
            judged_at={one.name: one.threshold for one in report.real.per_class},
            classes=report.fitted_thresholds,
            overall=report.adopted_thresholds,
        )

    @property
    def basis(self) -> str:
        """What was judged, and why that tells nothing where it does not."""
        number = self.sessions or "unknown"
        frames = f"{self.frames} frames of {number} session{'s' * (self.sessions != 1)}"
        return frames if self.classes else f"{frames}; to tell anything takes at least two"

    @property
    def justified(self) -> tuple[FittedThreshold, ...]:
        """The classes that would be better from another confidence on."""
        return tuple(one for one in self.classes if one.is_justified)

    @property
    def per_class(self) -> dict[str, float]:
        """The suggested confidence of each of these."""
        return {one.name: one.fitted for one in self.justified}

    def rows(self) -> Iterator[tuple[str, ...]]:
        """Every class, in the columns of `COLUMNS`."""
        for one in self.classes:
            yield (
                one.name,
                str(one.truths),
                f"{one.shipped:g}",
                f"{one.fitted:g}",
                f"{one.f1:.3f}",
                f"{one.cross_fitted_f1:.3f}",
                one.gain.text,
                one.explanation,
            )


@dataclass(frozen=True)
class ClassThresholds:
    """The artifact of `class_thresholds`.

    class_thresholds.json   the suggestion, with support and gain of every class
    """

    folder: Path
    suggestion: ThresholdSuggestion

    @classmethod
    def open(cls, folder: Path) -> ClassThresholds:
        """Read the suggestion.

        Raises:
            EvaluationError: it is missing, or of another version.
        """
        return cls(folder, read_json(folder / SUGGESTION_FILE, ThresholdSuggestion, _damaged))

    @classmethod
    def write(cls, folder: Path, suggestion: ThresholdSuggestion) -> ClassThresholds:
        """Write a suggestion into a folder that exists."""
        write_json(folder / SUGGESTION_FILE, suggestion.model_dump(mode="json"))
        return cls(folder, suggestion)


def _damaged(file: Path, why: Exception) -> EvaluationError:
    return EvaluationError(
        f"{file} holds no suggested thresholds: {why}", "Materialize class_thresholds again."
    )
