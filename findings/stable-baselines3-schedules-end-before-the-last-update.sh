#!/usr/bin/env bash
# Stable-Baselines3 2.9.2: PPO (and A2C) ask a learning-rate schedule for its value after the steps of a rollout have
# been counted and before the update that learns from them. One would guess that a schedule that falls from 1 to 0
# spans the training. It has passed its first value before anything is learned, and the last update is made at what is
# left beyond the end: as `total_timesteps` is rounded up to whole rollouts, the progress that remains is then 0 or
# below it. The linear schedule of a function, as users write it, is below 0 there, and an optimizer with such a rate
# climbs; the library's own `LinearSchedule` is 0, so that a training of one rollout learns nothing at all.
#
# Seen: 300 steps asked for, rollouts of 128. A function `lambda left: 1e-3 * left` gives 0.00057, 0.00015 and -0.00028,
# and training goes on without a word. With 100 steps asked for, `LinearSchedule(1e-3, 0, 1)` gives 0 once, and every
# weight is what it was.
#
# Fails where the last rate is above 0, or where weights change in the training of one rollout.
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
uv venv --quiet --python 3.11 "$folder/venv"
uv pip install --quiet --python "$folder/venv" "stable-baselines3==2.9.2" "gymnasium==1.4.0"
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.utils import LinearSchedule


def trained(rate, steps):
    """Rates of all updates, and whether any weight has changed."""
    rates = []

    def noted(left):
        rates.append(rate(left))
        return rates[-1]

    model = PPO("MlpPolicy", "CartPole-v1", learning_rate=noted, n_steps=128, batch_size=64, device="cpu", seed=1)
    before = [weight.clone() for weight in model.policy.parameters()]
    rates.clear()  # What building the optimizer asked for.
    model.learn(steps)
    changed = any(not torch.equal(a, b) for a, b in zip(before, model.policy.parameters(), strict=True))
    return list(dict.fromkeys(rates)), changed  # It asks twice for an update.


rates, changed = trained(lambda left: 1e-3 * left, 300)
print("300 steps, a function:", [round(rate, 6) for rate in rates], "changed:", changed)
assert len(rates) == 3 and rates[0] < 1e-3 and rates[-1] < 0 and changed, rates
rates, changed = trained(LinearSchedule(1e-3, 0, 1), 100)
print("100 steps, LinearSchedule:", rates, "changed:", changed)
assert rates == [0] and not changed, rates
print("as described")
PYTHON
