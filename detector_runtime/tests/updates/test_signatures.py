from __future__ import annotations

import sys
from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector_runtime.errors import MissingDependencyError, SignatureError, UnknownKeyError
from detector_runtime.updates.documents import Envelope, KeySet, Signature, parse
from detector_runtime.updates.signatures import (
    SigningKey,
    sign,
    verify,
    verify_first_keys,
    verify_next_keys,
)

NOON = datetime(2026, 11, 30, 12, tzinfo=timezone.utc)
OLD_ROOT, NEW_ROOT, RELEASE, STRANGER = (SigningKey(bytes([number] * 32)) for number in range(4))


def key_set(epoch: int, root: SigningKey, name: str = "demo") -> KeySet:
    return KeySet(
        name=name,
        epoch=epoch,
        root_keys={root.id: root.public},
        release_keys={RELEASE.id: RELEASE.public},
        issued_at=NOON,
    )


FIRST = key_set(1, OLD_ROOT)


def test_a_signature_is_that_of_rfc_8032() -> None:
    # The second test of its section 7.1.
    key = SigningKey(
        bytes.fromhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb")
    )
    assert key.sign(b"\x72").signature.hex() == (
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
    )


@given(st.integers(0, 511), st.data())
def test_a_changed_bit_is_noticed(bit: int, data: st.DataObject) -> None:
    envelope = sign(FIRST, OLD_ROOT)
    assert verify(envelope, FIRST.root_keys) == OLD_ROOT.id

    def flipped(content: bytes, place: int) -> bytes:
        changed = bytearray(content)
        changed[place // 8] ^= 1 << place % 8
        return bytes(changed)

    signature = Signature(OLD_ROOT.id, flipped(envelope.signatures[0].signature, bit))
    with pytest.raises(SignatureError):
        verify(Envelope(FIRST, envelope.content, (signature,)), FIRST.root_keys)
    place = data.draw(st.integers(0, len(envelope.content) * 8 - 1))
    altered = Envelope(FIRST, flipped(envelope.content, place), envelope.signatures)
    with pytest.raises(SignatureError, match="was changed"):
        verify(altered, FIRST.root_keys)


def test_a_valid_signature_counts_beside_worthless_ones() -> None:
    envelope = sign(FIRST, OLD_ROOT)
    worthless = (Signature(OLD_ROOT.id, bytes(64)), Signature("0" * 16, bytes(64)))
    mixed = Envelope(FIRST, envelope.content, (*worthless, *envelope.signatures))
    assert verify(parse(mixed.to_bytes(), KeySet, "here"), FIRST.root_keys) == OLD_ROOT.id


def test_a_stranger_is_told_from_a_forger() -> None:
    with pytest.raises(UnknownKeyError, match=STRANGER.id):
        verify(sign(FIRST, STRANGER), FIRST.root_keys)
    with pytest.raises(UnknownKeyError, match="nobody"):
        verify(sign(FIRST), FIRST.root_keys)
    forged = Signature(OLD_ROOT.id, STRANGER.sign(b"").signature)
    with pytest.raises(SignatureError) as raised:
        verify(Envelope(FIRST, sign(FIRST).content, (forged,)), FIRST.root_keys)
    assert not isinstance(raised.value, UnknownKeyError)


def test_keys_follow_when_the_old_and_the_new_root_sign_them() -> None:
    second = key_set(2, NEW_ROOT)
    assert verify_first_keys(sign(FIRST, OLD_ROOT)) == FIRST
    assert verify_next_keys(sign(second, OLD_ROOT, NEW_ROOT), FIRST) == second
    for signers in ((OLD_ROOT,), (NEW_ROOT,), (RELEASE, NEW_ROOT), (STRANGER,), ()):
        with pytest.raises(SignatureError):
            verify_next_keys(sign(second, *signers), FIRST)


@pytest.mark.parametrize("epoch", [1, 3])
def test_no_epoch_is_left_out_or_comes_twice(epoch: int) -> None:
    with pytest.raises(SignatureError, match="do not follow"):
        verify_next_keys(sign(key_set(epoch, OLD_ROOT), OLD_ROOT), FIRST)


def test_keys_of_another_model_do_not_follow() -> None:
    with pytest.raises(SignatureError, match="do not follow"):
        verify_next_keys(sign(key_set(2, OLD_ROOT, "other"), OLD_ROOT), FIRST)


def test_a_private_key_does_not_show_itself() -> None:
    key = SigningKey.generate()
    assert key.seed.hex() not in repr(key)
    assert repr(key.seed) not in repr(key)
    assert key != SigningKey.generate()


def test_without_cryptography_the_error_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    envelope = sign(FIRST, OLD_ROOT)
    for module in list(sys.modules):
        if module.startswith("cryptography"):
            monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "cryptography", None)
    with pytest.raises(MissingDependencyError) as raised:
        verify(envelope, FIRST.root_keys)
    assert 'pip install "detector-runtime[signed]"' in raised.value.fix
