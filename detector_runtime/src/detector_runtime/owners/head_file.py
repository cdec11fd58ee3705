"""A head as a file: JSON with its arrays in base64, little-endian, so that reading runs no code."""

from __future__ import annotations

import base64
import binascii
import json
import math
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from detector_runtime.errors import BundleError
from detector_runtime.owners.evidence import COLOURS, FEATURES, FEATURES_VERSION
from detector_runtime.owners.head import NATURE, OwnerHead, OwnerWeights
from detector_runtime.results import UNKNOWN_OWNER

HEAD_NAME = "owners.json"
LARGEST_HIDDEN = 1024


class StoredArray(BaseModel):
    """Shape, and bytes of uint8 or little-endian float32 in base64."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    shape: tuple[int, ...]
    data: str


class StoredHead(BaseModel):
    """The content of the file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1
    features: int = Field(description="Version of what it looks at in a box.")
    owners: tuple[str, ...] = Field(min_length=2, description="Players' colours, then nature.")
    classes: tuple[str, ...] = Field(min_length=1)
    threshold: float = Field(ge=0, le=1, description="Least probability of a named owner.")
    weights: dict[str, StoredArray]


def write_head(head: OwnerHead) -> str:
    """The text of the file; the same head gives the same bytes."""
    stored = StoredHead(
        features=FEATURES_VERSION,
        owners=head.owners,
        classes=head.class_names,
        threshold=head.threshold,
        weights={name: _stored(array) for name, array in vars(head.weights).items()},
    )
    return json.dumps(stored.model_dump(mode="json"), sort_keys=True) + "\n"


def read_head(content: bytes, where: str) -> OwnerHead:
    """A head from the bytes of its file.

    Args:
        where: for messages.

    Raises:
        BundleError: it is damaged, or looks at boxes in a way that this runtime does not know.
    """
    try:
        stored = StoredHead.model_validate_json(content)
        if stored.features != FEATURES_VERSION:
            raise BundleError(
                f"{where} looks at boxes by version {stored.features}, this runtime by version "
                f"{FEATURES_VERSION}",
                "pip install --upgrade detector-runtime",
            )
        weights = _weights(stored)
    except (ValidationError, ValueError, binascii.Error) as error:
        raise BundleError(
            f"{where} is no head that tells owners: {str(error).splitlines()[0]}",
            "Fetch the bundle again, or build it again with a current Outpost.",
        ) from error
    return OwnerHead(stored.owners, stored.classes, stored.threshold, weights)


def _weights(stored: StoredHead) -> OwnerWeights:
    if stored.owners[-1] != NATURE or UNKNOWN_OWNER in stored.owners:
        raise ValueError(f"the last owner must be {NATURE}, and none {UNKNOWN_OWNER}")
    players, classes = len(stored.owners) - 1, len(stored.classes)
    size = stored.weights["weight"].shape[0] if "weight" in stored.weights else 0
    if not 0 < size <= LARGEST_HIDDEN:
        raise ValueError("weight: unexpected shape")
    shapes = {
        "table": (COLOURS + 1, players),
        "places": (classes, FEATURES),
        "hidden": (FEATURES, size),
        "hidden_of_class": (classes, size),
        "hidden_of_player": (players, size),
        "weight": (size,),
        "bias": (classes, players + 1),
    }
    return OwnerWeights(**{name: _read(stored.weights, name, shapes[name]) for name in shapes})


def _stored(array: np.ndarray[Any, Any]) -> StoredArray:
    kind = "u1" if array.dtype == np.uint8 else "<f4"
    return StoredArray(
        shape=array.shape, data=base64.b64encode(array.astype(kind).tobytes()).decode("ascii")
    )


def _read(
    weights: Mapping[str, StoredArray], name: str, shape: tuple[int, ...]
) -> np.ndarray[Any, Any]:
    if name not in weights or weights[name].shape != shape:
        raise ValueError(f"{name}: unexpected shape")
    kind = "u1" if name == "table" else "<f4"
    content = base64.b64decode(weights[name].data, validate=True)
    if len(content) != math.prod(shape) * np.dtype(kind).itemsize:
        raise ValueError(f"{name}: not as many bytes as its shape says")
    array = np.frombuffer(content, kind).reshape(shape)
    if kind != "u1" and not np.isfinite(array).all():
        raise ValueError(f"{name}: not finite")
    return np.ascontiguousarray(array, np.uint8 if kind == "u1" else np.float32)
