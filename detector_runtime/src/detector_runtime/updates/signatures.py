"""Ed25519 signatures of documents: made, verified, and which keys may follow which.

Needs `cryptography`, which comes with `pip install "detector-runtime[signed]"` and is imported when
a signature is first looked at.
"""

from __future__ import annotations

import base64
import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from detector_runtime.errors import MissingDependencyError, SignatureError, UnknownKeyError
from detector_runtime.updates.documents import (
    ChannelPointer,
    Document,
    Envelope,
    KeySet,
    Manifest,
    Signature,
    key_id,
    signed_bytes,
)


@dataclass(frozen=True)
class SigningKey:
    """A private key. It shows itself by its id alone, in logs and tracebacks too.

    Attributes:
        seed: 32 secret bytes (RFC 8032, section 5.1.5).
    """

    seed: bytes = field(repr=False)

    @classmethod
    def generate(cls) -> SigningKey:
        """A new one, from the system's source of randomness."""
        seed: bytes = _ed25519().Ed25519PrivateKey.generate().private_bytes_raw()
        return cls(seed)

    @property
    def id(self) -> str:
        """See `documents.key_id`."""
        return key_id(self._public_bytes)

    @property
    def public(self) -> str:
        """What others verify with: 32 bytes in base64."""
        return base64.b64encode(self._public_bytes).decode()

    def sign(self, content: bytes) -> Signature:
        """Always the same signature of the same bytes."""
        return Signature(self.id, self._private.sign(content))

    @property
    def _private(self) -> Any:
        return _ed25519().Ed25519PrivateKey.from_private_bytes(self.seed)

    @property
    def _public_bytes(self) -> bytes:
        public: bytes = self._private.public_key().public_bytes_raw()
        return public


def sign(document: Document, *keys: SigningKey) -> Envelope[Document]:
    """A document with a signature of each key."""
    content = signed_bytes(document)
    return Envelope(document, content, tuple(key.sign(content) for key in keys))


def verify(
    envelope: Envelope[KeySet] | Envelope[Manifest] | Envelope[ChannelPointer],
    keys: Mapping[str, str],
) -> str:
    """The id of a key that has signed the document.

    Args:
        envelope: as parsed.
        keys: those that count: base64 of the public key by id, as `KeySet` has them.

    Raises:
        UnknownKeyError: none of its signatures claims to be by one of these keys.
        SignatureError: none that claims to be is.
        MissingDependencyError: `cryptography` is not installed.
    """
    claimed = [one for one in envelope.signatures if one.key_id in keys]
    for one in claimed:
        if is_valid(one, envelope.content, keys[one.key_id]):
            return one.key_id
    what = envelope.document.type
    if not claimed:
        by = ", ".join(one.key_id for one in envelope.signatures) or "nobody"
        raise UnknownKeyError(
            f"the {what} document of {envelope.document.name} is signed by {by}, not by one of the "
            f"keys that count: {', '.join(sorted(keys))}",
            "Its keys were changed, or somebody else wrote it: take the current keys.",
        )
    raise SignatureError(
        f"the {what} document of {envelope.document.name} was changed after it was signed",
        "Do not use it. Fetch it again; if it stays so, tell the publisher.",
    )


def verify_first_keys(keys: Envelope[KeySet]) -> KeySet:
    """A set of keys that is taken on trust: it is whole, and one of its own root keys signed it.

    Raises:
        SignatureError: it is not.
    """
    verify(keys, keys.document.root_keys)
    return keys.document


def verify_next_keys(keys: Envelope[KeySet], trusted: KeySet) -> KeySet:
    """The set of keys that follows one that is trusted (TUF 1.0, 5.3.4 and 5.3.5).

    Raises:
        SignatureError: of another model, not the next epoch, not signed by a root key of the
            trusted set, or not by one of its own.
    """
    new = keys.document
    if new.name != trusted.name or new.epoch != trusted.epoch + 1:
        raise SignatureError(
            f"keys of {new.name}, epoch {new.epoch}, do not follow those of {trusted.name}, "
            f"epoch {trusted.epoch}",
            "Take the keys one epoch after the other; each has its file under keys/.",
        )
    verify(keys, trusted.root_keys)
    return verify_first_keys(keys)


def is_valid(signature: Signature, content: bytes, public: str) -> bool:
    """Whether the key of these 32 public bytes in base64 has signed the content.

    Raises:
        MissingDependencyError: `cryptography` is not installed.
    """
    key = _ed25519().Ed25519PublicKey.from_public_bytes(base64.b64decode(public))
    invalid: type[Exception] = importlib.import_module("cryptography.exceptions").InvalidSignature
    try:
        key.verify(signature.signature, content)
    except invalid:
        return False
    return True


def _ed25519() -> Any:
    try:
        return importlib.import_module("cryptography.hazmat.primitives.asymmetric.ed25519")
    except ImportError as error:
        raise MissingDependencyError(
            "signatures cannot be verified: the package cryptography is not installed",
            'pip install "detector-runtime[signed]"',
        ) from error
