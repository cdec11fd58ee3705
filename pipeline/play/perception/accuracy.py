"""How much of what is there is seen, and how rightly: held against what the game would tell."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from detector_runtime.tracking.assignment import assign
from pydantic import Field

from pipeline.manifests import Record
from pipeline.play.perception.memory import FULL, IN_SIGHT, NOBODY, OWN
from pipeline.play.simulator.observation import Column, Observations
from pipeline.play.simulator.rules import NOTHING, Kind

REACH = 32.0
"""Pixels of the map within which a sighting and an entity of its kind can be the same."""
_FULL = np.maximum(FULL, 1)

Rows = npt.NDArray[np.int32]


class KindAccuracy(Record):
    """How well one kind is seen."""

    entities: int = Field(description="In sight, once a second of play.")
    recall: float = Field(description="Share of them that is seen.")
    precision: float = Field(description="Share of what is seen that is there.")


class SightAccuracy(Record):
    """How well everything in sight is seen, once a second of play."""

    kinds: dict[str, KindAccuracy]
    recall: float
    precision: float
    place: float = Field(description="Pixels of the map by which a place is off, on average.")
    owner: float = Field(description="Share of units and keeps whose owner is right.")
    hit_points: float = Field(description="Share of the full hit points that they are off by.")
    selected: float = Field(description="Share of own units of which it is known if chosen.")
    order: float = Field(description="Share of own units of which it is known what they do.")
    new_ids: float = Field(description="Times a minute of play that an entity gets another id.")


class SightJudge:
    """Counts, second by second, how what is seen differs from what there is."""

    def __init__(self, games: int) -> None:
        self._kinds = np.zeros((len(Kind), 3), np.int_)
        """Entities in sight, of which seen, and sightings, by kind."""
        self._sums = np.zeros(7)
        """Places off, owned, owners right, hit points off, own units, marks and orders right."""
        self._ids: list[dict[int, int]] = [{} for _game in range(games)]
        self._new_ids = self._seconds = 0

    def compare(
        self, seen: Observations, true: Observations, running: npt.NDArray[np.intp]
    ) -> None:
        """Take in one second of the games that go on."""
        for game in running.tolist():
            self._seconds += 1
            rows = [view.entities[game] for view in (seen, true)]
            found, there = (
                each[(each[:, Column.ID] != NOTHING) & (each[:, Column.KNOWN] == IN_SIGHT)]
                for each in rows
            )
            self._compare(game, found, there)

    def accuracy(self) -> SightAccuracy:
        """All of it by now."""
        there, seen, found = self._kinds.sum(axis=0).tolist()
        place, owned, owners, hurt, own, selected, orders = self._sums.tolist()
        return SightAccuracy(
            kinds={
                kind.name.lower(): KindAccuracy(
                    entities=int(row[0]),
                    recall=_share(row[1], row[0]),
                    precision=_share(row[1], row[2]),
                )
                for kind, row in zip(Kind, self._kinds, strict=True)
            },
            recall=_share(seen, there),
            precision=_share(seen, found),
            place=_share(place, seen),
            owner=_share(owners, owned),
            hit_points=_share(hurt, owned),
            selected=_share(selected, own),
            order=_share(orders, own),
            new_ids=_share(60 * self._new_ids, self._seconds),
        )

    def _compare(self, game: int, found: Rows, there: Rows) -> None:
        first, second = matched(found, there)
        pairs = found[first], there[second]
        for column, kinds in enumerate((there, pairs[1], found)):
            self._kinds[:, column] += np.bincount(kinds[:, Column.KIND], minlength=len(Kind))
        owned = pairs[1][:, Column.OWNER] != NOBODY
        own = (pairs[1][:, Column.OWNER] == OWN) & (pairs[1][:, Column.KIND] < Kind.KEEP)
        places = [each[:, [Column.X, Column.Y]].astype(float) for each in pairs]
        off = np.hypot(*(places[0] - places[1]).T)
        hurt = np.abs(pairs[0] - pairs[1])[:, Column.HIT_POINTS] / _FULL[pairs[1][:, Column.KIND]]
        right = pairs[0] == pairs[1]
        self._sums += (
            off.sum(),
            owned.sum(),
            right[owned, Column.OWNER].sum(),
            hurt[owned].sum(),
            own.sum(),
            right[own, Column.SELECTED].sum(),
            right[own, Column.ORDER].sum(),
        )
        for slot, name in zip(
            pairs[1][:, Column.ID].tolist(), pairs[0][:, Column.ID].tolist(), strict=True
        ):
            self._new_ids += self._ids[game].get(slot, name) != name
            self._ids[game][slot] = name


def matched(found: Rows, there: Rows) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Pairs of one kind that are near to each other: rows of `found` and of `there`."""
    places = [each[:, [Column.X, Column.Y]].astype(float) for each in (found, there)]
    apart = np.linalg.norm(places[0][:, None] - places[1], axis=2)
    same = found[:, None, Column.KIND] == there[:, Column.KIND]
    first, second = np.nonzero(same & (apart < REACH))
    return assign(first, second, apart[first, second], REACH)


def _share(part: float, whole: float) -> float:
    return round(part / whole, 4) if whole else 0.0
