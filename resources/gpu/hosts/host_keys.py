"""Which host keys are trusted, and why."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import paramiko

from pipeline.errors import OutpostError
from resources.gpu.clouds.base import SshAddress

DEFAULT_PORT = 22


class SshError(OutpostError):
    """Something about SSH that trying again does not fix."""


class HostKeyError(SshError):
    """The host shows another key than the one it must have."""


@dataclass(frozen=True)
class RecordedKey:
    """A key that is compared with what its cloud tells, once, and with itself ever after.

    Attributes:
        known: fingerprint that was accepted before, or None.
        told: fingerprints by another way than SSH; where it has none, the first key is taken.
        remember: told of the fingerprint that was accepted first.
        key_types: kinds of host key to ask for; empty for any.
    """

    known: Callable[[], str | None]
    told: Callable[[], Sequence[str]]
    remember: Callable[[str], None]
    key_types: Sequence[str] = ()

    def check(self, key: paramiko.PKey) -> None:
        """Accept the key that a host shows, or raise.

        Raises:
            HostKeyError: it is not the key that the host must have.
        """
        shown, known = fingerprint_of(key), self.known()
        if known is not None:
            if shown != known:
                raise _another_key(shown, known)
            return
        told = self.told()
        if told and shown not in told:
            raise _another_key(shown, ", ".join(told))
        self.remember(shown)


@dataclass(frozen=True)
class KnownHost:
    """A host that the user has logged in to before: its keys stand in a known_hosts file."""

    keys: Sequence[paramiko.PKey]

    @property
    def key_types(self) -> Sequence[str]:
        """The kinds that are known of this host; RSA keys sign in two newer ways besides."""
        names = [key.get_name() for key in self.keys]
        return [*names, *(["rsa-sha2-512", "rsa-sha2-256"] if "ssh-rsa" in names else [])]

    def check(self, key: paramiko.PKey) -> None:
        """See `RecordedKey.check`."""
        if key.asbytes() not in [known.asbytes() for known in self.keys]:
            raise _another_key(fingerprint_of(key), "the one in known_hosts")


HostKeyTrust = RecordedKey | KnownHost
"""Decides whether a host is the one that was meant."""


def known_host(file: Path, address: SshAddress) -> KnownHost:
    """What a known_hosts file says of a host.

    Raises:
        SshError: the file cannot be read, or does not know the host.
    """
    named = address.host
    if address.port != DEFAULT_PORT:
        named = f"[{address.host}]:{address.port}"
    try:
        found = paramiko.HostKeys(str(file)).lookup(named) if file.is_file() else None
    except (OSError, paramiko.SSHException) as error:
        raise SshError(f"{file} cannot be read: {error}", "Correct or remove it.") from error
    if not found:
        raise SshError(
            f"{file} does not know {named}.",
            f"Log in once and confirm its key: ssh -p {address.port} {address.user}@{address.host}",
        )
    return KnownHost(tuple(found.values()))


def fingerprint_of(key: paramiko.PKey) -> str:
    """As `ssh-keygen -lf` writes it: "SHA256:..."."""
    digest = base64.b64encode(hashlib.sha256(key.asbytes()).digest()).decode().rstrip("=")
    return f"SHA256:{digest}"


def _another_key(shown: str, expected: str) -> HostKeyError:
    return HostKeyError(
        f"The host shows the key {shown}, but must have {expected}.",
        "Another machine answers at this address. Do not continue; rent or connect again.",
    )
