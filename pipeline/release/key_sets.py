"""Which keys may follow which: the first set, a key more, a key less."""

from __future__ import annotations

from datetime import datetime

from detector_runtime.updates.documents import MOST_KEYS, Envelope, KeySet
from detector_runtime.updates.signatures import SigningKey, sign

from pipeline.errors import OutpostError


class KeySetError(OutpostError):
    """A change of keys that would leave nobody who can sign."""


def first_key_set(
    name: str, root: SigningKey, release: SigningKey, issued_at: datetime
) -> Envelope[KeySet]:
    """Epoch 1 of a model's keys, signed by its own root key."""
    keys = KeySet(
        name=name,
        epoch=1,
        root_keys={root.id: root.public},
        release_keys={release.id: release.public},
        issued_at=issued_at,
    )
    return sign(keys, root)


def require_room(trusted: KeySet) -> None:
    """Refuse a release key more than clients take, before it is made.

    Raises:
        KeySetError: there are as many as there can be.
    """
    if len(trusted.release_keys) >= MOST_KEYS:
        raise KeySetError(
            f"{trusted.name} has {len(trusted.release_keys)} release keys, and no more are taken.",
            "Revoke one that nobody signs with any more: `outpost release keys revoke <id>`. What "
            f"it has signed counts no more then. There are {', '.join(trusted.release_keys)}.",
        )


def with_release_key(
    trusted: KeySet, root: SigningKey, added: SigningKey, issued_at: datetime
) -> Envelope[KeySet]:
    """The next epoch, with one release key more. Those of before stay until they are revoked."""
    release_keys = {**trusted.release_keys, added.id: added.public}
    return sign(_next(trusted, trusted.root_keys, release_keys, issued_at), root)


def with_root_key(
    trusted: KeySet, root: SigningKey, added: SigningKey, issued_at: datetime
) -> Envelope[KeySet]:
    """The next epoch with another root key instead of the one that signs here; both sign it."""
    root_keys = {name: key for name, key in trusted.root_keys.items() if name != root.id}
    root_keys[added.id] = added.public
    return sign(_next(trusted, root_keys, trusted.release_keys, issued_at), root, added)


def without_key(
    trusted: KeySet, root: SigningKey, revoked: str, issued_at: datetime
) -> Envelope[KeySet]:
    """The next epoch without a release key.

    Args:
        revoked: its id.

    Raises:
        KeySetError: there is no such release key, or no other one.
    """
    if revoked not in trusted.release_keys:
        known = ", ".join(trusted.release_keys)
        raise KeySetError(
            f"{revoked} is no release key of {trusted.name}; those are {known}.",
            "Name one of them. A root key is replaced by `outpost release keys rotate --root`.",
        )
    left = {name: key for name, key in trusted.release_keys.items() if name != revoked}
    if not left:
        raise KeySetError(
            f"{revoked} is the only release key of {trusted.name}.",
            "Run `outpost release keys rotate` first, which makes another one.",
        )
    return sign(_next(trusted, trusted.root_keys, left, issued_at), root)


def _next(
    trusted: KeySet, root_keys: dict[str, str], release_keys: dict[str, str], issued_at: datetime
) -> KeySet:
    return KeySet(
        name=trusted.name,
        epoch=trusted.epoch + 1,
        root_keys=root_keys,
        release_keys=release_keys,
        issued_at=issued_at,
    )
