"""What a terrain texture is, and what it may serve as, by its name alone."""

from __future__ import annotations

from pipeline.games.pack import FITTING, Surface, TerrainClass, TerrainRules
from pipeline.games.patterns import matcher

NEVER: dict[TerrainClass, str] = {
    "void": "void: nothing is there",
    "placeholder": "placeholder: stands for another image",
    "farm": "farm field: as plain ground it would be a farm without a label",
    "shallows": "shallows: neither land nor water",
}
"""Why textures of some classes serve as no surface."""


class TerrainNames:
    """The pack's terrain rules, ready to be asked about one name after another."""

    def __init__(self, rules: TerrainRules) -> None:
        self._classes = {known: matcher(patterns) for known, patterns in rules.classes.items()}
        self._excluded = matcher(rules.exclude)
        surfaces: tuple[Surface, ...] = ("land", "water", "beach")
        self._choices = {
            surface: [
                (choice, matcher([choice.include] if choice.include is not None else []))
                for choice in rules.choices(surface)
            ]
            for surface in surfaces
        }

    def classes_of(self, name: str) -> tuple[TerrainClass, ...]:
        """The classes whose patterns take a texture: one, if the pack is right about it."""
        return tuple(known for known, taken in self._classes.items() if taken.fullmatch(name))

    def problem(self, name: str) -> str | None:
        """Why a texture has no class, in a pack that sorts textures into classes."""
        found = self.classes_of(name)
        if not self._classes or len(found) == 1:
            return None
        if found:
            return f"in more than one class: {', '.join(found)}"
        return "unknown: in no class of terrain.classes"

    def is_left_out(self, name: str) -> bool:
        """Whether the pack knows a texture and wants it nowhere."""
        known = self.classes_of(name)
        return bool(self._excluded.fullmatch(name)) or (len(known) == 1 and known[0] in NEVER)

    def decide(self, name: str, surface: Surface) -> float | str:
        """The weight with which a texture serves as a surface, or why it does not."""
        problem = self.problem(name)
        if problem is not None:
            return problem
        known = next(iter(self.classes_of(name)), None)
        if known is not None and known not in FITTING[surface]:
            return NEVER.get(known, f"{known}, not {surface}")
        if self._excluded.fullmatch(name):
            return "excluded by the pack"
        for choice, pattern in self._choices[surface]:
            if pattern.fullmatch(name) or (known is not None and choice.terrain == known):
                return choice.weight
        return f"not in terrain.{surface}"
