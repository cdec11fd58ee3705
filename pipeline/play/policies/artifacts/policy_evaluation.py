"""How well policies play, as an artifact: games beside others, and beside those who taught them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from detector_runtime.policies.networks import PolicyNetworks
from pydantic import Field

from pipeline.errors import OutpostError
from pipeline.files import read_json, write_json
from pipeline.manifests import Record
from pipeline.play.policies.artifacts.sessions import SessionPlay
from pipeline.play.policies.artifacts.trained_policies import TrainedPolicies
from pipeline.play.policies.judging import (
    POLICIES,
    Mean,
    PlayedGames,
    PolicyJudgement,
    judge,
    mean_of_sessions,
    play_beside,
    share_of_sessions,
)
from pipeline.play.simulator.scripted import SKILLS
from pipeline.progress import Report, silent

JUDGEMENT_FILE = "judgement.json"
STRIP_FILE = "game.jpg"
RANDOM = "random"
OPPONENT = "scripted_l3"
"""Whom policies meet, where nobody recorded has met a scripted player."""
LEAST_SHARE = 0.8
"""Of the return of whom they learned from, that policies should reach."""
MATERIALIZE = "Materialize play/policy_evaluation again."


class PolicyEvaluationError(OutpostError):
    """A folder that does not hold what was judged."""


class RecordedPlayer(Record):
    """Somebody whose play was learned from."""

    player: str
    sessions: int = Field(description="That were played to their end.")
    returns: Mean | None = Field(description="In these; None without any.")
    share: Mean | None = Field(
        description="The policies' return divided by the player's; None where that is not above 0 "
        "with certainty."
    )
    is_paired: bool = Field(
        description="Whether the player has played the policies' games, too; a person has not."
    )


class PolicyVerdict(Record):
    """What `judgement.json` holds."""

    judgement: PolicyJudgement
    recorded: tuple[RecordedPlayer, ...] = Field(description="Whom they learned from, by name.")


class EvaluationPlan(Record):
    """The games that policies are judged by."""

    opponent: str = Field(
        "", description="Whom they meet; without a name, whom the recorded players met."
    )
    games: int = Field(400, ge=2, description="Of each player; rounded up to an even number.")
    seed: int = Field(0, ge=0, lt=1 << 62, description="Of the first game.")


@dataclass(frozen=True)
class PolicyEvaluation:
    """The artifact of `play/policy_evaluation`.

    judgement.json   wins, returns, loot and survival of the policies and of others in the same
                     games, with intervals, and beside those who taught them
    game.jpg         frames of one game of the policies
    """

    folder: Path
    verdict: PolicyVerdict

    @classmethod
    def open(cls, folder: Path) -> PolicyEvaluation:
        """Read what `write` wrote.

        Raises:
            PolicyEvaluationError: a file is missing or damaged.
        """
        strip = folder / STRIP_FILE
        if not strip.is_file():
            raise _damaged(strip, FileNotFoundError("there is no such file"))
        return cls(folder, read_json(folder / JUDGEMENT_FILE, PolicyVerdict, _damaged))

    @classmethod
    def write(
        cls, folder: Path, trained: TrainedPolicies, plan: EvaluationPlan, report: Report = silent
    ) -> PolicyEvaluation:
        """Let policies play into an empty folder.

        Raises:
            GameError: there is no such opponent.
            ModelLoadError: they are no policies that this runtime plays.
        """
        # What draws takes a second to import.
        from pipeline.play.policies.artifacts.film_strip import film_strip

        networks, opponent = PolicyNetworks.load(trained.folder), plan.opponent
        opponent = opponent or usual_opponent(trained.sessions)
        players = {one.player for one in trained.sessions}
        beside = (*sorted(players & set(SKILLS)), RANDOM)
        played = play_beside(
            networks,
            opponent,
            plan.games,
            beside=tuple(dict.fromkeys(beside)),
            seed=plan.seed,
            report=report,
        )
        judgement = judge(played, opponent)
        recorded = tuple(
            recorded_player(player, trained.sessions, judgement, played)
            for player in sorted(players)
        )
        verdict = PolicyVerdict(judgement=judgement, recorded=recorded)
        return cls.keep(folder, verdict, film_strip(networks, opponent, plan.seed, report))

    @classmethod
    def keep(cls, folder: Path, verdict: PolicyVerdict, strip: bytes) -> PolicyEvaluation:
        """Write what was judged and a game, a JPEG, into an empty folder."""
        write_json(folder / JUDGEMENT_FILE, verdict.model_dump(mode="json"))
        (folder / STRIP_FILE).write_bytes(strip)
        return cls(folder, verdict)

    @property
    def strip(self) -> bytes:
        """Frames of one game as a JPEG."""
        return (self.folder / STRIP_FILE).read_bytes()


def usual_opponent(sessions: Sequence[SessionPlay]) -> str:
    """The scripted player that was met most often; of several the first by name."""
    met = Counter(one.opponent for one in sessions if one.opponent in SKILLS)
    return min(met, key=lambda name: (-met[name], name), default=OPPONENT)


def recorded_player(
    player: str,
    sessions: Sequence[SessionPlay],
    judgement: PolicyJudgement,
    played: Mapping[str, PlayedGames],
) -> RecordedPlayer:
    """How policies compare with somebody whom they learned from.

    Args:
        played: games by player; with those of the same seeds where a script can play them, too.
    """
    returns = [one.returns for one in sessions if one.player == player and one.returns is not None]
    is_paired = player in played
    if is_paired:
        share = judgement.return_shares.get(player)
    else:
        share = share_of_sessions(played[POLICIES], returns) if returns else None
    return RecordedPlayer(
        player=player,
        sessions=len(returns),
        returns=mean_of_sessions(returns) if returns else None,
        share=share,
        is_paired=is_paired,
    )


def random_problems(verdict: PolicyVerdict) -> list[str]:
    """Why policies are not certainly better than a random player; nothing where they are."""
    lead = verdict.judgement.return_leads[RANDOM]
    if lead.interval is not None and lead.interval.low > 0:
        return []
    return [
        f"over {verdict.judgement.games} games the policies are ahead of the random player by "
        f"{lead.told()}, which may be chance"
    ]


def share_problems(verdict: PolicyVerdict) -> list[str]:
    """Whose return policies do not reach as far as they should."""
    return [
        f"{one.share.told()} of the return of {one.player}, and should be {LEAST_SHARE:g} at least"
        for one in verdict.recorded
        if one.share is not None and one.share.mean < LEAST_SHARE
    ]


def _damaged(file: Path, why: Exception) -> PolicyEvaluationError:
    return PolicyEvaluationError(f"{file} cannot be read: {why}", MATERIALIZE)
