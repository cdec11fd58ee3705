"""Which source an address means."""

from __future__ import annotations

import os
import re
import urllib.parse
from pathlib import Path

from detector_runtime.errors import ConfigurationError
from detector_runtime.updates.sources.base import Source
from detector_runtime.updates.sources.folder import FolderSource
from detector_runtime.updates.sources.web import HttpSource, SourceLimits

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")
"""One letter is a drive of Windows."""


def lasting(place: str | os.PathLike[str]) -> str:
    """An address as it can be remembered: a folder as seen from everywhere."""
    text = os.fspath(place)
    return text if _SCHEME.match(text) else str(Path(text).absolute())


def source_at(place: str | os.PathLike[str], limits: SourceLimits | None = None) -> Source:
    """The source at an address (http, https) or in a folder.

    Raises:
        ConfigurationError: another kind of address, or one with a password or a query.
    """
    text = os.fspath(place)
    scheme = _SCHEME.match(text)
    if scheme is None:
        return FolderSource(Path(text))
    parts = urllib.parse.urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigurationError(
            f"updates cannot be fetched from {scheme[0]} addresses",
            "Give the http or https address of the model, or a folder.",
        )
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise ConfigurationError(
            f"the address of updates at {parts.hostname} has a user, a password or a query",
            "Give the plain address of the model's folder: it is kept in a file.",
        )
    return HttpSource(text, limits or SourceLimits())
