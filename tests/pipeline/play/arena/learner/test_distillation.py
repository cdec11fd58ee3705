"""A learner that is taught by what somebody has done."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch
from detector_runtime.policies.networks import PolicyNetworks

from pipeline.play.arena.learner.distillation import (
    DistillationError,
    Lessons,
    demonstrate_policies,
    distil,
    learn,
    lessons_of,
)
from pipeline.play.arena.learner.layout import FIRST_COMMAND, layout_of
from pipeline.play.arena.learner.settings import DistillationSettings
from pipeline.play.demonstrations import Demonstration, demonstrate
from pipeline.play.policies.networks import build_network
from pipeline.play.policies.onnx_files import export_policy
from pipeline.play.policies.settings import PRESETS, Role
from pipeline.play.simulator.rules import Act
from pipeline.progress import Progress


@pytest.fixture(scope="module")
def shown() -> list[Demonstration]:
    """Beginnings of games of a scripted player, from both sides."""
    ticks = 1500
    return [
        replace(
            one,
            entities=one.entities[:ticks],
            status=one.status[:ticks],
            actions=one.actions[:ticks],
            goals=one.goals[:ticks],
            targets=one.targets[:ticks],
            scores=one.scores[: ticks + 1],
        )
        for one in demonstrate("scripted_l3", "scripted_l1", range(2))
    ]


def test_lessons_are_the_first_acts_of_fifths_of_a_second(shown: list[Demonstration]) -> None:
    (lessons,) = lessons_of(shown[:1], 0, 1.0)
    game, layout = shown[0], layout_of(0)
    acted = np.flatnonzero(game.actions[:, 0] != Act.NOTHING)
    clicked = acted[game.actions[acted, 0] == Act.COMMAND]
    assert (lessons.choices > 0).sum() <= len(acted)
    assert (lessons.choices >= FIRST_COMMAND).sum() > len(clicked) // 2
    first = acted[0]
    step = first // 4
    done = layout.actions[lessons.choices[step]]
    assert done[0] == game.actions[first, 0]
    assert lessons.choices[:step].max(initial=0) == 0


def test_returns_are_what_was_still_to_be_gained(shown: list[Demonstration]) -> None:
    lessons = next(lessons_of(shown, 0, 1.0))
    game = shown[0]
    lead = (game.scores[-1, 0] - game.scores[-1, 1]) / 100 + game.outcome
    assert lessons.returns[0] == pytest.approx(lead, abs=1e-5)
    fading = next(lessons_of(shown, 0, 0.9)).returns
    assert abs(fading[0]) < abs(lead)


@pytest.mark.slow
def test_a_network_learns_what_was_done(shown: list[Demonstration]) -> None:
    """It is measured on a copy of what it has learned from, of which it cannot fail much."""
    lessons = Lessons.joined(list(lessons_of(shown, 0, 0.99)))
    zeros = np.zeros_like(lessons.games)
    both = Lessons.joined([replace(lessons, games=zeros), replace(lessons, games=zeros + 9)])
    settings = DistillationSettings(epochs=12, batch=32, learning_rate=5e-3)
    network, copied = learn(both, settings, 32)
    _again, same = learn(both, settings, 32)
    assert same == copied
    assert copied.choices == len(lessons.choices)
    shares = np.bincount(lessons.choices) / len(lessons.choices)
    by_chance = -sum(share * np.log(share) for share in shares if share)
    assert copied.loss < 0.8 * by_chance
    assert not network.training


def test_nothing_cannot_be_learned_from(shown: list[Demonstration]) -> None:
    short = replace(shown[0], actions=shown[0].actions[:2])
    assert not list(lessons_of([short], 0, 1.0))
    with pytest.raises(DistillationError, match="no play to learn from"):
        Lessons.joined([])
    (one,) = lessons_of(shown[:1], 0, 1.0)
    for number in (0, 9):
        alone = replace(one, games=np.full_like(one.games, number))
        with pytest.raises(DistillationError, match="too little play"):
            learn(alone, DistillationSettings(), 8)


@pytest.mark.exhaustive
def test_cloned_policies_are_copied_from_games_of_their_own(tmp_path: Path) -> None:
    """Untrained ones act in every second tick, so that most fifths of a second have an act."""
    settings = PRESETS["brief"].model_copy(update={"width": 8, "layers": 1, "heads": 2})
    for role in get_args(Role):
        network = build_network(role, settings)
        if role == "executor":
            with torch.no_grad():
                network.numbers.bias[0] = 0.0
        export_policy(network, 0, tmp_path)
    networks = PolicyNetworks.load(tmp_path)
    chosen = DistillationSettings(games=20, opponents=("random",), epochs=2)
    told: list[Progress] = []
    _network, copied = distil(networks, chosen, 16, told.append)
    shown = demonstrate_policies(networks, "random", [chosen.seed, chosen.seed + 1])
    first_keep = 16
    knows = [one.entities[0, first_keep, 0] == first_keep for one in shown]
    assert knows == [True, False], "the second game is played from the second side"
    lessons = Lessons.joined(list(lessons_of(shown, 0, chosen.gamma)))
    assert 0.8 < (lessons.choices > 0).mean() < 1.0
    assert copied.choices > 1000
    assert copied.loss < np.log(114)
    assert {one.stage for one in told} == {"games of the clone", "learn from the clone"}
