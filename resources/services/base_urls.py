"""What may be the base URL of a service, and which of them may be sent a key."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def is_base_url(url: str) -> bool:
    """Whether it is http or https, a host and perhaps a path: no user, query or anything else."""
    plain = re.fullmatch(r"https?://[A-Za-z0-9.\-:\[\]]+(/[A-Za-z0-9._\-/]*)?", url)
    try:
        parts = urlsplit(url)
        return plain is not None and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return False


def may_get_a_key(url: str) -> bool:
    """Whether a base URL keeps a key from being read on the way: encrypted, or on this machine."""
    parts = urlsplit(url)
    return parts.scheme == "https" or parts.hostname in LOOPBACK
