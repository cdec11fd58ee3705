"""What came of online learning: returns before and after, in games that nobody has learned from."""

from __future__ import annotations

from pathlib import Path

from detector_runtime.policies.networks import PolicyNetworks
from pydantic import Field

from pipeline.files import replacing, write_json
from pipeline.manifests import Record
from pipeline.play.online.history import OnlineHistory
from pipeline.play.policies.judging import Mean, PlayerResult, lead_of, play_policies, results_of
from pipeline.progress import Report, silent

PLAYED_FILE, RESULT_FILE = "played.json", "result.json"
HELD_OUT_SEED = 950_000
"""Of games to compare in: far from those that anybody learns from."""


class OnlinePlay(Record):
    """What is played: `played.json` in the folder of what comes of it."""

    opponent: str = Field(description="Name in `pipeline.play.simulator.scripted.SKILLS`.")
    seed: int = Field(ge=0, lt=HELD_OUT_SEED // 2, description="Of the first game.")


class OnlineResult(Record):
    """What came of it."""

    opponent: str
    compared: int = Field(description="Games before, and as many after.")
    games: int = Field(description="That were learned from.")
    trainings: int
    kept: int = Field(description="Candidates that became the champion.")
    rolled_back: int
    before: PlayerResult
    after: PlayerResult
    lead: Mean = Field(description="Of the return after over that before, in the same games.")

    def write(self, folder: Path) -> None:
        """Write it beside the policies."""
        with replacing(folder / RESULT_FILE) as fresh:
            write_json(fresh, self.model_dump(mode="json"))


def compare_play(
    networks: tuple[PolicyNetworks, PolicyNetworks],
    opponent: str,
    compared: int,
    history: OnlineHistory,
    report: Report = silent,
) -> OnlineResult:
    """Let policies play as they were and as they are, with the same chances.

    Args:
        networks: before and after.
        compared: games of each, from both sides: an odd number is rounded up.
    """
    seeds = range(HELD_OUT_SEED, HELD_OUT_SEED + -(-compared // 2))
    before, after = (play_policies(one, opponent, seeds, report) for one in networks)
    results = results_of({"before": before, "after": after})
    return OnlineResult(
        opponent=opponent,
        compared=2 * len(seeds),
        games=history.games,
        trainings=history.trainings,
        kept=history.test - 1 - history.rollbacks,
        rolled_back=history.rollbacks,
        before=results[0],
        after=results[1],
        lead=lead_of(after, before),
    )
