"""Simulated players of the built-in game who contribute labels, most of them honest.

Each install has its own settings, looks at screens, confirms what it sees there, and uploads in the
layout of `detector_runtime.contribute.records`. What truly is on each image comes back as
`InventoryTruth`, to measure what is made of the labels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from pipeline.demo_game.inventory.screens import inventory_rules
from pipeline.demo_game.players.labelling import ContributorKind
from pipeline.demo_game.players.player import Habits, Put, SimulatedPlayer
from pipeline.progress import Report, silent, track


@dataclass(frozen=True)
class ContributorMix:
    """Who plays: everybody is honest but these.

    Attributes:
        careless: share of installs that take icons for their look-alikes now and then.
        hostile: share of installs of which each calls everything by one wrong name of its own.
        colluding: share of installs that all call an icon by the same wrong name.
        flooding: how many installs send far too much, by one wrong name.
        malformed: how many installs send what no client would.
        slips: how often careless ones err, 0 to 1.
    """

    careless: float = 0.2
    hostile: float = 0.1
    colluding: float = 0.1
    flooding: int = 0
    malformed: int = 0
    slips: float = 0.15

    def odd(self, installs: int) -> Mapping[ContributorKind, int]:
        """How many of so many players are of each kind that is not honest; shares are rounded."""
        return {
            ContributorKind.FLOODING: self.flooding,
            ContributorKind.MALFORMED: self.malformed,
            ContributorKind.HOSTILE: round(self.hostile * installs),
            ContributorKind.COLLUDING: round(self.colluding * installs),
            ContributorKind.CARELESS: round(self.careless * installs),
        }

    def kinds(self, installs: int) -> tuple[ContributorKind, ...]:
        """The kind of each install, the odd ones first."""
        odd = [kind for kind, count in self.odd(installs).items() for _ in range(count)]
        return (*odd, *[ContributorKind.HONEST] * max(installs - len(odd), 0))[:installs]


@dataclass(frozen=True)
class InventoryTruth:
    """What the simulated players truly saw.

    Attributes:
        names: by the digest of an uploaded image the icon's name, the text, or the screen's type.
        kinds: what kind of player each install is.
    """

    names: Mapping[str, str]
    kinds: Mapping[UUID, ContributorKind]


HONEST = ContributorMix(careless=0.0, hostile=0.0, colluding=0.0)
DEFAULT_MIX = ContributorMix()
DEFAULT_HABITS = Habits()


def simulate_contributions(
    put: Put,
    installs: int,
    seed: int = 0,
    mix: ContributorMix = DEFAULT_MIX,
    habits: Habits = DEFAULT_HABITS,
    report: Report = silent,
) -> InventoryTruth:
    """Play, label and upload; the same bytes for the same arguments.

    Args:
        put: called once for every object, the annotations of an install after its images.
        installs: how many players there are.
        seed: who they are and what they see.
    """
    rules = inventory_rules()
    kinds = mix.kinds(installs)
    names: dict[str, str] = {}
    players: dict[UUID, ContributorKind] = {}
    for number, kind in enumerate(track(kinds, installs, "simulate contributors", report)):
        player = SimulatedPlayer(kind, rules, mix.slips, habits, (seed, number))
        players[player.install] = kind
        names |= player.contribute(put)
    return InventoryTruth(names, players)
