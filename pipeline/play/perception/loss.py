"""What seeing costs: policies in the same games, told what is true and what is detected."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from detector_runtime.models.base import Model
from detector_runtime.policies.networks import PolicyNetworks
from PIL import Image
from pydantic import Field

from pipeline.manifests import Record
from pipeline.play.perception.accuracy import SightAccuracy, SightJudge
from pipeline.play.perception.sight import LOOK_TICKS, DetectedSight
from pipeline.play.perception.sight_image import compare_sights
from pipeline.play.policies.judging import (
    Mean,
    PlayedGames,
    PlayerResult,
    PolicyTable,
    TrueSight,
    lead_of,
    play_table,
    policy_table,
    results_of,
    seeds_of,
    share_of,
)
from pipeline.play.simulator.games import Actions, Games
from pipeline.play.simulator.observation import Observations
from pipeline.play.simulator.rules import TICKS_A_SECOND
from pipeline.play.simulator.scripted import ScriptedPlayers
from pipeline.play.simulator.view import shown_to
from pipeline.progress import Report, silent, track

MOMENT_TICKS = 45 * TICKS_A_SECOND
"""Of play until the moment that is shown: armies have mostly met by then."""
TRUE, DETECTED = "true state", "detected state"
"""What the policies are told, as names of players."""


class PerceptionLoss(Record):
    """How the same policies play the same games by what is true, and by what is detected."""

    detector: str
    opponent: str
    games: int
    look_ticks: int = Field(description="From one look at the screen to the next; 20 a second.")
    looks: int = Field(description="At screens, in all games together.")
    delay: int = Field(description="Ticks by which what the policies are told is late in both.")
    true: PlayerResult
    detected: PlayerResult
    returns_lost: Mean = Field(description="Return by what is true less that by what is detected.")
    returns_kept: Mean | None = Field(
        description="Return by what is detected, divided by that by what is true, where that is "
        "above 0 with certainty."
    )
    wins_lost: Mean = Field(description="Share of games won by what is true alone, less the others")
    accuracy: SightAccuracy


def judge_perception(
    networks: PolicyNetworks,
    model: Model,
    opponent: str,
    games: int,
    *,
    seed: int = 0,
    report: Report = silent,
) -> PerceptionLoss:
    """Let policies play the same games by what is true, and by what a detector sees on the screen.

    Args:
        model: of `looking.open_finder_model`.
        opponent: name in `scripted.SKILLS`.
        games: rounded up to an even number.
        seed: of the first game; the others follow it.

    Raises:
        GameError: there is no player of that name.
        JudgingError: no games.
        PerceptionError: the model does not know a kind of the game.
    """
    seeds = seeds_of(games, seed)
    ScriptedPlayers.start([0], (opponent, None))  # Before minutes of play: is there such a one?
    table = policy_table(networks, opponent, seeds)
    sight = JudgedSight(
        DetectedSight(model, table.games, table.sides),
        TrueSight(table.sides),
        SightJudge(len(table.games)),
    )
    seen = play_table(table.seen_by(sight), DETECTED, report)
    told = play_table(policy_table(networks, opponent, seeds), TRUE, report)
    true, detected = results_of({TRUE: told, DETECTED: seen})
    return PerceptionLoss(
        detector=str(model.facts.source),
        opponent=opponent,
        games=len(seen.outcomes),
        look_ticks=LOOK_TICKS,
        looks=sight.detected.looks,
        delay=networks.delay,
        true=true,
        detected=detected,
        returns_lost=lead_of(told, seen),
        returns_kept=share_of(seen, told),
        wins_lost=lead_of(*(replace(each, returns=_won(each)) for each in (told, seen))),
        accuracy=sight.judge.accuracy(),
    )


def _won(played: PlayedGames) -> npt.NDArray[np.float64]:
    return np.asarray(played.outcomes == 1, np.float64)


def moment_image(
    networks: PolicyNetworks,
    model: Model,
    opponent: str,
    seed: int,
    ticks: int = MOMENT_TICKS,
    report: Report = silent,
) -> Image.Image:
    """A moment of a game of policies that play by what is detected: as they know it, and as it is.

    Args:
        model: of `looking.open_finder_model`.
        ticks: of play until then, or until the game ends.
    """
    table = PolicyTable.start(networks, opponent, [seed], np.zeros(1, np.int_))
    table = table.seen_by(DetectedSight(model, table.games, table.sides))
    for _tick in track(range(ticks), ticks, "play to the moment shown", report):
        if not table.step():
            break
    game = np.zeros(1, np.intp)
    true = TrueSight(table.sides).see(table.games, game)
    seen = table.sight.see(table.games, game)
    return compare_sights(shown_to(table.games, 0, 0), seen.entities[0], true.entities[0])


@dataclass(frozen=True, eq=False)
class JudgedSight:
    """A sight that is held against the truth once a second, which it does not tell."""

    detected: DetectedSight
    true: TrueSight
    judge: SightJudge

    def see(self, games: Games, running: npt.NDArray[np.intp]) -> Observations:
        """As `judging.Sight`."""
        seen = self.detected.see(games, running)
        if int(games.clocks["tick"][running[0]]) % TICKS_A_SECOND == 0:
            self.judge.compare(seen, self.true.see(games, running), running)
        return seen

    def aim(self, actions: Actions, seen: Observations) -> Actions:
        """As `judging.Sight`."""
        return self.detected.aim(actions, seen)
