"""`outpost artifacts keys`: whose signatures of records count on this machine."""

from __future__ import annotations

from dataclasses import dataclass

from resources.keys.record_keys import RecordKeys


@dataclass(frozen=True)
class KnownKey:
    """A public key whose signatures of records count here.

    Attributes:
        public: 32 bytes in base64, which others give to `trust`.
        name: whose it is.
        signs: whether it signs what is made here.
    """

    id: str
    public: str
    name: str
    signs: bool


def known_keys() -> tuple[KnownKey, ...]:
    """Every key that counts; the one that signs is made if there is none.

    Raises:
        PrivateKeyError: no key is here, and none can be kept.
        RecordKeyError: the file of the keys is damaged.
    """
    keys = RecordKeys()
    signing = keys.signing_key().id
    return tuple(
        KnownKey(name, key.public, key.name, signs=name == signing)
        for name, key in sorted(keys.named().items())
    )


def trust_key(public: str, name: str) -> str:
    """Have the records that a key has signed count here; its id.

    Raises:
        PrivateKeyError, RecordKeyError: see `RecordKeys.trust`.
    """
    return RecordKeys().trust(public, name)


def rotate_key() -> str:
    """Make another key, which signs from now on; its id.

    Raises:
        PrivateKeyError, RecordKeyError: see `RecordKeys.rotate`.
    """
    return RecordKeys().rotate().id


def revoke_key(key_id: str) -> None:
    """Have a key count no more, for nothing that it has signed.

    Raises:
        PrivateKeyError, RecordKeyError: see `RecordKeys.revoke`.
    """
    RecordKeys().revoke(key_id)
