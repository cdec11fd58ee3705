"""What every part of a game pack is made of: a strict model, and numbers with their limits."""

from __future__ import annotations

from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

Scene = Literal["land", "water", "both", "shore"]
Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
Number = TypeVar("Number", int, float)


def in_order(ends: tuple[Number, Number]) -> tuple[Number, Number]:
    """Check a range.

    Raises:
        ValueError: the first number exceeds the second.
    """
    if ends[0] > ends[1]:
        raise ValueError(f"the first number must not exceed the second; got {list(ends)}")
    return ends


_Size = Annotated[float, Field(gt=0.0, le=16.0, allow_inf_nan=False)]
_Zoom = Annotated[float, Field(ge=0.1, le=16.0, allow_inf_nan=False)]
_Blur = Annotated[float, Field(ge=0.0, le=50.0, allow_inf_nan=False)]
_Factor = Annotated[float, Field(ge=0.0, le=4.0, allow_inf_nan=False)]
_Signed = Annotated[float, Field(ge=-1.0, le=1.0, allow_inf_nan=False)]
_Pixels = Annotated[float, Field(ge=-4096.0, le=4096.0, allow_inf_nan=False)]
_Count = Annotated[int, Field(ge=0, le=10_000)]
_Step = Annotated[int, Field(ge=-255, le=255)]

Range = Annotated[tuple[_Size, _Size], AfterValidator(in_order)]
BlurRange = Annotated[tuple[_Blur, _Blur], AfterValidator(in_order)]
ZoomRange = Annotated[tuple[_Zoom, _Zoom], AfterValidator(in_order)]
ShareRange = Annotated[tuple[Fraction, Fraction], AfterValidator(in_order)]
FactorRange = Annotated[tuple[_Factor, _Factor], AfterValidator(in_order)]
SignedRange = Annotated[tuple[_Signed, _Signed], AfterValidator(in_order)]
PixelRange = Annotated[tuple[_Pixels, _Pixels], AfterValidator(in_order)]
CountRange = Annotated[tuple[_Count, _Count], AfterValidator(in_order)]
Factors = tuple[_Factor, _Factor, _Factor]
"""On red, green and blue."""
Steps = tuple[_Step, _Step, _Step]
"""Added to red, green and blue, of 255."""


class Section(BaseModel):
    """Base of every part of a pack: read-only, and a misspelt key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")
