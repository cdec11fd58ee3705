"""What online learning reads of play, how sure its guard is, and how long the player's loop waits.

- `precision_*`, `recall_*`: outcomes that are read, beside the simulator's own records, in games of
  scripted players; of misses, those of clicks.
- `rolled_back_*`: shares of 1,000 runs of 200 comparisons in which the guard, with the error 0.05,
  rolls back a candidate that is no worse: with even noise, and with rare large differences.
  `comparisons_*`: until one that is worse by so much is rolled back, the median of 200 runs.
- `watch_*`, `exchange_*`, `tick_*`, `processor_*`: as of `outpost bench shadow`, while a trainer
  learns from play that is handed over at 100 ticks a second, after every game.
- `planted_*`, with `--full`: policies learn from their own play what is the opposite of good (all
  outcomes have the wrong sign), as from a reader that is wrong. `planted_lead`: return of the
  candidate over the champion's, in the comparisons until the guard has decided, of which there are
  `planted_comparisons`; `planted_rolled_back`: 1 when it rolls the candidate back;
  `planted_champion_kept`: 1 when the policies in use are those that it began with, to the byte.

Run with `outpost bench online --json`; three minutes, one of them of waiting. `--full` takes ten.
"""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from detector_runtime.policies.known import STOCK
from detector_runtime.policies.player import PolicyPlayer
from pacing import paced

sys.path.insert(0, str(Path(__file__).parents[1]))

from doubles.true_games import Found, TrueGame, true_game

from pipeline.play.demonstrations import demonstrate
from pipeline.play.online.guard import Guard
from pipeline.play.online.messages import Candidate, Decided, News, OnlineTask
from pipeline.play.online.online import Online
from pipeline.play.online.outcomes.events import PlayOutcome, outcomes_of
from pipeline.play.online.own_play import OwnTick
from pipeline.play.online.playing import play_round
from pipeline.play.online.settings import OnlineSettings, OutcomeValues
from pipeline.play.policies.cloning import ROLES, clone
from pipeline.play.policies.onnx_files import onnx_file
from pipeline.play.policies.settings import PRESETS, RoleSettings
from pipeline.play.simulator.rules import Act

PLAYERS = (
    ("scripted_l5", "scripted_l3"),
    ("scripted_l3", "scripted_l4"),
    ("scripted_l2", "scripted_l3"),
    ("scripted_l1", "scripted_l5"),
)
GAMES = 5
RUNS, COMPARISONS, HARMED_RUNS, SPREAD = 1000, 200, 200, 1.5
HARMS = (0.5, 1.0, 2.0, 4.0)
SECONDS, RATE, SHORT = 45, 100, 400
ROUND, PLANTED = 16, range(10_000, 10_200)


def measure(full: bool = False) -> dict[str, float]:
    """Figures by name; a unit ends the name."""
    torch.set_num_threads(1)
    figures = {**reading(), **guarding(), **waiting()}
    return {**figures, **planted()} if full else figures


def reading() -> dict[str, float]:
    """Precision and recall of what is read."""
    counts: Counter[tuple[PlayOutcome, str]] = Counter()
    for player, opponent in PLAYERS:
        for seed in range(GAMES):
            game = true_game(player, opponent, seed)
            found, true = _read(game), game.events()
            for outcome in PlayOutcome:
                counts[outcome, "found"] += len(found[outcome])
                counts[outcome, "true"] += len(true[outcome])
                counts[outcome, "both"] += len(found[outcome] & true[outcome])
    figures = {}
    for outcome in PlayOutcome:
        name, both = outcome.name.lower(), counts[outcome, "both"]
        figures[f"{name}_true"] = float(counts[outcome, "true"])
        figures[f"precision_{name}"] = both / max(counts[outcome, "found"], 1)
        figures[f"recall_{name}"] = both / max(counts[outcome, "true"], 1)
    return figures


def guarding() -> dict[str, float]:
    """How often the guard is wrong, and how soon it is right."""
    rng = np.random.default_rng(0)

    def noise() -> npt.NDArray[np.float64]:
        return rng.normal(0, SPREAD, COMPARISONS)

    def rare() -> npt.NDArray[np.float64]:
        return np.where(rng.random(COMPARISONS) < 0.1, 4.5, -0.5)

    figures = {}
    kinds: dict[str, Callable[[], npt.NDArray[np.float64]]] = {"even": noise, "rare": rare}
    for name, leads in kinds.items():
        ends = [_end_of(leads())[0] for _run in range(RUNS)]
        figures[f"rolled_back_{name}"] = ends.count("worse") / RUNS
    for harm in HARMS:
        counts = [_end_of(rng.normal(-harm, SPREAD, 2000))[1] for _run in range(HARMED_RUNS)]
        figures[f"comparisons_{harm:g}_worse"] = float(np.median(counts))
    return figures


