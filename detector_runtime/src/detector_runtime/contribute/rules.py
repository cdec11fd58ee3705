"""What of a game may leave the computer. Whatever is not named here stays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from detector_runtime.contribute.records import Slot
from detector_runtime.errors import ConfigurationError


class ContributionRules(BaseModel):
    """The slots and screens of a game that its players label together.

    It reads the section `community` of a game's pack as it is.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    game: str = Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_-]{0,49}$")
    icon_slots: frozenset[Slot] = frozenset()
    text_slots: frozenset[Slot] = frozenset()
    private_slots: frozenset[Slot] = Field(
        frozenset(), description="Of these nothing leaves, even where another list names them too."
    )
    screen_types: frozenset[str] = frozenset()

    @classmethod
    def of(cls, game: str, community: Mapping[str, Any]) -> ContributionRules:
        """Rules from the section `community` of a game's pack, as YAML or JSON gives it.

        Raises:
            ConfigurationError: it is none.
        """
        try:
            texts = {"text_slots": frozenset(community.get("text_slots", ()))}
            return cls.model_validate({**community, **texts, "game": game})
        except (ValidationError, TypeError) as error:
            raise ConfigurationError(
                f"these are no rules of contributions: {error}",
                "Pass the name of the game and the section 'community' of its pack.",
            ) from error

    def kind_of(self, slot: str) -> str | None:
        """ "icon" or "text"; None for a slot of which nothing leaves the computer."""
        if slot in self.private_slots:
            return None
        if slot in self.icon_slots:
            return "icon"
        return "text" if slot in self.text_slots else None
