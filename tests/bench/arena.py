"""How many steps a second PPO learns on one core, beside Stable-Baselines3 as it is mostly used.

A step is a choice of the learner in one game: four ticks of it, its opponent (scripted_l5), what
the learner is given, and its share of an update (two passes over 64 steps of each game). All ways
have the same game, features, network and settings, and the same Stable-Baselines3.

`ppo_steps_per_second` is with games as one compiled batch, 256 at the same time; other numbers of
games stand in their names. `dummy_*` are games as single environments of Gymnasium in a
`DummyVecEnv`; `speedup_over_dummy` is over the faster of the two. `simulator_steps_per_second` are
the same steps without the learner, 256 games, choices by chance. `us_a_unit_*` are processor
microseconds of a tick for each unit, 256 games of one, two and four players a side whose units are
all on the march. Ways alternate in rounds, the median counts; processor seconds of the one thread.

Run with `outpost bench arena --json`; a minute on one core.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv

from pipeline.play.arena.learner.environments import SkirmishChoiceEnv, SkirmishVecEnv
from pipeline.play.arena.learner.episodes import LearnerEpisodes
from pipeline.play.arena.learner.layout import layout_of
from pipeline.play.arena.learner.policy import ChoicePolicy
from pipeline.play.arena.learner.rivals import Rival
from pipeline.play.simulator.games import Games
from pipeline.play.simulator.rules import UNITS, Act, Key

RIVALS = (Rival("scripted_l5"),)
BATCHES, SINGLES = (64, 256, 1024), (8, 32)
USUAL = 256
ROUNDS, STEPS = 3, 64
TICKS = 100


def measure() -> dict[str, float]:
    """Figures by name."""
    torch.set_num_threads(1)
    ways: dict[str, Callable[[], float]] = {
        **{f"ppo_steps_per_second_{n}": _learner(_batch(n), 32_768) for n in BATCHES},
        **{f"dummy_steps_per_second_{n}": _learner(_singles(n), 8192) for n in SINGLES},
        "simulator_steps_per_second": _stepper(_batch(USUAL)),
        **{f"us_a_unit_{n}_a_side": _marcher(n) for n in (1, 2, 4)},
    }
    rounds = [{name: way() for name, way in ways.items()} for _round in range(ROUNDS)]
    figures = {name: float(np.median([one[name] for one in rounds])) for name in ways}
    ours = figures.pop(f"ppo_steps_per_second_{USUAL}")
    dummy = max(figures[f"dummy_steps_per_second_{n}"] for n in SINGLES)
    return {"ppo_steps_per_second": ours, "speedup_over_dummy": ours / dummy, **figures}


def _batch(games: int) -> VecEnv:
    return SkirmishVecEnv(LearnerEpisodes.start(games, RIVALS, 0))


def _singles(games: int) -> VecEnv:
    return DummyVecEnv([lambda seed=n: SkirmishChoiceEnv(RIVALS, seed) for n in range(games)])


def _learner(environment: VecEnv, steps: int) -> Callable[[], float]:
    """Steps a second of a training, which goes on by so many, in whole rollouts, a call."""
    model = PPO(
        ChoicePolicy,
        environment,
        n_steps=STEPS,
        batch_size=min(4096, STEPS * environment.num_envs // 4),
        n_epochs=2,
        ent_coef=0.01,
        seed=0,
        device="cpu",
    )
    model.learn(STEPS * environment.num_envs)

    def learn() -> float:
        before, began = model.num_timesteps, time.process_time()
        model.learn(steps, reset_num_timesteps=False)
        return (model.num_timesteps - before) / (time.process_time() - began)

    return learn


def _stepper(environment: VecEnv) -> Callable[[], float]:
    rng = np.random.default_rng(0)
    environment.reset()

    def step() -> float:
        chosen = rng.integers(0, layout_of(0).choices, (STEPS, environment.num_envs))
        began = time.process_time()
        for choices in chosen:
            environment.step(choices)
        return STEPS * environment.num_envs / (time.process_time() - began)

    return step


def _marcher(players_a_side: int) -> Callable[[], float]:
    """Microseconds of a tick for each unit."""
    games = Games.start(range(USUAL), players_a_side)
    units = USUAL * games.player_count * UNITS
    select, march = games.no_actions(), games.no_actions()
    select[..., 0], select[..., 4] = Act.KEY, Key.EVERYONE
    march[..., 0], march[..., 2:4] = Act.COMMAND, 512

    def step() -> float:
        games.put(np.arange(USUAL), Games.start(range(USUAL), players_a_side))
        games.step(select)
        games.step(march)
        began = time.process_time()
        for _tick in range(TICKS):
            games.step(games.no_actions())
        return (time.process_time() - began) * 1e6 / (TICKS * units)

    return step
