"""How long three policies take for a tick of one game, without torch, and how fast one learns.

`tick_*` are of `PolicyPlayer.act` with fresh networks of the usual size, from entities to an
action, in ticks of a game of scripted_l5; `all_three_*` of those ticks in which all three are
asked. What is learned are examples of the executor. One thread.

Run with `outpost bench policies --json`; half a minute on one core.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import get_args

import numpy as np
import torch
from detector_runtime.policies.networks import PolicyNetworks
from detector_runtime.policies.player import PolicyPlayer

from pipeline.play.demonstrations import Demonstration, demonstrate
from pipeline.play.policies.examples import executor_examples
from pipeline.play.policies.losses import loss_of
from pipeline.play.policies.networks import build_network
from pipeline.play.policies.onnx_files import export_policy
from pipeline.play.policies.settings import PRESETS, Role

TICKS = 1200
STEPS, BATCH = 12, 256


def measure() -> dict[str, float]:
    """Figures by name; a unit ends the name."""
    torch.set_num_threads(1)
    (shown,) = demonstrate("scripted_l5", "scripted_l3", [0])
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
