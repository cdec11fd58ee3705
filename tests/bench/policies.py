"""How long three policies take for a tick of one game, without torch, and how fast one learns.

`tick_*` are of `PolicyPlayer.act` with fresh networks of the usual size, from entities to an
action, in ticks of a game of scripted_l5; `all_three_*` of those ticks in which all three are
asked. What is learned are examples of the executor. `goals_found_*` is how often the goals of a
scripted player are those that its acts tell (`pipeline.play.policies.hindsight`). One thread.

With `--full` three policies are cloned from 24 games, and the library imitation learns from the
same games beside, pass by pass in turn (`policy_peer`): `imitation` its own policy from every tick,
as it is used; `imitation_same` from the examples of our executor; `imitation_wide` from these, with
more than twice as many weights as our three. `*_examples_per_s` are of processor seconds,
`*_play_per_s` how many seconds of recorded play a pass goes through in one, and
`speedup_over_imitation` is the ratio of these. Then all play the same 120 games; `return_lead_*` is
how much higher the return of ours is, with its interval of 95%. `goals_unstated` are policies that
were cloned from these games with all goals hidden; `right_goals_*` is how often a goal is that of
the player, in sessions that nothing was learned of.

Run with `outpost bench policies --json`; half a minute on one core, six with `--full`.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np
import torch
from detector_runtime.policies.networks import PolicyNetworks
from detector_runtime.policies.player import STRATEGIST_TICKS, PolicyPlayer
from policy_peer import Pass, Peer, PeerPlayer, PeerPolicy, running_peer

from pipeline.play.demonstrations import UNSTATED, Demonstration, demonstrate
from pipeline.play.policies.cloning import clone
from pipeline.play.policies.examples import (
    examples_at,
    executor_examples,
    joined,
    split_sessions,
    strategist_examples,
)
from pipeline.play.policies.hindsight import goals_by_hindsight
from pipeline.play.policies.judging import PlayedGames, lead_of, play_policies
from pipeline.play.policies.losses import loss_of
from pipeline.play.policies.networks import build_network
from pipeline.play.policies.onnx_files import export_policy
from pipeline.play.policies.settings import PRESETS, Role
from pipeline.play.simulator.rules import TICKS_A_SECOND
from pipeline.progress import Progress

TICKS = 1200
STEPS, BATCH = 12, 256
PLAYER, OPPONENT = "scripted_l5", "scripted_l3"
CLONED, JUDGED = range(1000, 1024), range(60)
"""Seeds of games to learn from, and of those to play, from both sides."""
HIDDEN = (("scripted_l3", "scripted_l3"), (PLAYER, OPPONENT), (PLAYER, PLAYER))
HIDDEN_GAMES = range(100, 108)
PEERS = (
    PeerPolicy("imitation", "every_tick", None),
    PeerPolicy("imitation_same", "same", None),
    PeerPolicy("imitation_wide", "same", (128, 128)),
)


def measure(full: bool = False) -> dict[str, float]:
    """Figures by name; a unit ends the name, ratios and returns have none."""
    torch.set_num_threads(1)
    figures = {**_alone(), **_hidden_goals()}
    return {**figures, **_beside_imitation()} if full else figures


def _alone() -> dict[str, float]:
    (shown,) = demonstrate(PLAYER, OPPONENT, [0])
    settings = PRESETS["brief"]
    with tempfile.TemporaryDirectory() as folder:
        for role in get_args(Role):
            export_policy(build_network(role, settings), 0, Path(folder))
        player = PolicyPlayer(PolicyNetworks.load(folder))
    seconds = np.zeros(TICKS)
    for tick in range(TICKS):
        moment = tick % len(shown)
        began = time.perf_counter()
        player.act(shown.entities[moment], shown.status[moment])
        seconds[tick] = time.perf_counter() - began
    milliseconds = seconds * 1000
    return {
        "tick_median_ms": float(np.median(milliseconds)),
        "tick_p99_ms": float(np.quantile(milliseconds, 0.99)),
        "all_three_median_ms": float(np.median(milliseconds[20::20])),
        "all_three_p99_ms": float(np.quantile(milliseconds[20::20], 0.99)),
        "learned_examples_per_s": _learned_a_second(shown),
    }


def _hidden_goals() -> dict[str, float]:
    """How often the goals of scripted players are found in what they did."""
    figures = {}
    for player, opponent in HIDDEN:
        shown = demonstrate(player, opponent, HIDDEN_GAMES)
        goals, found = (
            np.concatenate([one[::STRATEGIST_TICKS] for one in those])
            for those in ([one.goals for one in shown], map(goals_by_hindsight, shown))
        )
        figures[f"goals_found_{player}_{opponent}"] = float((goals == found).mean())
    return figures


def _learned_a_second(shown: Demonstration) -> float:
    settings = PRESETS["brief"]
    network = build_network("executor", settings)
    optimizer = torch.optim.AdamW(network.parameters(), 1e-3)
    examples = executor_examples([shown], 0, 3.0, 0)
    rng = np.random.default_rng(0)
    began = time.process_time()
    for _step in range(STEPS):
        batch = examples.rows(rng.integers(0, len(examples), BATCH))
        optimizer.zero_grad()
        loss, _measures = loss_of("executor", network, batch, rng.random(BATCH) < 0.3, 0.05)
        loss.backward()
        optimizer.step()
    return STEPS * BATCH / (time.process_time() - began)


def _beside_imitation() -> dict[str, float]:
    """Learn from the same play as imitation in one run, and play the same games."""
    shown = demonstrate(PLAYER, OPPONENT, CLONED)
    settings = PRESETS["brief"]
    learned, held_out = split_sessions(shown, settings.held_out)
    same = executor_examples(learned, 0, settings.others_per_act, settings.seed)
    every_tick = joined(
        [examples_at("executor", one, np.arange(len(one)), 0) for one in learned], "executor"
    )
    given = {"same": same, "every_tick": every_tick}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with running_peer(folder, given) as peer:
            turns = Turns(peer, settings.executor.epochs)
            clone(shown, settings, folder / "policies", turns.report)
            players = {
                one.name: PeerPlayer(
                    peer.learned(one), given[one.examples].idle_share, 2 * len(JUDGED), JUDGED[0]
                )
                for one in PEERS
            }
        networks = PolicyNetworks.load(folder / "policies")
        silent = [replace(one, goals=np.full(len(one), UNSTATED, np.int8)) for one in shown]
        clone(silent, settings, folder / "silent")
        unstated = PolicyNetworks.load(folder / "silent")
    own = play_policies(networks, OPPONENT, JUDGED)
    play_seconds = sum(map(len, learned)) / TICKS_A_SECOND
    return {
        **_speeds(turns, len(same), play_seconds),
        "return": float(own.returns.mean()),
        **{
            name: value
            for peer, player in players.items()
            for name, value in _beaten(
                own, play_policies(networks, OPPONENT, JUDGED, player=player), peer
            ).items()
        },
        **_goals(held_out, networks, unstated),
        **_beaten(own, play_policies(unstated, OPPONENT, JUDGED), "goals_unstated"),
    }


class Turns:
    """Has imitation go through its examples whenever our executor has.

    Attributes:
        seconds: processor time of our passes.
        passes: by the name of the peer.
    """

    def __init__(self, peer: Peer, epochs: int) -> None:
        self.seconds: list[float] = []
        self.passes: dict[str, list[Pass]] = {one.name: [] for one in PEERS}
        self._peer, self._epochs = peer, epochs
        self._began = 0.0

    def report(self, progress: Progress) -> None:
        """Hear of a step of ours."""
        if progress.stage != "train the executor":
            return
        if progress.done and progress.done % (progress.total // self._epochs) == 0:
            self.seconds.append(time.process_time() - self._began)
            for one in PEERS:
                self.passes[one.name].append(self._peer.learn(one))
        if progress.done % (progress.total // self._epochs) == 0:
            self._began = time.process_time()


def _speeds(turns: Turns, examples: int, play_seconds: float) -> dict[str, float]:
    """Of all passes together.

    Args:
        examples: of our executor in a pass.
        play_seconds: that the sessions hold.
    """
    count, ours = len(turns.seconds), sum(turns.seconds)
    figures = {
        "executor_examples_per_s": count * examples / ours,
        "executor_play_per_s": count * play_seconds / ours,
    }
    for name, passes in turns.passes.items():
        seconds = sum(one.seconds for one in passes)
        figures[f"{name}_examples_per_s"] = sum(one.examples for one in passes) / seconds
        figures[f"{name}_play_per_s"] = count * play_seconds / seconds
    speedup = figures["executor_play_per_s"] / figures["imitation_play_per_s"]
    return {**figures, "speedup_over_imitation": speedup}


def _beaten(own: PlayedGames, theirs: PlayedGames, name: str) -> dict[str, float]:
    """Somebody's return in the same games, and how much higher ours is."""
    lead = lead_of(own, theirs)
    assert lead.interval is not None
    return {
        f"return_{name}": float(theirs.returns.mean()),
        f"return_lead_{name}": lead.mean,
        f"return_lead_{name}_low": lead.interval.low,
        f"return_lead_{name}_high": lead.interval.high,
    }


def _goals(
    held_out: Sequence[Demonstration], stated: PolicyNetworks, unstated: PolicyNetworks
) -> dict[str, float]:
    """How often goals are those that the player had, in sessions that nothing was learned of."""
    moments = strategist_examples(held_out, 0)
    told = moments.features()
    shown = np.concatenate([goals_by_hindsight(one)[::STRATEGIST_TICKS] for one in held_out])
    right = {
        "by_hindsight": shown,
        "of_strategist": stated.goals(told).argmax(axis=1),
        "of_strategist_unstated": unstated.goals(told).argmax(axis=1),
    }
    return {
        f"right_goals_{name}": float((goals == moments.goals).mean())
        for name, goals in right.items()
    }
