"""Behaviour cloning by the library imitation, pass by pass; in an environment of its own.

    uv run --no-project --with imitation==1.0.1 ... python tests/doubles/imitation_peer.py FOLDER

The folder holds `choices.npy`, int64 [5], how many choices each part of an action has, and pairs of
`<name>.observations.npy`, float32 [n, features], and `<name>.actions.npy`, int64 [n, 5]. Each line
that comes in is a policy as JSON: its name, that of its examples, and the widths of its layers, or
null for the library's own policy. The policy goes through its examples once, and a line with the
examples and the processor time in seconds goes out. At the end `<policy>.npz` holds what each has
learned: `weight0`, `bias0` and so on, with tanh between them.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from imitation.algorithms.bc import BC
from imitation.data.types import Transitions
from imitation.util import logger
from stable_baselines3.common.policies import ActorCriticPolicy


def start(folder: Path, asked: dict[str, Any]) -> BC:
    """A policy that has learned nothing, with its examples."""
    observations = np.load(folder / f"{asked['examples']}.observations.npy")
    actions = np.load(folder / f"{asked['examples']}.actions.npy")
    seen = spaces.Box(-np.inf, np.inf, observations.shape[1:], np.float32)
    done = spaces.MultiDiscrete(np.load(folder / "choices.npy"))
    torch.manual_seed(0)
    policy = None
    if asked["layers"] is not None:
        policy = ActorCriticPolicy(seen, done, lambda _left: 1.0, net_arch=asked["layers"])
    # What came next is not learned from, but must be there: 1.0.1 fails on transitions without it.
    unused = {"infos": np.array([{}] * len(actions)), "dones": np.zeros(len(actions), bool)}
    shown = Transitions(observations, actions, next_obs=observations, **unused)
    return BC(
        observation_space=seen,
        action_space=done,
        rng=np.random.default_rng(0),
        policy=policy,
        demonstrations=shown,
        device="cpu",
        custom_logger=logger.configure(folder / "log", []),
    )


def learn(cloned: BC) -> dict[str, float]:
    """Go through the examples once; the library leaves out what does not fill a batch."""
    batches: list[None] = []
    began = time.process_time()
    cloned.train(n_epochs=1, progress_bar=False, on_batch_end=lambda: batches.append(None))
    seconds = time.process_time() - began
    return {"examples": len(batches) * cloned.batch_size, "seconds": seconds}


def write(cloned: BC, file: Path) -> None:
    """What a policy decides by, without what it thinks of its chances."""
    learned = cloned.policy.state_dict()
    hidden = [name for name in learned if name.startswith("mlp_extractor.policy_net.")]
    names = [*hidden, "action_net.weight", "action_net.bias"]
    arrays = {
        f"{name.rsplit('.')[-1]}{number // 2}": learned[name].numpy()
        for number, name in enumerate(names)
    }
    np.savez(file, **arrays)


def main(folder: Path) -> None:
    """Learn as standard input asks."""
    torch.set_num_threads(1)
    policies: dict[str, BC] = {}
    for line in sys.stdin:
        asked = json.loads(line)
        if asked["name"] not in policies:
            policies[asked["name"]] = start(folder, asked)
        cloned = policies[asked["name"]]
        print(json.dumps(learn(cloned)), flush=True)
        write(cloned, folder / f"{asked['name']}.npz")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
