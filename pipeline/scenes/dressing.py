"""What lies over a planned scene: the interface's panels, fog, and the light."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from pipeline.games.scene_rules import LightRules, OverlayRules, SceneRules, TimeOfDay
from pipeline.scenes.scene import CORNERS, Corner, FogBank, FogPatch, Light, Marks, Panel

FACTOR_STEPS = 256
"""Factors on colours are multiples of its inverse; see `pipeline.scenes.scene.Light`."""


def panels_of(rng: np.random.Generator, rules: SceneRules) -> Iterator[Panel]:
    """The interface of one scene, or nothing."""
    overlays, width, height = rules.overlays, rules.width, rules.height
    if rng.random() >= overlays.hud:
        return
    if rng.random() < overlays.resource_bar:
        bar = _share(rng, height, overlays.resource_bar_height)
        yield Panel("resource_bar", 0, 0, width, bar, _seed(rng))
    if rng.random() < overlays.command_panel:
        panel = _share(rng, height, overlays.command_panel_height)
        yield Panel("command_panel", 0, height - panel, width, panel, _seed(rng))
    if rng.random() < overlays.minimap:
        side = min(_share(rng, height, overlays.minimap_side), width)
        corner = overlays.minimap_corners[int(rng.integers(len(overlays.minimap_corners)))]
        yield Panel("minimap", *_corner_of(corner, side, rules), side, side, _seed(rng))


def fog_of(rng: np.random.Generator, rules: SceneRules) -> Iterator[FogPatch | FogBank]:
    """The dimmed parts of one scene, or none."""
    overlays = rules.overlays
    if rng.random() >= overlays.fog:
        return
    fewest, most = (min(count, len(CORNERS)) for count in overlays.fog_corners)
    count = int(rng.integers(fewest, most + 1))
    for corner in rng.permutation(len(CORNERS))[:count].tolist():
        yield FogPatch(
            corner=CORNERS[corner],
            width=_share(rng, rules.width, overlays.fog_width),
            height=_share(rng, rules.height, overlays.fog_height),
            darkness=float(rng.uniform(*overlays.fog_darkness)),
        )

    for _ in range(int(rng.integers(overlays.fog_banks[0], overlays.fog_banks[1] + 1))):
        width = _share(rng, rules.width, overlays.fog_bank_size)
        height = _share(rng, rules.height, overlays.fog_bank_size)
        yield FogBank(
            left=int(rng.integers(-width // 2, rules.width - width // 2)),
            top=int(rng.integers(-height // 2, rules.height - height // 2)),
            width=width,
            height=height,
            darkness=float(rng.uniform(*overlays.fog_darkness)),
        )


def light_of(rng: np.random.Generator, rules: LightRules) -> Light | None:
    """The light of one scene; None when it changes nothing."""
    chance = rng.random(6).tolist()
    time = _time(chance[0], rules.times)
    warmer = _between(chance[2], rules.temperature_range) if chance[1] < rules.temperature else 0.0
    bright = _between(chance[3], rules.brightness)
    red, green, blue = (bright * factor for factor in time.factor)
    light = Light(
        factor=(_stepped(red * (1 + warmer)), _stepped(green), _stepped(blue * (1 - warmer))),
        add=time.add,
        vignette=_between(chance[5], rules.vignette_darkness)
        if chance[4] < rules.vignette
        else 0.0,
    )
    return None if light == Light((1.0, 1.0, 1.0), (0, 0, 0), 0.0) else light


def marks_of(rng: np.random.Generator, overlays: OverlayRules) -> Marks:
    """How the ellipses, bars and badges of one scene look."""
    return Marks(
        reach=float(rng.uniform(*overlays.selection_reach)),
        bar_width=overlays.bar_width,
        bar_height=overlays.bar_height,
        bar_tallest=overlays.bar_tallest,
        bar_gap=overlays.bar_gap,
        badge_radius=overlays.garrison_radius,
        upright=overlays.upright_bar,
    )


def _time(chance: float, times: list[TimeOfDay]) -> TimeOfDay:
    left = chance * sum(time.weight for time in times)
    for time in times:
        left -= time.weight
        if left < 0:
            return time
    return times[-1] if times else TimeOfDay(name="any")


def _corner_of(corner: Corner, side: int, rules: SceneRules) -> tuple[int, int]:
    """Left and top of a square in a corner of the picture."""
    left = 0 if "left" in corner else rules.width - side
    return left, 0 if "top" in corner else rules.height - side


def _between(chance: float, ends: tuple[float, float]) -> float:
    return ends[0] + chance * (ends[1] - ends[0])


def _stepped(factor: float) -> float:
    return round(factor * FACTOR_STEPS) / FACTOR_STEPS


def _share(rng: np.random.Generator, side: int, shares: tuple[float, float]) -> int:
    return min(side, max(1, math.ceil(side * float(rng.uniform(*shares)))))


def _seed(rng: np.random.Generator) -> int:
    return int(rng.integers(1 << 31))
