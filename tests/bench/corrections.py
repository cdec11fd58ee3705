"""How many planted mistakes of a strategist are corrected, and what that costs.

Policies are cloned from games in which every FLEE and CAUTIOUS was relabelled FIGHT, so that they
never flee. The rules of the built-in game correct their play, the strategist is fine-tuned, and
both are asked about games of the scripted player that neither has seen. One thread.

Run with `outpost bench corrections --json`; about three minutes on one core.
"""

from __future__ import annotations

import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from detector_runtime.policies.networks import PolicyNetworks

from pipeline.play.corrections.collecting import CorrectedPlay
from pipeline.play.corrections.correcting import CorrectedPolicies, correct_policies
from pipeline.play.corrections.correctors import RuleCorrector
from pipeline.play.corrections.fine_tuning import FineTuneSettings
from pipeline.play.corrections.situations import situations_of
from pipeline.play.demonstrations import Demonstration, demonstrate
from pipeline.play.policies.cloning import clone
from pipeline.play.policies.examples import strategist_examples
from pipeline.play.policies.settings import PRESETS
from pipeline.play.simulator.scripted import Goal

PLAYER, OPPONENT = "scripted_l5", "scripted_l3"
CLONED, HELD_OUT, CORRECTED = 20, 10, 60


def measure() -> dict[str, float]:
    """Figures by name; a unit ends the name."""
    torch.set_num_threads(1)
    shown = [plant(one) for one in demonstrate(PLAYER, OPPONENT, range(3000, 3000 + CLONED))]
    unseen = demonstrate(PLAYER, OPPONENT, range(4000, 4000 + HELD_OUT))
    with tempfile.TemporaryDirectory() as folder:
        wrong, better = Path(folder) / "wrong", Path(folder) / "better"
        clone(shown, PRESETS["brief"], wrong)
        return correcting(wrong, better, unseen, CORRECTED)


def plant(shown: Demonstration) -> Demonstration:
    """Play in which nobody flees, and nobody is cautious."""
    timid = np.isin(shown.goals, (Goal.FLEE, Goal.CAUTIOUS))
    return replace(shown, goals=np.where(timid, Goal.FIGHT, shown.goals).astype(np.int8))


def correcting(
    wrong: Path, better: Path, unseen: list[Demonstration], games: int
) -> dict[str, float]:
    """Correct policies, and ask both about play that neither has seen."""
    began = time.process_time()
    play = CorrectedPlay(OPPONENT, games, 50_000)
    done = correct_policies(wrong, better, RuleCorrector(), play, FineTuneSettings())
    seconds = time.process_time() - began
    moments = strategist_examples(unseen, 0)
    found = situations_of(moments)
    ruled = (found.hurt > 0) | found.outnumbered
    timid = np.isin(moments.goals, (Goal.FLEE, Goal.CAUTIOUS))
    told = moments.features()
    before, after = (
        PolicyNetworks.load(folder).goals(told).argmax(axis=1) for folder in (wrong, better)
    )
    fights = [(goals == Goal.FIGHT).astype(float) for goals in (before, after)]
    elsewhere = ~ruled & ~timid
    agree = [(goals == moments.goals)[elsewhere].mean() for goals in (before, after)]
    return {
        "lines": float(done.lines.learned),
        "fights_where_ruled_before": float(fights[0][ruled].mean()),
        "fights_where_ruled_after": float(fights[1][ruled].mean()),
        "fights_where_timid_before": float(fights[0][timid].mean()),
        "fights_where_timid_after": float(fights[1][timid].mean()),
        "right_elsewhere_before": float(agree[0]),
        "right_elsewhere_after": float(agree[1]),
        **_play(done),
        "fine_tuning_s": done.seconds,
        "all_processor_s": seconds,
    }


def _play(done: CorrectedPolicies) -> dict[str, float]:
    interval = done.return_lead.interval
    assert interval is not None
    return {
        "mistakes_before": float(sum(one.before for one in done.mistakes)),
        "mistakes_after": float(sum(one.after for one in done.mistakes)),
        "wins_before": float(done.wins_before),
        "wins_after": float(done.wins_after),
        "return_lead": done.return_lead.mean,
        "return_lead_low": interval.low,
        "return_lead_high": interval.high,
    }
