"""Whose word a record is: records of how artifacts were made, signed and verified.

A record names the digest of its artifact, and its signature covers all of it. So whoever can write
a store and has no key cannot change both: a changed record has a wrong signature, and one that is
made anew has none, or one of a key that nobody trusts.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum

from detector_runtime.updates.documents import Signature, decoded_base64
from detector_runtime.updates.signatures import SigningKey, is_valid

from pipeline.provenance import Provenance, RecordSignature


class SignatureState(StrEnum):
    """What the signature of a record is worth here."""

    TRUSTED = "trusted"
    UNKNOWN_KEY = "unknown key"
    """Nobody here has said that this key counts, so that the signature cannot be verified."""
    UNSIGNED = "unsigned"
    WRONG = "wrong"
    """It claims to be of a key that is trusted, and is not: the record was changed."""


def sign_record(record: Provenance, key: SigningKey) -> Provenance:
    """The same record with the signature of a key, in the place of any other."""
    made = key.sign(record.signed_content)
    text = base64.b64encode(made.signature).decode()
    signature = RecordSignature(key_id=made.key_id, signature=text)
    return record.model_copy(update={"signature": signature})


def signature_state(record: Provenance, trusted: Callable[[], Mapping[str, str]]) -> SignatureState:
    """Verify the signature of a record.

    Args:
        trusted: says which public keys count, in base64, by id; asked where there is a signature.
    """
    claimed = record.signature
    if claimed is None:
        return SignatureState.UNSIGNED
    public = trusted().get(claimed.key_id)
    if public is None:
        return SignatureState.UNKNOWN_KEY
    try:
        content = decoded_base64(claimed.signature, 64)
    except ValueError:
        return SignatureState.WRONG
    signature = Signature(claimed.key_id, content)
    is_right = is_valid(signature, record.signed_content, public)
    return SignatureState.TRUSTED if is_right else SignatureState.WRONG


def record_of_choice(
    records: Sequence[Provenance], state_of: Callable[[Provenance], SignatureState]
) -> Provenance | None:
    """The record to believe: the oldest that a trusted key has signed, else the oldest.

    Whoever can write the store can add older ones, of other keys or none.

    Args:
        records: of one version, oldest first.
    """
    signed = (one for one in records if state_of(one) is SignatureState.TRUSTED)
    return next(signed, records[0] if records else None)
