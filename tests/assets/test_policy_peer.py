"""What the benchmark of policies tells its peer of a game, and what it does for it."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from detector_runtime.policies.features import ENTITY_FEATURES, Features, features_of
from detector_runtime.policies.known import KINDS, Deeds

from pipeline.play.simulator.environments.episodes import action_space
from pipeline.play.simulator.games import Games
from pipeline.play.simulator.observation import observe
from pipeline.play.simulator.rules import NOTHING, SIDES, Act, Key

FILE = Path(__file__).parents[1] / "bench" / "policy_peer.py"
SEEDS = range(4)


@pytest.fixture(scope="module")
def peer() -> ModuleType:
    spec = importlib.util.spec_from_file_location("policy_peer", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["policy_peer"] = module  # Dataclasses look their module up.
    spec.loader.exec_module(module)
    del sys.modules["policy_peer"]
    return module


@pytest.fixture(scope="module")
def sides() -> list[Features]:
    """The beginnings of some games, as both players see them."""
    games = Games.start(list(SEEDS))
    seen = [observe(games, side) for side in range(SIDES)]
    return [features_of(one.entities, one.status, Deeds.none(len(SEEDS))) for one in seen]


def test_both_players_see_their_own_units_first(peer, sides):
    told = [peer.flat(features) for features in sides]
    rows = [one[:, : 44 * (1 + ENTITY_FEATURES)].reshape(len(SEEDS), 44, -1) for one in told]
    for row in rows:
        assert (row[:, :8, 0] == 1).all()
        assert (row[:, :8, 1 + KINDS] == 1).all()
        assert (row[:, 16, 1 + KINDS] == 1).all()
    # The map is the same from both sides.
    np.testing.assert_allclose(rows[0][:, :8], rows[1][:, :8], atol=1e-3)


def test_what_is_done_is_told_and_turned_back(peer, sides):
    actions = np.array(
        [
            [Act.COMMAND, 3, 2, -1, 0],
            [Act.SELECT, 9, 0, 4, 0],
            [Act.COMMAND, NOTHING, 100, 900, 0],
            [Act.KEY, NOTHING, 0, 0, Key.HOME],
        ],
        np.int32,
    )
    told = [peer._turned(features, actions) for features in sides]
    for features, one in zip(sides, told, strict=True):
        np.testing.assert_array_equal(peer._turned(features, one), actions)
    assert told[0][:2, 1].tolist() == [3, 9]
    assert told[1][:2, 1].tolist() == [11, 1]
    turned = [features.turned[2] for features in sides]
    assert turned[0] != turned[1]
    assert [one[2, 2:4].tolist() for one in told] == [
        [923, 123] if turns else [100, 900] for turns in turned
    ]


def test_weights_play_as_they_say(peer, sides):
    """The first own unit is commanded, whatever is seen: each player's is its own."""
    sizes = action_space().nvec
    bias = np.zeros(sizes.sum(), np.float32)
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    for start, choice in zip(starts, (Act.COMMAND, 1, 512 + 5, 512, 0), strict=True):
        bias[start + choice] = 50
    width = peer.flat(sides[0]).shape[1]
    player = peer.PeerPlayer([(np.zeros((len(bias), width), np.float32), bias)], 0.1, 4, 0)
    for side, features in enumerate(sides):
        draws = np.full((2, len(SEEDS)), 0.5)
        acts = player._decide(features, np.arange(len(SEEDS)), draws)
        assert (acts[:, 0] == Act.COMMAND).all()
        assert (acts[:, 1] == 8 * side).all()
        assert acts[:, 2].tolist() == [-5 if turned else 5 for turned in features.turned]


def test_acts_are_as_rare_as_in_all_of_play(peer, sides):
    """Of moments without an act one in ten was learned from: half of those makes one in eleven."""
    sizes = action_space().nvec
    bias = np.full(sizes.sum(), -50, np.float32)
    bias[[Act.NOTHING, Act.KEY]] = 0
    width = peer.flat(sides[0]).shape[1]
    player = peer.PeerPlayer([(np.zeros((len(bias), width), np.float32), bias)], 0.1, 4, 0)
    for draw, act in ((0.90, Act.NOTHING), (0.92, Act.KEY)):
        acts = player._decide(sides[0], np.arange(4), np.full((2, 4), draw))
        assert (acts[:, 0] == act).all()
