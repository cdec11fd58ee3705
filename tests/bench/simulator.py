"""How many game steps a second one core makes, compiled and in plain Python.

A game step is one tick, a twentieth of a second, of one game of two sides: 16 units, two keeps,
mines, bushes and loot; ways, blows, the fog of both sides and what they remember. `steps_per_s` is
of 1,024 games, half a minute into games between players scripted_l5 and scripted_l4, so that units
work and fight; what players decide is counted in `played_steps_per_s` alone. Games go on in single
ticks, each with the actions of its players. `observations_per_s` is how often one player's entities
are written into an array; `environment_steps_per_s` are those of `SkirmishVectorEnv`, 1,024 games:
four ticks, the opponent, observation and reward.

`plain_steps_per_s` is of `tests/doubles/plain_game.py`, the same rules over plain objects, from the
same moment of one of these games with the same actions; both agree at its end. Processor seconds of
the one thread.

Run with `outpost bench simulator --json`; a minute on one core.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np

from pipeline.play.simulator.environments.vector import SkirmishVectorEnv
from pipeline.play.simulator.games import Actions, Games
from pipeline.play.simulator.observation import observe
from pipeline.play.simulator.scripted import ScriptedPlayers

sys.path.insert(0, str(Path(__file__).parents[1]))
from doubles.plain_game import PlainGame, differences

GAMES, FROM, TICKS = 1024, 600, 200
NAMES = ("scripted_l5", "scripted_l4")


def measure() -> dict[str, float]:
    """Figures by name; a unit ends the name, ratios have none."""
    seeds = range(GAMES)
    games, players = Games.start(seeds), ScriptedPlayers.start(seeds, NAMES)
    before = [_acted(games, players) for _tick in range(FROM)]
    start = games.copy()
    began = time.process_time()
    actions = [_acted(games, players) for _tick in range(TICKS)]
    played = time.process_time() - began
    began = time.process_time()
    for done in actions:
        start.step(done)
    stepped = time.process_time() - began
    assert start.to_bytes(7) == games.to_bytes(7)
    compiled, plain = GAMES * TICKS / stepped, _plain_rate(games, [*before, *actions])
    return {
        "steps_per_s": compiled,
        "unit_steps_per_s": compiled * 16,
        "played_steps_per_s": GAMES * TICKS / played,
        "plain_steps_per_s": plain,
        "times_plain": compiled / plain,
        "observations_per_s": _observation_rate(games),
        "environment_steps_per_s": _environment_rate(),
        "games_running": float((games.clocks["result"] == 0).mean()),
        "state_bytes": float(len(games.to_bytes(0))),
    }


def _acted(games: Games, players: ScriptedPlayers) -> Actions:
    actions = players.act(games)
    games.step(actions)
    return actions


def _plain_rate(games: Games, actions: list[Actions]) -> float:
    plain = PlainGame(Games.start([0]))
    began = 0.0
    for tick, done in enumerate(actions):
        if tick == FROM:
            began = time.process_time()
        plain.step([tuple(row) for row in done[0].tolist()])
    rate = TICKS / (time.process_time() - began)
    assert differences(plain, games, 0) == []
    return rate


def _observation_rate(games: Games) -> float:
    began = time.process_time()
    for player in range(10):
        observe(games, player % 2)
    return 10 * GAMES / (time.process_time() - began)


def _environment_rate() -> float:
    environment = SkirmishVectorEnv(GAMES, "scripted_l3")
    environment.reset(seed=1)
    environment.action_space.seed(1)
    chosen = [environment.action_space.sample() for _step in range(20)]
    environment.step(chosen[0])
    began = time.process_time()
    for actions in chosen:
        environment.step(np.asarray(actions))
    return len(chosen) * GAMES / (time.process_time() - began)
