"""How often policies would have done what somebody did, in play that they have not learned from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydantic import Field, RootModel

from pipeline.files import replacing, write_json
from pipeline.manifests import Record
from pipeline.play.demonstrations import Demonstration
from pipeline.play.policies.checkpoints import BEST, file_of, read_checkpoint
from pipeline.play.policies.cloning import ClonedPolicies
from pipeline.play.policies.examples import examples_of
from pipeline.play.policies.hindsight import with_goals
from pipeline.play.policies.settings import Role
from pipeline.play.policies.training import measure, network_of

FOLLOWED_FILE, WATCHED_FILE = "followed.json", "watched.json"


class PlayAgreement(Record):
    """Shares of moments in which policies would do what was done."""

    act: float = Field(description="Of moments with an act: the same kind, and entity or key.")
    target: float = Field(description="The same target, or none.")
    goal: float | None = Field(description="None where no goal is stated.")


class WatchedPlay(Record):
    """Whom to watch: `watched.json` in the folder of what comes of it."""

    player: str = Field(description="Name in `pipeline.play.simulator.scripted.SKILLS`.")
    opponent: str = Field(description="Another such name, or the same.")
    minutes: float = Field(description="Of play.")
    seed: int = Field(description="Of the first game; the others follow it.")


class WatchedSessions(Record):
    """Which recorded sessions to watch: `watched.json` in the folder of what comes of it."""

    sessions: tuple[str, ...] = Field(description="Their names, in the order they are watched in.")
    held_out_sessions: tuple[str, ...] = Field(description="Those that are measured on.")
    minutes: float = Field(description="Of play, of those that are watched.")


class Watched(RootModel[WatchedPlay | WatchedSessions]):
    """Whom, or what, policies watch."""


class Followed(Record):
    """What came of watching: agreement before and after, on play that nothing was learned of."""

    player: str = Field(description="Who was watched.")
    minutes: float = Field(description="Of play.")
    trainings: int
    watched_before: PlayAgreement
    watched_after: PlayAgreement
    old_before: PlayAgreement
    old_after: PlayAgreement

    def write(self, folder: Path) -> None:
        """Write it beside the policies."""
        with replacing(folder / FOLLOWED_FILE) as fresh:
            write_json(fresh, self.model_dump(mode="json"))


def agreement(policies: Path, shown: Sequence[Demonstration]) -> PlayAgreement:
    """Compare policies with play.

    Args:
        policies: as `cloning.clone` or shadow learning has filled it.
        shown: sessions; of no use when the policies have learned from them.

    Raises:
        PolicyCheckpointError, CloneError: the folder is damaged.
        ExamplesError: nothing is shown.
    """
    settings = ClonedPolicies.read(policies).settings
    with_all_goals = [with_goals(one) for one in shown]

    def measured(role: Role, name: str) -> float:
        network = network_of(read_checkpoint(file_of(policies / role, BEST), role), settings)
        # What is waited for is measured by no share, so that one waiting moment an act is enough.
        # Which goal is right, only those know that somebody has stated.
        play = shown if role == "strategist" else with_all_goals
        examples = examples_of(
            role, play, delay=settings.delay, others_per_act=1.0, seed=settings.seed
        )
        return measure(role, network, examples)[name]

    has_goals = any((one.goals >= 0).any() for one in shown)
    return PlayAgreement(
        act=measured("executor", "act"),
        target=measured("tactician", "accuracy"),
        goal=measured("strategist", "accuracy") if has_goals else None,
    )
