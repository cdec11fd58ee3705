"""What lies over a planned scene: the interface's panels, fog, and the light."""

from __future__ import annotations

import math
from collections.abc import Iterator

from pipeline.games.sections.overlays import OverlayRules
from pipeline.games.sections.scenes import LightRules, SceneRules, TimeOfDay
from pipeline.scenes.plan import CORNERS, FogBank, FogPatch, Light, Marks, Panel
from pipeline.scenes.planning.random_stream import RandomStream

UNCHANGED = Light((1.0, 1.0, 1.0), (0, 0, 0), 0.0)
FACTOR_STEPS = 256
"""Factors on colours are multiples of its inverse; see `pipeline.scenes.plan.Light`."""


def panels_of(stream: RandomStream, rules: SceneRules) -> Iterator[Panel]:
    """The interface of one scene, or nothing."""
    overlays, width, height = rules.overlays, rules.width, rules.height
    if stream.one() >= overlays.hud:
        return
    if stream.one() < overlays.resource_bar.chance:
        bar = _share(stream, height, overlays.resource_bar.height)
        yield Panel("resource_bar", 0, 0, width, bar, stream.below(1 << 31))
    if stream.one() < overlays.command_panel.chance:
        panel = _share(stream, height, overlays.command_panel.height)
        yield Panel("command_panel", 0, height - panel, width, panel, stream.below(1 << 31))
    if stream.one() < overlays.minimap.chance:
        side = min(_share(stream, height, overlays.minimap.side), width)
        corner = overlays.minimap.corners[stream.below(len(overlays.minimap.corners))]
        left = 0 if "left" in corner else width - side
        top = 0 if "top" in corner else height - side
        yield Panel("minimap", left, top, side, side, stream.below(1 << 31))


def fog_of(stream: RandomStream, rules: SceneRules) -> Iterator[FogPatch | FogBank]:
    """The dimmed parts of one scene, or none."""
    fog = rules.overlays.fog
    if stream.one() >= fog.chance:
        return
    mixed = sorted((stream.one(), corner) for corner in CORNERS)
    for _, corner in mixed[: stream.count(fog.corners)]:
        yield FogPatch(
            corner=corner,
            width=_share(stream, rules.width, fog.width),
            height=_share(stream, rules.height, fog.height),
            darkness=stream.between(fog.darkness),
        )

    for _ in range(stream.count(fog.banks)):
        width = _share(stream, rules.width, fog.bank_size)
        height = _share(stream, rules.height, fog.bank_size)
        yield FogBank(
            left=stream.below(rules.width) - width // 2,
            top=stream.below(rules.height) - height // 2,
            width=width,
            height=height,
            darkness=stream.between(fog.darkness),
        )


def light_of(stream: RandomStream, rules: LightRules) -> Light | None:
    """The light of one scene; None when it changes nothing."""
    time = _time(stream.one(), rules.times)
    warmer = stream.between(rules.temperature_range) if stream.one() < rules.temperature else 0.0
    bright = stream.between(rules.brightness)
    red, green, blue = (bright * factor for factor in time.factor)
    vignette = stream.between(rules.vignette_darkness) if stream.one() < rules.vignette else 0.0
    factor = _stepped(red * (1 + warmer)), _stepped(green), _stepped(blue * (1 - warmer))
    light = Light(factor, time.add, vignette)
    return None if light == UNCHANGED else light


def marks_of(stream: RandomStream, overlays: OverlayRules) -> Marks:
    """How the ellipses, bars and badges of one scene look."""
    reach = stream.between(overlays.selection.reach)
    return Marks(reach, overlays.health_bar, overlays.garrison.radius)


def _time(chance: float, times: list[TimeOfDay]) -> TimeOfDay:
    left = chance * sum(time.weight for time in times)
    for time in times:
        left -= time.weight
        if left < 0:
            return time
    return times[-1] if times else TimeOfDay(name="any")


def _stepped(factor: float) -> float:
    return round(factor * FACTOR_STEPS) / FACTOR_STEPS


def _share(stream: RandomStream, side: int, shares: tuple[float, float]) -> int:
    return min(side, max(1, math.ceil(side * stream.between(shares))))
