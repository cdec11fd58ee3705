"""What a game's players contribute: which crops there are, and what they may show."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from pipeline.games.sections.base import Section

Slot = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,49}$")]
ScreenType = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]{0,49}$")]
ShownName = Annotated[str, Field(min_length=1, max_length=200)]


class CommunityRules(Section):
    """The icons, texts and screens of a game that its players label together."""

    icon_slots: list[Slot] = Field(min_length=1, description="Places in which an icon is shown.")
    icons: list[ShownName] = Field(
        [],
        description="Names that an icon may have; without any, all that enough players give.",
    )
    text_slots: dict[Slot, list[ShownName]] = Field(
        {},
        description="Places in which a text is read, each with the texts that are valid there; an "
        "empty list allows every text.",
    )
    private_slots: list[Slot] = Field(
        [], description="Places of which neither crop nor text ever leaves a player's computer."
    )
    screen_types: list[ScreenType] = Field([], description="Kinds of screens that are told apart.")

    @model_validator(mode="after")
    def _slots_are_one_thing(self) -> CommunityRules:
        slots = [*self.icon_slots, *self.text_slots, *self.private_slots]
        twice = sorted({slot for slot in slots if slots.count(slot) > 1})
        if twice:
            raise ValueError(f"listed twice among the slots: {', '.join(twice)}")
        return self
