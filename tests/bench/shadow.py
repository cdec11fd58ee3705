"""How long the player's loop waits for shadow learning while the trainer is at work.

A game of scripted_l5 is handed over at 100 ticks a second, five times as fast as it is played, and
fresh policies train all the time: a training every four seconds of play. `watch_*` are of
`Shadow.watch`, `exchange_*` of taking newer weights between two actions, `tick_*` of the policies'
own act in the loop; `processor_*` are the same calls in processor time of the thread, without what
other programs take. `trainings` are those that ended meanwhile.

Run with `outpost bench shadow --json`; a minute, mostly of waiting.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import torch
from detector_runtime.policies.player import PolicyPlayer
from pacing import paced

from pipeline.play.demonstrations import demonstrate
from pipeline.play.policies.cloning import clone
from pipeline.play.policies.settings import PRESETS, RoleSettings
from pipeline.play.shadow.moments import Tick, ticks_of
from pipeline.play.shadow.settings import ShadowSettings
from pipeline.play.shadow.shadow import Shadow
from pipeline.play.shadow.trainer import TrainerTask

SECONDS, RATE = 45, 100
WATCH, EXCHANGE, ACT = "watch", "exchange", "tick"


def measure() -> dict[str, float]:
    """Figures by name; a unit ends the name."""
    torch.set_num_threads(1)
    old = demonstrate("scripted_l3", "scripted_l2", range(2))
    shown = demonstrate("scripted_l5", "scripted_l3", range(2))
    role = RoleSettings(epochs=1, batch=512, learning_rate=1e-3)
    settings = PRESETS["brief"].model_copy(
        update={"strategist": role, "tactician": role, "executor": role}
    )
    learned: list[float] = []
    with tempfile.TemporaryDirectory() as name:
        policies, folder = Path(name) / "old", Path(name) / "new"
        clone(old, settings, policies)
        watching = ShadowSettings(interval=4.0, steps=5, batch=32, smallest=16)
        task = TrainerTask(policies, old, watching, folder)
        with Shadow.start(task, lambda news: learned.append(news.update["minutes"])) as shadow:
            ticks = [tick for one in shown for tick in ticks_of(one)]
            figures = _played(shadow, (ticks * 2)[: SECONDS * RATE])
            trainings = len(set(learned))
        if shadow.trouble is not None:
            raise shadow.trouble
    return {**figures, "trainings": trainings, "missed": shadow.missed}


def _played(shadow: Shadow, ticks: list[Tick]) -> dict[str, float]:
    player = PolicyPlayer(shadow.networks)
    calls = {
        WATCH: shadow.watch,
        EXCHANGE: lambda _tick: shadow.exchange(player),
        ACT: lambda tick: player.act(tick.entities, tick.status),
    }
    return paced(ticks, calls, RATE)
