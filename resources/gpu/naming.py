"""Names of pods: who asked for one, when, for how long.

A name is all that is left of a pod whose creation got no answer, and all that a pod tells when the
ledger is lost: `outpost-<owner>-<lease>-e<epoch>-t<seconds>`.
"""

from __future__ import annotations

import os
import re
import secrets
import tempfile
from dataclasses import dataclass
from pathlib import Path

_NAME = re.compile(
    r"outpost-(?P<owner>[0-9a-f]{8})-(?P<lease>[0-9a-f]{8})-e(?P<created>\d{1,12})-t(?P<ttl>\d{1,8})"
)


@dataclass(frozen=True)
class PodName:
    """What a pod's name says.

    Attributes:
        owner: token of the state folder that asked for it.
        lease: id of the lease in the ledger.
        created: when it was asked for, in seconds since 1970.
        ttl_seconds: after which nobody wants it any more.
    """

    owner: str
    lease: str
    created: int
    ttl_seconds: int

    def __str__(self) -> str:
        return f"outpost-{self.owner}-{self.lease}-e{self.created}-t{self.ttl_seconds}"

    @property
    def expires(self) -> int:
        """When its time is over, in seconds since 1970."""
        return self.created + self.ttl_seconds


def parse_name(name: str) -> PodName | None:
    """What a pod's name says; None for one that Outpost never gave."""
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    return PodName(match["owner"], match["lease"], int(match["created"]), int(match["ttl"]))


def new_lease_id() -> str:
    """Eight random digits."""
    return secrets.token_hex(4)


def owner_token(folder: Path) -> str:
    """The random token that tells this state folder's pods from all others; made on first use.

    Several people may rent from one account: none of them ends what another has leased.
    """
    file = folder / "owner"
    if not file.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        _write_once(file, secrets.token_hex(4))
    return file.read_text(encoding="utf-8").strip()


def _write_once(file: Path, text: str) -> None:
    """Write a file whole, unless somebody else is first."""
    handle, name = tempfile.mkstemp(dir=file.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text + "\n")
        os.link(temporary, file)
    except FileExistsError:
        pass
    finally:
        temporary.unlink()
