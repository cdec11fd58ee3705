"""Who is meant by a name or a path, as a player of many games."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from detector_runtime.policies.networks import PolicyNetworks
from detector_runtime.policies.player import PolicyPlayer
from pydantic import Field

from pipeline.errors import OutpostError
from pipeline.manifests import Record
from pipeline.play.arena.matches.models import Model, ModelSide
from pipeline.play.policies.judging import PolicySide, scripted_opponents
from pipeline.play.simulator.environments.single import TICKS_PER_STEP
from pipeline.play.simulator.games import MOST_PLAYERS_A_SIDE
from pipeline.play.simulator.hand_made.scenarios import Scenario
from pipeline.play.simulator.matches import Player
from pipeline.play.simulator.rules import SIDES
from pipeline.play.simulator.scripted import SKILLS

Contestant = str | Path | Model | PolicyNetworks
"""A player by script, the folder of three policies, the file of a learned one, or what has been
loaded already."""


class ContestantError(OutpostError, ValueError):
    """Nobody is known by that name, and nothing that plays lies at that path."""


class EpisodeSettings(Record):
    """How games are played."""

    players_a_side: int = Field(1, ge=1, le=MOST_PLAYERS_A_SIDE)
    ticks_per_step: int = Field(
        TICKS_PER_STEP, ge=1, description="From one action of a model to the next, of 20 a second."
    )
    deterministic: bool = Field(
        True, description="Models do what they deem best, in place of drawing."
    )
    scenarios: tuple[Scenario, ...] = Field(
        (), description="Set-ups that games begin with, by turns; those of seeds without any."
    )


def load_contestant(contestant: Contestant) -> str | Model | PolicyNetworks:
    """A player by script by its name; policies and models ready to play.

    Raises:
        ContestantError: it is no such name, and nothing lies there.
        ModelLoadError: the folder has no three policies that can be opened.
        SnapshotError: the file is no learned policy.
    """
    if isinstance(contestant, Model | PolicyNetworks):
        return contestant
    if contestant in SKILLS:
        return str(contestant)
    place = Path(contestant) if isinstance(contestant, str | Path) else None
    if place is not None and place.is_file():
        from pipeline.play.arena.learner.model import load_model

        return load_model(place)
    if place is None or not place.is_dir():
        raise ContestantError(
            f"'{contestant}' is neither a scripted player nor policies.",
            f"Choose one of {', '.join(SKILLS)}, a folder that `outpost play clone` has written, "
            "a file that `outpost play train` has, or an object with `predict`.",
        )
    return PolicyNetworks.load(place)


def seat(
    loaded: str | Model | PolicyNetworks,
    seeds: Sequence[int],
    sides: npt.NDArray[np.int_],
    settings: EpisodeSettings,
) -> Player:
    """Somebody at the beginning of games.

    Args:
        loaded: as `load_contestant` gives it.
        seeds: one a game.
        sides: int [games], on which it plays.

    Raises:
        ContestantError: three policies are to play for a team.
    """
    if isinstance(loaded, str):
        others = SIDES - 1 - sides
        return scripted_opponents(seeds, others, loaded, players_a_side=settings.players_a_side)
    if isinstance(loaded, PolicyNetworks):
        if settings.players_a_side > 1:
            raise ContestantError(
                f"Three policies play for one player, not for a team of {settings.players_a_side}.",
                "Play one against one, or let a model of the environments play for the team.",
            )
        # Two of them in one game do not draw alike.
        player = PolicyPlayer(loaded, len(seeds), seed=SIDES * seeds[0] + int(sides[0]))
        return PolicySide.start(loaded, seeds, sides, player)
    return ModelSide(loaded, sides, settings.deterministic, settings.ticks_per_step)
