"""What a player has seen is looked at again as a whole, until it is found or must be gone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from detector_runtime.geometry.tiling import Region
from doubles.told_detector import ToldDetector

from pipeline.demo_game.renderer import extent_of
from pipeline.play.perception.looking import MISSED_LOOKS, Finder, ScreenLook, Sightings, Watch
from pipeline.play.perception.screen import changes, touched
from pipeline.play.simulator.games import Games
from pipeline.play.simulator.rules import UNITS, Kind
from pipeline.play.simulator.view import Shown, shown_to

COLOURS = np.zeros((2, 3), np.int_)
KEEP = 2 * UNITS
"""Slot of the first player's."""


def holds(look: ScreenLook, thing: Region) -> bool:
    return any(
        part.left <= thing.left
        and part.top <= thing.top
        and part.right >= thing.right
        and part.bottom >= thing.bottom
        for part in look.parts
    )


def test_what_was_missed_is_shown_whole_for_some_looks(
    moments: tuple[Games, Games], told: ToldDetector
) -> None:
    shown = shown_to(moments[0], 0, 0)
    keep, worker = shown.things[KEEP], shown.things[0]
    left, top, right, bottom = extent_of(keep)
    place = Region(left, top, right - left, bottom - top)
    box = np.array([[left, top, right, bottom]], np.float32)
    seen = replace(
        Sightings.none(2),
        boxes=box,
        scores=np.ones(1, np.float32),
        kinds=np.array([Kind.KEEP]),
        colours=np.zeros((1, 2), np.int_),
        places=np.zeros((1, 2)),
        bars=np.ones(1),
        marked=np.zeros(1, np.bool_),
    )
    watch = Watch(Finder(told, COLOURS), 4)

    def beside(number: int) -> Shown:
        """A worker at the foot of the keep, elsewhere in each look."""
        there = replace(worker, x=right - 4 - number % 2, y=bottom)
        return replace(shown, things={KEEP: keep, 0: there})

    watch.wanted(beside(0))
    watch.take(seen, 0)
    for number in range(1, MISSED_LOOKS + 2):
        assert holds(watch.wanted(beside(number)), place)
        watch.take(Sightings.none(2), 4 * number)
    assert not holds(watch.wanted(beside(MISSED_LOOKS + 2)), place)
    # Found again, it is whole in the next look, too, and any piece of it is news.
    watch.take(seen, 100)
    look = watch.wanted(beside(MISSED_LOOKS + 3))
    assert holds(look, place)
    far = np.array([[left, top, left + 4, top + 4]], np.float32)
    assert touched(far, look.news).all()
    assert not touched(far, changes(beside(MISSED_LOOKS + 2), beside(MISSED_LOOKS + 3))).any()
    watch.take(seen, 104)
    # What nothing has touched since is neither looked at nor found a second time.
    assert watch.wanted(beside(MISSED_LOOKS + 3)).parts == []
    ids, found = watch.take(seen, 108)
    assert len(ids) == len(found) == 1
