"""A learner that begins as a copy of somebody: of cloned policies, or of any demonstrations.

Cloned policies are asked twenty times a second and are three networks; a learner chooses five times
a second with a small one. So it is taught by what they do in games of their own: in each fifth of a
second the first act that they do, or that they do nothing. What was still to be gained is learned
from the same games.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from detector_runtime.policies.networks import PolicyNetworks
from detector_runtime.policies.player import PolicyPlayer
from pydantic import Field
from torch.nn.functional import mse_loss, nll_loss

from pipeline.errors import OutpostError
from pipeline.manifests import Record
from pipeline.play.arena.learner.features import Features, features_of, known_to
from pipeline.play.arena.learner.layout import layout_of
from pipeline.play.arena.learner.network import ChoiceNetwork
from pipeline.play.arena.learner.settings import WIDTH, DistillationSettings
from pipeline.play.demonstrations import UNSTATED, Demonstration, outcome_of
from pipeline.play.simulator.environments.episodes import POINTS_A_REWARD
from pipeline.play.simulator.environments.single import TICKS_PER_STEP
from pipeline.play.simulator.games import Games
from pipeline.play.simulator.observation import STATUS, Column
from pipeline.play.simulator.rules import (
    ACTION_SIZE,
    MAX_TICKS,
    NOTHING,
    SIDES,
    UNITS,
    Act,
    Result,
)
from pipeline.play.simulator.scripted import ScriptedPlayers
from pipeline.progress import Progress, Report, silent

GAMES_AT_ONCE = 40
HELD_OUT = 10
"""One of so many games is measured on."""
OWN = 0


class DistillationError(OutpostError):
    """Play from which nothing can be learned."""


@dataclass(frozen=True, eq=False)
class Lessons:
    """What was done, and what came of it.

    Attributes:
        features: float32 [n, width].
        choices: int64 [n].
        returns: float32 [n], what was still to be gained.
        games: int64 [n], which game it was.
    """

    features: Features
    choices: npt.NDArray[np.int64]
    returns: npt.NDArray[np.float32]
    games: npt.NDArray[np.int64]

    def rows(self, chosen: npt.NDArray[np.generic]) -> Lessons:
        """Some of them."""
        return Lessons(
            self.features[chosen], self.choices[chosen], self.returns[chosen], self.games[chosen]
        )

    @classmethod
    def joined(cls, parts: Sequence[Lessons]) -> Lessons:
        """Several as one.

        Raises:
            DistillationError: there is nothing in them.
        """
        if not sum(len(part.choices) for part in parts):
            raise DistillationError(
                "There is no play to learn from.", "Name policies that play, or sessions of play."
            )
        return cls(
            np.concatenate([part.features for part in parts]),
            np.concatenate([part.choices for part in parts]),
            np.concatenate([part.returns for part in parts]),
            np.concatenate([part.games for part in parts]),
        )


class Distilled(Record):
    """How well a learner copies, on games that it has not learned from."""

    choices: int = Field(description="It has learned from.")
    loss: float = Field(description="Mean of -log of the chance of what was done.")
    same: float = Field(description="Share in which the likeliest choice is what was done.")
    same_act: float = Field(description="The same, where something was done.")


def distil(
    networks: PolicyNetworks,
    settings: DistillationSettings,
    width: int = WIDTH,
    report: Report = silent,
) -> tuple[ChoiceNetwork, Distilled]:
    """Let cloned policies play, and teach a network what they do.

    Raises:
        DistillationError: they do nothing that can be learned.
    """
    parts = []
    began = time.monotonic()
    count = -(-settings.games // GAMES_AT_ONCE)
    for number in range(count):
        opponent = settings.opponents[number % len(settings.opponents)]
        first = number * GAMES_AT_ONCE
        seeds = range(first, min(first + GAMES_AT_ONCE, settings.games))
        shown = demonstrate_policies(networks, opponent, [settings.seed + one for one in seeds])
        parts += list(lessons_of(shown, first, settings.gamma))
        report(Progress("games of the clone", number + 1, count, time.monotonic() - began))
    return learn(Lessons.joined(parts), settings, width, report)


def lessons_of(
    demonstrations: Sequence[Demonstration], first: int, gamma: float
) -> Iterator[Lessons]:
    """What a learner can learn from each game that somebody has shown.

    Args:
        first: number of the first game; the others follow.
        gamma: by which later rewards count less.
    """
    for number, shown in enumerate(demonstrations, start=first):
        if len(shown) >= TICKS_PER_STEP:
            yield _lessons_of_game(shown, number, gamma)


def learn(
    lessons: Lessons, settings: DistillationSettings, width: int, report: Report = silent
) -> tuple[ChoiceNetwork, Distilled]:
    """Teach a network; it follows from the lessons and the settings.

    Raises:
        DistillationError: no game is left to measure on, or to learn from.
    """
    held_out = lessons.games % HELD_OUT == HELD_OUT - 1
    train, judged = lessons.rows(~held_out), lessons.rows(held_out)
    if not len(train.choices) or not len(judged.choices):
        raise DistillationError(
            f"In {len(np.unique(lessons.games))} games there is too little play to learn from, and "
            f"to measure on one of {HELD_OUT}.",
            "Let the policies play more games.",
        )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        network = ChoiceNetwork(width)
    optimizer = torch.optim.Adam(network.parameters(), settings.learning_rate)
    batches = -(-len(train.choices) // settings.batch)
    total, done, began = settings.epochs * batches, 0, time.monotonic()
    rate = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, total)
    for epoch in range(settings.epochs):
        order = np.random.default_rng([settings.seed, epoch]).permutation(len(train.choices))
        for part in np.array_split(order, batches):
            _teach(network, optimizer, train.rows(part), settings.value_weight)
            rate.step()
            done += 1
            report(Progress("learn from the clone", done, total, time.monotonic() - began))
    network.eval()
    return network, _measure(network, judged, len(train.choices))


def demonstrate_policies(
    networks: PolicyNetworks, opponent: str, seeds: Sequence[int]
) -> list[Demonstration]:
    """Let cloned policies play, on the first side in every other game, and watch them.

    They see without delay, whatever they were trained for.
    """
    sides = np.arange(len(seeds)) % SIDES
    names = ((None, opponent), (opponent, None))
    scripts = [
        ScriptedPlayers.start([seed], names[side]).scripts
        for seed, side in zip(seeds, sides, strict=True)
    ]
    games, players = Games.start(seeds), ScriptedPlayers(np.concatenate(scripts))
    policies = PolicyPlayer(networks, len(seeds), seed=seeds[0])
    record = _PlayRecord.of(len(seeds), games.slot_count)
    every = np.arange(len(seeds))
    for tick in range(MAX_TICKS):
        running = np.flatnonzero(games.clocks["result"] == Result.RUNNING)
        if not len(running):
            break
        views = [known_to(games, side) for side in range(SIDES)]
        entities = np.stack([view[0] for view in views])[sides, every]
        status = np.stack([view[1] for view in views])[sides, every]
        actions = games.no_actions()
        actions[every, sides] = policies.act(entities, status, running)
        record.note(tick, entities, status, actions[every, sides])
        games.step(players.act(games, actions))
        record.scores[tick + 1] = games.players["score"]
    return record.demonstrations(games, sides, seeds)


@dataclass(frozen=True, eq=False)
class _PlayRecord:
    """What one player of many games knew and did, by tick."""

    entities: npt.NDArray[np.int16]
    status: npt.NDArray[np.int32]
    actions: npt.NDArray[np.int32]
    scores: npt.NDArray[np.int32]

    @classmethod
    def of(cls, games: int, slots: int) -> _PlayRecord:
        return cls(
            np.zeros((MAX_TICKS, games, slots, len(Column)), np.int16),
            np.zeros((MAX_TICKS, games, len(STATUS)), np.int32),
            np.zeros((MAX_TICKS, games, ACTION_SIZE), np.int32),
            np.zeros((MAX_TICKS + 1, games, SIDES), np.int32),
        )

    def note(
        self,
        tick: int,
        entities: npt.NDArray[np.int32],
        status: npt.NDArray[np.int32],
        actions: npt.NDArray[np.int32],
    ) -> None:
        self.entities[tick], self.status[tick], self.actions[tick] = entities, status, actions

    def demonstrations(
        self, games: Games, sides: npt.NDArray[np.int_], seeds: Sequence[int]
    ) -> list[Demonstration]:
        ticks, results = games.clocks["tick"].tolist(), games.clocks["result"].tolist()
        return [
            Demonstration(
                name=f"policies-{seed}",
                player="policies",
                entities=self.entities[: ticks[game], game],
                status=self.status[: ticks[game], game],
                actions=self.actions[: ticks[game], game],
                goals=np.full(ticks[game], UNSTATED, np.int8),
                targets=np.full(ticks[game], NOTHING, np.int16),
                scores=self.scores[: ticks[game] + 1, game][:, [side, 1 - side]],
                outcome=outcome_of(results[game], side),
            )
            for game, (seed, side) in enumerate(zip(seeds, sides.tolist(), strict=True))
        ]


def _lessons_of_game(shown: Demonstration, number: int, gamma: float) -> Lessons:
    """Fifths of a second of one game."""
    begins = np.arange(0, len(shown) - TICKS_PER_STEP + 1, TICKS_PER_STEP)
    steps = len(begins)
    acts = shown.actions[: steps * TICKS_PER_STEP].reshape(steps, TICKS_PER_STEP, ACTION_SIZE)
    first = (acts[..., 0] != Act.NOTHING).argmax(axis=1)
    done = acts[np.arange(steps), first]
    entities = np.ascontiguousarray(shown.entities[begins], np.int32)
    layout = layout_of(_player_of(entities[0]))
    choices = layout.choices_of(done, entities)
    features = features_of(
        entities,
        np.ascontiguousarray(shown.status[begins]),
        layout,
    )
    lessons = Lessons(features, choices, _returns(shown, begins, gamma), np.full(steps, number))
    possible = (features[:, layout.possible_features] > 0).all(axis=1)
    alike = (choices >= 0) & np.asarray(possible)[np.arange(steps), choices]
    return lessons.rows(alike)


def _player_of(entities: npt.NDArray[np.int32]) -> int:
    """Who plays, by whose keep is its own."""
    return int(entities[SIDES * UNITS, Column.OWNER] != OWN)


def _returns(
    shown: Demonstration, begins: npt.NDArray[np.int_], gamma: float
) -> npt.NDArray[np.float32]:
    """What was still to be gained at the beginning of each step."""
    leads = (shown.scores[:, 0] - shown.scores[:, 1]).astype(np.float64)
    ends = np.append(begins[1:], len(shown))
    rewards = (leads[ends] - leads[begins]) / POINTS_A_REWARD
    rewards[-1] += shown.outcome
    returns, later = np.zeros(len(begins), np.float32), 0.0
    for step in range(len(begins) - 1, -1, -1):
        later = rewards[step] + gamma * later
        returns[step] = later
    return returns


def _teach(
    network: ChoiceNetwork, optimizer: torch.optim.Optimizer, part: Lessons, value_weight: float
) -> None:
    chances, values = network(torch.from_numpy(part.features))
    loss = nll_loss(chances, torch.from_numpy(part.choices))
    loss = loss + value_weight * mse_loss(values, torch.from_numpy(part.returns))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def _measure(network: ChoiceNetwork, judged: Lessons, learned: int) -> Distilled:
    with torch.no_grad():
        chances = network.chances(torch.from_numpy(judged.features)).numpy()
    own = chances[np.arange(len(judged.choices)), judged.choices]
    same = chances.argmax(axis=1) == judged.choices
    acted = judged.choices > 0
    return Distilled(
        choices=learned,
        loss=round(float(-own.mean()), 4),
        same=round(float(same.mean()), 4),
        same_act=round(float(same[acted].mean()), 4) if acted.any() else 0.0,
    )
