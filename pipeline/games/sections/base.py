"""What every part of a game pack is made of: a strict model, and numbers with their limits."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo, model_validator

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


class RenamedKeyWarning(FutureWarning):
    """A pack has a key of an earlier version, which is read, but has another name now."""


class Section(BaseModel):
    """Base of every part of a pack: read-only, and a misspelt key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    renamed_keys: ClassVar[Mapping[str, str]] = {}
    """Keys of earlier versions, and what they are called now: `fog.width` is a key of `fog`."""

    @model_validator(mode="before")
    @classmethod
    def _renamed_keys_are_read(cls, content: Any, info: ValidationInfo) -> Any:
        """Take the keys of earlier versions; the context, where there is one, is the folder."""
        if not isinstance(content, Mapping):
            return content
        old = [key for key in cls.renamed_keys if _is_old(content, key, cls.renamed_keys[key])]
        for key in old:
            warnings.warn(
                f"{f'{info.context}: ' if info.context else ''}the key '{key}' is called "
                f"'{cls.renamed_keys[key]}' now. It is still read; please write the new name.",
                RenamedKeyWarning,
                stacklevel=2,
            )
        return _moved(content, {key: cls.renamed_keys[key] for key in old})


def _is_old(content: Mapping[str, Any], key: str, new: str) -> bool:
    """Whether a key has its old meaning: what is a section now was a value once."""
    is_section = new.startswith(f"{key}.") and isinstance(content.get(key), Mapping | BaseModel)
    return key in content and not is_section


def _moved(content: Mapping[str, Any], renamed: Mapping[str, str]) -> dict[str, Any]:
    """The same content under today's keys.

    Raises:
        ValueError: a key stands there under both names, or something else where a section is.
    """
    now = {key: value for key, value in content.items() if key not in renamed}
    for key, new in renamed.items():
        section, _, name = new.rpartition(".")
        holder = now
        if section:
            inner = now.get(section, {})
            if isinstance(inner, BaseModel):
                inner = {each: getattr(inner, each) for each in inner.model_fields_set}
            if not isinstance(inner, Mapping):
                raise ValueError(f"'{section}' holds keys, '{name}' among them; got {inner!r:.60}")
            holder = now[section] = dict(inner)
        if name in holder:
            raise ValueError(f"'{key}' is called '{new}' now, and both stand here; keep the new")
        holder[name] = content[key]
    return now
