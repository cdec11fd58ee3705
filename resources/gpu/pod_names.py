"""Names of pods: who asked for one, when, for how long.

A name is all that is left of a pod whose creation got no answer, and all that a pod tells when the
ledger is lost: `outpost-<owner>-<lease>-e<epoch>-t<seconds>`.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import OutpostError
from pipeline.files import write_once

_NAME = re.compile(
    r"outpost-(?P<owner>[0-9a-f]{8})-(?P<lease>[0-9a-f]{8})-e(?P<created>\d{1,12})-t(?P<ttl>\d{1,8})"
)
_OWNER = re.compile("[0-9a-f]{8}")


class OwnerError(OutpostError):
    """The file that tells our pods from all others cannot be read or written."""


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

    Raises:
        OwnerError: the token cannot be read or written, or is none.
    """
    file = folder / "owner"
    try:
        if not file.is_file():
            folder.mkdir(parents=True, exist_ok=True)
            write_once(file, f"{secrets.token_hex(4)}\n".encode(), private=True)
        token = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise OwnerError(
            f"The state folder's own name, {file}, cannot be read or written: {error}.",
            "Give yourself write access to its folder, or free its disk.",
        ) from error
    if not _OWNER.fullmatch(token):
        # A pod with such a token in its name would be nobody's, and never ended.
        raise OwnerError(
            f"{file} does not hold eight hexadecimal digits: it is damaged.",
            "Write the ones into it that stand in the names of your pods (`outpost-DIGITS-...`; "
            "the provider's console shows them); where none was ever rented, remove the file.",
        )
    return token


def checked_owner(token: str) -> str:
    """A token that somebody has typed.

    Raises:
        OwnerError: it cannot be one.
    """
    if not _OWNER.fullmatch(token):
        raise OwnerError(
            f"{token!r} is not the token of a state folder.",
            "Give the eight digits (0-9, a-f) that follow `outpost-` in the names of its pods.",
        )
    return token
