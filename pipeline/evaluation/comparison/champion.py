"""The model that is in service, judged on the frames of a new one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field

from pipeline.evaluation.comparison.paired import Comparison, compare_judged
from pipeline.evaluation.detecting import detect, shipped_detector
from pipeline.evaluation.frames import JudgedFrame, TrueFrame
from pipeline.evaluation.metrics.scores import EvaluationError, Judgement
from pipeline.manifests import Record
from pipeline.progress import Report, silent


class ChampionComparison(Record):
    """A new model beside the one in service."""

    version: str = Field(description="Of the model in service, as its bundle or file is called.")
    comparison: Comparison


@dataclass(frozen=True)
class Champion:
    """A model that was packaged, and how it counts what it finds.

    Attributes:
        version: for people.
        model: its ONNX file, or a bundle.
        default, per_class: the confidence from which its detections count.
    """

    version: str
    model: Path
    default: float
    per_class: Mapping[str, float]

    def judgement(self, of_new: Judgement) -> Judgement:
        """How it is judged: on the classes of the new model, at its own thresholds."""
        thresholds = [self.per_class.get(name, self.default) for name in of_new.class_names]
        return of_new.at(tuple(thresholds))

    def compared(
        self,
        new: Sequence[JudgedFrame],
        frames: Sequence[TrueFrame],
        judgement: Judgement,
        report: Report = silent,
    ) -> ChampionComparison:
        """What the new model found beside what this one finds in the same frames.

        Args:
            new: what the new model found in the frames, in their order.
            judgement: of the new model.

        Raises:
            EvaluationError: the model has other classes. New ones at the end are none: it finds
                nothing of them, as it does in service.
        """
        with shipped_detector(self.model) as detector:
            self._require(detector.class_names, judgement)
            old = detect(detector, frames, f"evaluating {self.version}", report)
        compared = compare_judged(new, old, (judgement, self.judgement(judgement)))
        return ChampionComparison(version=self.version, comparison=compared)

    def require_classes(self, judgement: Judgement) -> None:
        """Refuse what `compared` refuses, before any frame is looked at.

        Raises:
            EvaluationError: as `compared` does.
        """
        with shipped_detector(self.model) as detector:
            self._require(detector.class_names, judgement)

    def _require(self, classes: Sequence[str], judgement: Judgement) -> None:
        if tuple(classes) != judgement.class_names[: len(classes)]:
            raise EvaluationError(
                f"{self.version} has other classes than the model that it is compared with.",
                "Compare models of one game whose classes were only added to.",
            )
