"""Where policies lose their return when they play by what a detector sees.

The same games are played again and again, each time with one part of what is seen replaced by the
truth, or with a detector that finds all that is drawn. What a row gains over `seen` is what that
part costs. Rows of returns can be compared: maps, sides and chances are the same.

    PYTHONPATH=tests python tests/bench/perception_loss.py POLICIES DETECTOR --games 40
    PYTHONPATH=tests python tests/bench/perception_loss.py POLICIES DETECTOR --ways seen all_drawn
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from detector_runtime.models.base import Model
from detector_runtime.policies.networks import PolicyNetworks
from doubles.told_detector import ToldDetector

from pipeline.play.perception.accuracy import SightJudge, matched
from pipeline.play.perception.looking import open_finder_model
from pipeline.play.perception.loss import JudgedSight
from pipeline.play.perception.memory import IN_SIGHT, REMEMBERED
from pipeline.play.perception.sight import LOOK_TICKS, DetectedSight
from pipeline.play.policies.judging import (
    PolicyTable,
    Sight,
    TrueSight,
    lead_of,
    play_table,
    policy_table,
    results_of,
    seeds_of,
)
from pipeline.play.simulator.games import Actions, Games
from pipeline.play.simulator.observation import Column, Observations
from pipeline.play.simulator.rules import NOTHING

Rows = npt.NDArray[np.int32]

COLUMNS: Mapping[str, tuple[Column, ...]] = {
    "owners": (Column.OWNER,),
    "hit_points": (Column.HIT_POINTS,),
    "places": (Column.X, Column.Y),
    "headings": (Column.HEADING,),
    "selected": (Column.SELECTED,),
    "orders": (Column.ORDER, Column.CARRIES),
    "ages": (Column.AGE,),
}
"""Parts of what is known of an entity that is seen, by what a way is named after."""
MISSED, FALSE, OUT_OF_SIGHT = "missed", "false", "remembered"
"""Entities in sight that are not seen, what is seen and is not there, and what is out of sight."""
WAYS: Mapping[str, frozenset[str]] = {
    "seen": frozenset(),
    **{name: frozenset([name]) for name in (*COLUMNS, MISSED, FALSE, OUT_OF_SIGHT)},
    "attributes": frozenset(COLUMNS),
    "existence": frozenset([MISSED, FALSE]),
    "everything": frozenset([*COLUMNS, MISSED, FALSE, OUT_OF_SIGHT]),
}


@dataclass(eq=False)
class Corrected:
    """A sight of which parts are replaced by the truth.

    Attributes:
        parts: names of `COLUMNS`, MISSED, FALSE or OUT_OF_SIGHT.
        slots: of each game, where entities that are not seen are put, by their own slot.
    """

    seen: Sight
    true: TrueSight
    parts: frozenset[str]
    slots: dict[int, dict[int, int]] = field(default_factory=dict)

    def see(self, games: Games, running: npt.NDArray[np.intp]) -> Observations:
        seen = self.seen.see(games, running)
        true = self.true.see(games, running)
        for game in running.tolist():
            self._correct(seen.entities[game], true.entities[game], self.slots.setdefault(game, {}))
        return seen

    def aim(self, actions: Actions, seen: Observations) -> Actions:
        return self.seen.aim(actions, seen)

    def _correct(self, rows: Rows, there: Rows, slots: dict[int, int]) -> None:
        found, known = _which(rows, IN_SIGHT), _which(there, IN_SIGHT)
        first, second = matched(rows[found], there[known])
        ours, theirs = found[first], known[second]
        for name in self.parts & COLUMNS.keys():
            for column in COLUMNS[name]:
                rows[ours, column] = there[theirs, column]
        if FALSE in self.parts:
            _clear(rows, np.setdiff1d(found, ours))
        if OUT_OF_SIGHT in self.parts:
            _clear(rows, _which(rows, REMEMBERED))
            self._add(rows, there[_which(there, REMEMBERED)], slots)
        if MISSED in self.parts:
            self._add(rows, there[np.setdiff1d(known, theirs)], slots)

    def _add(self, rows: Rows, added: Rows, slots: dict[int, int]) -> None:
        """In slots that are free, the same ones as before where they still are."""
        for row in added:
            name = int(row[Column.ID])
            slot = slots.get(name, NOTHING)
            if slot == NOTHING or rows[slot, Column.ID] != NOTHING:
                free = np.flatnonzero(rows[:, Column.ID] == NOTHING)
                if not len(free):
                    return
                slot = slots[name] = int(free[-1])
            rows[slot] = row
            rows[slot, Column.ID] = slot


def _which(rows: Rows, known: int) -> npt.NDArray[np.intp]:
    return np.flatnonzero((rows[:, Column.ID] != NOTHING) & (rows[:, Column.KNOWN] == known))


def _clear(rows: Rows, slots: npt.NDArray[np.intp]) -> None:
    rows[slots] = 0
    rows[slots, Column.ID] = NOTHING


def main() -> None:
    options = _options()
    networks = PolicyNetworks.load(options.policies)
    model = open_finder_model(options.detector)
    seeds = seeds_of(options.games, options.seed)

    def seen(model: Model, parts: frozenset[str], ticks: int) -> Callable[[PolicyTable], Sight]:
        def sight(table: PolicyTable) -> Sight:
            true = TrueSight(table.sides)
            detected = DetectedSight(model, table.games, table.sides, ticks)
            judged = JudgedSight(detected, true, SightJudge(len(table.games)))
            return Corrected(judged, true, parts)

        return sight

    told = ToldDetector(pytest.MonkeyPatch())
    ways = {name: seen(model, parts, options.look_ticks) for name, parts in WAYS.items()}
    ways["all_drawn"] = seen(told, frozenset(), options.look_ticks)
    ways["true"] = lambda table: TrueSight(table.sides)
    base = None
    for name in options.ways:
        table, began = policy_table(networks, options.opponent, seeds), time.process_time()
        table = table.seen_by(ways[name](table))
        played = play_table(table, name)
        base = base or played
        (result,) = results_of({name: played})
        took = (time.process_time() - began) / len(played.outcomes)
        gained = lead_of(played, base)
        print(
            f"{name:12} wins {result.wins}/{len(played.outcomes)}, return {result.returns.told()}, "
            f"gained {gained.told('+')}, {took:.1f} s a game",
            flush=True,
        )
        if isinstance(table.sight, Corrected) and isinstance(table.sight.seen, JudgedSight):
            print(f"{'':12} {table.sight.seen.judge.accuracy().model_dump_json()}", flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("policies", type=Path)
    parser.add_argument("detector", type=Path)
    parser.add_argument("--games", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0, help="Of the first game.")
    parser.add_argument("--opponent", default="scripted_l3")
    parser.add_argument("--look-ticks", type=int, default=LOOK_TICKS)
    parser.add_argument("--ways", nargs="+", default=[*WAYS, "all_drawn", "true"])
    return parser.parse_args()


if __name__ == "__main__":
    main()
