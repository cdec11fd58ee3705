"""What a policy is given: what its player knows, as numbers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields

import numpy as np
import numpy.typing as npt

from pipeline.play.arena.learner.layout import Layout
from pipeline.play.simulator.games import Games
from pipeline.play.simulator.observation import STATUS, Column
from pipeline.play.simulator.rules import FIGURES, Kind

Features = npt.NDArray[np.float32]


def known_to(games: Games, player: int) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """Entities and status as in `observation.Observations`, without the ground, which is slow."""
    from pipeline.play.simulator.player_kernel import observe_games

    entities = np.empty((len(games), games.slot_count, len(Column)), np.int32)
    status = np.empty((len(games), len(STATUS)), np.int32)
    observe_games(
        games.entities, games.players, games.memory, games.clocks, player, entities, status
    )
    return entities, status


def features_of(
    entities: npt.NDArray[np.int32],
    status: npt.NDArray[np.int32],
    layout: Layout,
) -> Features:
    """What the policy of a player is given.

    Args:
        entities, status: what its player knows, int32 [n, slots, 12] and [n, 4].

    Returns:
        float32 [n, width of the layout].
    """
    from pipeline.play.arena.learner.features_kernel import write_features

    features = np.empty((len(entities), layout.width), np.float32)
    write_features(
        entities,
        status,
        layout.slots,
        layout.roles,
        layout.offsets,
        layout.turned,
        _FULL,
        features,
    )
    return features


def halves_of(games: Games) -> Iterator[tuple[slice, Games]]:
    """The first and the second half of some games, which change with them."""
    half = len(games) // 2
    for part in (slice(0, half), slice(half, len(games))):
        yield part, Games(*(getattr(games, field.name)[part] for field in fields(games)))


_FULL = np.array([FIGURES[kind].hit_points for kind in Kind], np.int32)