def waiting() -> dict[str, float]:
    """How long the player's loop waits while the trainer is at work."""
    role = RoleSettings(epochs=1, batch=512, learning_rate=1e-3)
    cloning = PRESETS["brief"].model_copy(
        update={"strategist": role, "tactician": role, "executor": role}
    )
    trainings = []

    def told(news: News) -> None:
        if isinstance(news, Candidate):
            trainings.append(news.training)

    with tempfile.TemporaryDirectory() as name:
        policies, folder = Path(name) / "old", Path(name) / "new"
        clone(demonstrate("scripted_l3", "scripted_l2", range(2)), cloning, policies)
        settings = OnlineSettings(games=1, steps=5, batch=32, smallest=16)
        with Online.start(OnlineTask(policies, settings, folder), told) as online:
            figures = _waited(online)
            count = len(trainings)
        if online.trouble is not None:
            raise online.trouble
    return {**figures, "trainings": count, "missed": online.missed}


def planted() -> dict[str, float]:
    """A learner that does harm, and what the guard makes of it."""
    values = OutcomeValues(struck=-1, lost=-1, loot=-1, miss=-1)
    settings = OnlineSettings(values=values, learning_rate=3e-3, kl_weight=0.1)
    decided: list[Decided] = []

    def told(news: News) -> None:
        if isinstance(news, Decided):
            decided.append(news)

    with tempfile.TemporaryDirectory() as name:
        policies, folder = Path(name) / "old", Path(name) / "new"
        clone(demonstrate("scripted_l5", "scripted_l3", range(12)), PRESETS["brief"], policies)
        with Online.start(OnlineTask(policies, settings, folder), told) as online:
            for first in PLANTED[::ROUND]:
                if decided or online.trouble is not None:
                    break
                play_round(online, "scripted_l3", range(first, first + ROUND))
        if online.trouble is not None:
            raise online.trouble
        is_kept = all(
            onnx_file(policies, role).read_bytes() == onnx_file(folder, role).read_bytes()
            for role in ROLES
        )
    (first_decision,) = decided[:1] or [Decided(1, "go on", 0, 0.0)]
    return {
        "planted_lead": first_decision.lead,
        "planted_comparisons": first_decision.comparisons,
        "planted_rolled_back": float(first_decision.verdict == "worse"),
        "planted_champion_kept": float(is_kept),
    }


def _waited(online: Online) -> dict[str, float]:
    ticks = _short_games()
    player = PolicyPlayer(online.champion.networks)
    ends = {one.session: number for number, one in enumerate(ticks)}
    numbers = iter(range(len(ticks)))

    def watch(tick: OwnTick) -> None:
        online.watch(tick)
        if ends[tick.session] == next(numbers):
            online.end(tick.session)

    calls = {
        "watch": watch,
        "exchange": lambda _tick: online.exchange(player, online.candidate),
        "tick": lambda tick: player.act(tick.entities, tick.status),
    }
    return paced(ticks, calls, RATE)


def _short_games() -> list[OwnTick]:
    """Play in games of a few seconds at this pace, each of which is learned from."""
    shown = demonstrate("scripted_l5", "scripted_l3", range(2))
    given = [
        tick
        for one in shown
        for tick in zip(one.entities, one.status, one.actions, one.goals, one.targets, strict=True)
    ]
    return [
        OwnTick(str(number // SHORT), *tick)
        for number, tick in enumerate((given * 2)[: SECONDS * RATE])
    ]


def _read(game: TrueGame) -> dict[PlayOutcome, Found]:
    """What is read of a game; of misses, those of clicks."""
    events = outcomes_of(game.sights, game.status[:, STOCK], game.actions, game.orders)
    found: dict[PlayOutcome, Found] = {outcome: set() for outcome in PlayOutcome}
    for event in events:
        if event.outcome != PlayOutcome.MISS or game.actions[event.tick, 0] == Act.COMMAND:
            found[event.outcome].add((event.tick, event.identity))
    return found


def _end_of(leads: npt.NDArray[np.float64]) -> tuple[str, int]:
    """What the guard decides, and after how many comparisons."""
    settings = OnlineSettings()
    guard = Guard(1, settings.error, settings.bound)
    for count, lead in enumerate(leads.tolist(), start=1):
        verdict = guard.add(lead)
        if verdict != "go on":
            return verdict, count
    return "go on", len(leads)
