"""What the process of shadow learning is given, and what it tells."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.play.background.exchange import weights_of
from pipeline.play.background.messages import ItemLearner, Weights
from pipeline.play.demonstrations import Demonstration
from pipeline.play.policies.onnx_files import onnx_file
from pipeline.play.shadow.moments import Tick
from pipeline.play.shadow.settings import ShadowSettings

if TYPE_CHECKING:
    from pipeline.play.shadow.learner import Learner


@dataclass(frozen=True, eq=False)
class TrainerTask:
    """What a trainer is given: arguments of `learner.Learner.start`."""

    policies: Path
    old: Sequence[Demonstration]
    settings: ShadowSettings
    folder: Path

    def start(self) -> ItemLearner[Tick]:
        """As `background.messages.TrainingTask`."""
        from pipeline.play.shadow.learner import Learner

        return _Told(Learner.start(self.policies, self.old, self.settings, self.folder), self)


@dataclass(frozen=True, eq=False)
class Learned:
    """News of one policy.

    Attributes:
        update: fields of `learner.ShadowUpdate`.
        weights: to use from now on, by the name in its ONNX file; None for those in use.
    """

    role: str
    update: dict[str, Any]
    weights: Weights | None


@dataclass(frozen=True, eq=False)
class _Told:
    """A learner that says what it has learned."""

    learner: Learner
    task: TrainerTask

    def take(self, tick: Tick) -> Iterator[Learned]:
        for update in self.learner.watch(tick):
            file = onnx_file(self.task.folder, update.role)
            weights = weights_of(file) if update.is_better else None
            yield Learned(update.role, update.model_dump(), weights)
