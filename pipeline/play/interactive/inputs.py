"""What a person does with mouse and keys, and what it means in the game."""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import Field, TypeAdapter, ValidationError, model_validator

from pipeline.errors import OutpostError
from pipeline.manifests import Record
from pipeline.play.simulator.rules import MAP_SIDE, NOTHING, Act, Key
from pipeline.play.simulator.view import MAP_HEIGHT, Camera, MapView

MOST_INPUTS = 64
"""Of one message."""
NEAR = 6
"""Pixels around the pointer in which an entity is meant: some are small, and hands miss."""
KEYS = {"s": Key.SOLDIERS, "w": Key.WORKERS, "e": Key.EVERYONE, "x": Key.STOP, "h": Key.HOME}
"""What keys of the keyboard do."""
BUTTONS = {"left": Act.SELECT, "right": Act.COMMAND}
WHOLE = Camera(0, 0)


class InputError(OutpostError):
    """Inputs that mean nothing."""


class PersonInput(Record):
    """One movement of mouse or keys; pixels are those of the whole map, as it is drawn."""

    kind: Literal["move", "press", "key", "start"]
    x: int = Field(0, ge=0, lt=MAP_SIDE)
    y: int = Field(0, ge=0, lt=MAP_HEIGHT)
    button: Literal["left", "right"] | None = None
    key: Literal["s", "w", "e", "x", "h"] | None = None

    @model_validator(mode="after")
    def _says_what(self) -> PersonInput:
        if (self.kind == "press") != (self.button is not None):
            raise ValueError("a press has a button, and nothing else has")
        if (self.kind == "key") != (self.key is not None):
            raise ValueError("a key says which, and nothing else does")
        return self


def inputs_of(text: bytes) -> list[PersonInput]:
    """Inputs from a JSON array.

    Raises:
        InputError: it is none, or too long a one.
    """
    try:
        inputs = _INPUTS.validate_json(text)
    except ValidationError as error:
        raise _meaningless(str(error.errors()[0]["msg"])) from error
    if len(inputs) > MOST_INPUTS:
        raise _meaningless(f"there are more than {MOST_INPUTS}")
    return inputs


def action_of(given: PersonInput, view: MapView) -> tuple[int, int, int, int, int]:
    """What a press or key does, as an action of `Games.step`.

    A click on an entity's image means the entity, on whatever part of it; all else is a place.

    Args:
        view: what the person saw.
    """
    if given.key is not None:
        return (Act.KEY, NOTHING, 0, 0, KEYS[given.key])
    if given.button is None:
        return (Act.NOTHING, NOTHING, 0, 0, 0)
    slot = slot_at(view, given.x, given.y)
    x, y = (0, 0) if slot != NOTHING else WHOLE.to_map(given.x, given.y)
    return (BUTTONS[given.button], slot, x, min(y, MAP_SIDE - 1), 0)


def slot_at(view: MapView, x: int, y: int) -> int:
    """The entity that is drawn at a pixel, or nearest to it; NOTHING if none is near."""
    top, left = max(y - NEAR, 0), max(x - NEAR, 0)
    around = view.slots[top : y + NEAR + 1, left : x + NEAR + 1]
    rows, columns = np.nonzero(around != NOTHING)
    if not len(rows):
        return NOTHING
    nearest = int(((rows + top - y) ** 2 + (columns + left - x) ** 2).argmin())
    return int(around[rows[nearest], columns[nearest]])


def _meaningless(why: str) -> InputError:
    return InputError(
        f"The page has sent what no input is: {why}.", "Load the page again from its address."
    )


_INPUTS = TypeAdapter(list[PersonInput])
