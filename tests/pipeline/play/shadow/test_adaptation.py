"""Policies take on another style, and keep the old one within the bound that the page states."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pipeline.play.demonstrations import Demonstration, demonstrate
from pipeline.play.policies.cloning import clone
from pipeline.play.policies.settings import CloneSettings, RoleSettings
from pipeline.play.shadow.agreement import agreement
from pipeline.play.shadow.learner import Learner
from pipeline.play.shadow.moments import ticks_of
from pipeline.play.shadow.settings import ShadowSettings
from pipeline.play.simulator.rules import Act, Key

EARLY, OLD_GAMES = 1800, 8
"""Ticks of a game, after which the other style is played, and games of the old one."""
MOST_FORGOTTEN = 0.1


def part_of(shown: Demonstration, ticks: slice) -> Demonstration:
    names = ("entities", "status", "actions", "goals", "targets", "scores")
    return replace(shown, **{name: getattr(shown, name)[ticks] for name in names})


def in_other_style(shown: Demonstration) -> Demonstration:
    """Late play by somebody who calls everyone where others call the soldiers."""
    late = part_of(shown, slice(EARLY, None))
    actions = late.actions.copy()
    calls = (actions[:, 0] == Act.KEY) & (actions[:, 4] == Key.SOLDIERS)
    actions[calls, 4] = Key.EVERYONE
    return replace(late, actions=actions)


@pytest.mark.slow
def test_another_style_is_taken_on_and_little_is_forgotten(tmp_path):
    games = demonstrate("scripted_l5", "scripted_l3", range(60, 73))
    old_held_out, *old = (part_of(game, slice(EARLY)) for game in games[:OLD_GAMES])
    *watched, first, second = (in_other_style(game) for game in games[OLD_GAMES:])
    assert all((game.actions[:, 4] == Key.EVERYONE).any() for game in (first, second))
    once = RoleSettings(epochs=1, batch=64, learning_rate=5e-3)
    often = once.model_copy(update={"epochs": 15})
    cloned = CloneSettings(
        strategist=once, tactician=once, executor=often, width=16, layers=1, heads=2
    )
    clone(old, cloned, tmp_path / "old")
    settings = ShadowSettings(interval=20, steps=20, smallest=16, minutes=4, learning_rate=5e-3)
    learner = Learner.start(tmp_path / "old", old, settings, tmp_path / "new")
    for game in watched:
        for tick in ticks_of(game):
            learner.watch(tick)
    before, after = (
        [agreement(tmp_path / name, those) for those in ([first, second], [old_held_out])]
        for name in ("old", "new")
    )
    for name in ("act", "target", "goal"):
        grown, kept = (getattr(after[n], name) - getattr(before[n], name) for n in range(2))
        assert grown > 0.2, name
        assert kept > -MOST_FORGOTTEN, name
    # What is kept was there: policies that know nothing could forget nothing.
    assert min(before[1].act, before[1].target, before[1].goal) > 0.6
