"""From small games to large ones, when enough of the small ones are won.

Learners begin one against one, and go on to teams of two, three and four. The game has sides of
equal size alone.
"""

from __future__ import annotations

from enum import IntEnum
from pathlib import Path

from pydantic import Field

from pipeline.errors import OutpostError
from pipeline.files import read_json, replacing, write_json
from pipeline.manifests import Record

WINDOW, THRESHOLD = 50, 0.7


class CurriculumError(OutpostError, RuntimeError):
    """A stage that there is not, or a state that cannot be read."""


class CurriculumStage(IntEnum):
    """The stages in their order."""

    STAGE_1V1 = 0
    STAGE_2V2 = 1
    STAGE_3V3 = 2
    STAGE_4V4 = 3

    @property
    def players_a_side(self) -> int:
        """Of its games."""
        return self + 1

    @property
    def label(self) -> str:
        """For people."""
        return f"{self.players_a_side}v{self.players_a_side}"


class CurriculumState(Record):
    """All that a scheduler knows."""

    stage: CurriculumStage
    recent: tuple[bool, ...] = Field(description="Whether the latest episodes of it were won.")
    total_episodes: int = Field(ge=0, description="Of all stages.")
    promote_threshold: float = Field(THRESHOLD, gt=0, le=1)
    win_rate_window: int = Field(WINDOW, ge=1)


class CurriculumScheduler:
    """Counts how episodes end, and says when the next stage is due."""

    def __init__(
        self,
        promote_threshold: float = THRESHOLD,
        win_rate_window: int = WINDOW,
        initial_stage: CurriculumStage = CurriculumStage.STAGE_1V1,
    ) -> None:
        """
        Args:
            promote_threshold: share of wins from which the next stage is due.
            win_rate_window: latest episodes of a stage that are counted, and how many it takes.

        Raises:
            CurriculumError: a threshold or window that cannot be.
        """
        if not 0 < promote_threshold <= 1 or win_rate_window < 1:
            raise CurriculumError(
                f"No stage can be passed by {promote_threshold} of {win_rate_window} episodes.",
                "Choose a share above 0, 1 at most, of at least one episode.",
            )
        self._state = CurriculumState(
            stage=initial_stage,
            recent=(),
            total_episodes=0,
            promote_threshold=promote_threshold,
            win_rate_window=win_rate_window,
        )

    @property
    def stage(self) -> CurriculumStage:
        """The present one."""
        return self._state.stage

    @property
    def stage_label(self) -> str:
        """The present one for people, as 2v2."""
        return self.stage.label

    @property
    def is_final_stage(self) -> bool:
        """Whether no other follows."""
        return self.stage == max(CurriculumStage)

    @property
    def total_episodes(self) -> int:
        """Episodes of all stages."""
        return self._state.total_episodes

    @property
    def state(self) -> CurriculumState:
        """All that a scheduler knows, to be kept beside a checkpoint."""
        return self._state

    def env_kwargs(self) -> dict[str, int]:
        """What environments of the present stage are made with."""
        return {"players_a_side": self.stage.players_a_side}

    def record_episode(self, win: bool) -> None:
        """Count an episode of the present stage."""
        recent = (*self._state.recent, bool(win))[-self._state.win_rate_window :]
        self._change(recent=recent, total_episodes=self.total_episodes + 1)

    def win_rate(self) -> float:
        """Share of wins among the latest episodes of the stage; 0 before the first."""
        recent = self._state.recent
        return sum(recent) / len(recent) if recent else 0.0

    def should_promote(self) -> bool:
        """Whether the next stage is due: never at the last, nor before the window is full."""
        is_full = len(self._state.recent) >= self._state.win_rate_window
        enough = self.win_rate() >= self._state.promote_threshold
        return is_full and enough and not self.is_final_stage

    def promote(self) -> CurriculumStage:
        """Go on to the next stage, whose episodes are counted from 0.

        Raises:
            CurriculumError: the present stage is the last.
        """
        if self.is_final_stage:
            raise CurriculumError(
                f"No stage follows {self.stage_label}.",
                "Ask should_promote first, which is never true at the last stage.",
            )
        self._change(stage=CurriculumStage(self.stage + 1), recent=())
        return self.stage

    def metrics(self) -> dict[str, float | str]:
        """Where it stands, for a log."""
        return {
            "curriculum/stage": int(self.stage),
            "curriculum/stage_label": self.stage_label,
            "curriculum/win_rate": self.win_rate(),
            "curriculum/total_episodes": self.total_episodes,
        }

    def save(self, file: Path) -> None:
        """Write the state, whole.

        Raises:
            OSError: it cannot be written.
        """
        with replacing(file) as fresh:
            write_json(fresh, self._state.model_dump(mode="json"))

    @classmethod
    def load(cls, file: Path) -> CurriculumScheduler:
        """Go on from a state.

        Raises:
            CurriculumError: there is none, or it is damaged.
        """
        return cls.from_state(read_json(file, CurriculumState, _damaged))

    @classmethod
    def from_state(cls, state: CurriculumState) -> CurriculumScheduler:
        """Go on from a state."""
        scheduler = cls(state.promote_threshold, state.win_rate_window, state.stage)
        scheduler._state = state
        return scheduler

    def _change(self, **changes: object) -> None:
        self._state = self._state.model_copy(update=changes)


def _damaged(file: Path, error: Exception) -> CurriculumError:
    return CurriculumError(
        f"{file} is no state of a curriculum: {error}",
        "Remove it, and begin the curriculum again.",
    )
