"""Signatures of records: what they cover, and what a record without the right one is worth."""

import json
from typing import Any

import pytest
from detector_runtime.updates.signatures import SigningKey
from doubles.artifacts import recorded
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.provenance import ArtifactVersion, Environment, Provenance, Recipe
from pipeline.release.lineage.signed_records import (
    SignatureState,
    record_of_choice,
    sign_record,
    signature_state,
)

KEY, OTHER = SigningKey(b"1" * 32), SigningKey(b"2" * 32)
TRUSTED = {KEY.id: KEY.public}
INPUT = ArtifactVersion(asset="toy/sprites", data_version="a" * 64)
RECIPE = Recipe(
    asset="toy/synthetic_set",
    partition="bay",
    code_version="c1",
    config={"seed": 42, "scale": [0.5, None], "note": "für α"},
    inputs=(INPUT,),
)
MACHINE = Environment(python="3.11.7", platform="Linux x86_64", libraries={"numpy": "2.1"})
RECORD = recorded(RECIPE)("b" * 64).model_copy(update={"environment": MACHINE})
WRITTEN = """{
 "recipe": {
  "asset": "toy/synthetic_set",
  "partition": "bay",
  "code_version": "c1",
  "config": {"seed": 42, "scale": [0.5, null], "note": "für α"},
  "inputs": [
   {"asset": "toy/sprites", "partition": null,
    "data_version": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}
  ]
 },
 "data_version": "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
 "run_id": "by hand",
 "made_at": "2026-01-01T00:00:00+00:00",
 "seconds": 1.0,
 "outpost_version": "0",
 "signature": {"key_id": "KEY", "signature": "SIGNATURE"}
}"""
"""A record as an Outpost wrote it that knew no environments."""


def state(record: Provenance) -> SignatureState:
    return signature_state(record, lambda: TRUSTED)


def again(record: Provenance, **changes: Any) -> Provenance:
    """The record as its file says it, with other values at the top."""
    return Provenance.model_validate({**json.loads(record.model_dump_json()), **changes})


def test_a_signed_record_is_believed_after_it_was_written_and_read() -> None:
    assert state(again(sign_record(RECORD, KEY))) is SignatureState.TRUSTED
    assert state(RECORD) is SignatureState.UNSIGNED
    assert state(sign_record(RECORD, OTHER)) is SignatureState.UNKNOWN_KEY


def test_signing_again_replaces_the_signature_and_nothing_else() -> None:
    signed = sign_record(sign_record(RECORD, OTHER), KEY)
    assert signed == sign_record(RECORD, KEY)
    assert signed.model_copy(update={"signature": None}) == RECORD
    assert signed.recipe.input_key == RECORD.recipe.input_key


def test_a_record_that_was_signed_long_ago_is_still_believed() -> None:
    signature = (
        "MTsYabLeFs5wHXLAH6OBBSR8EzgVVYzsZ3qg+x+vjGmHoegTwuZwezeH8E1qyss0qoP1dyBLPZKGisHPDARlDA=="
    )
    text = WRITTEN.replace("KEY", KEY.id).replace("SIGNATURE", signature)
    assert state(Provenance.model_validate_json(text)) is SignatureState.TRUSTED


@pytest.mark.parametrize(
    "changes",
    [
        {"data_version": "c" * 64},
        {"run_id": "another"},
        {"made_at": "2025-01-01T00:00:00+00:00"},
        {"seconds": 2.0},
        {"outpost_version": "1"},
        {"environment": None},
        {"environment": {**MACHINE.model_dump(), "python": "3.12.0"}},
        {"recipe": {**RECIPE.model_dump(), "asset": "toy/cvat_merge"}},
        {"recipe": {**RECIPE.model_dump(), "partition": None}},
        {"recipe": {**RECIPE.model_dump(), "code_version": "c2"}},
        {"recipe": {**RECIPE.model_dump(), "inputs": []}},
        {"recipe": {**RECIPE.model_dump(), "config": {**RECIPE.config, "seed": 43}}},
        {"recipe": {**RECIPE.model_dump(), "config": {**RECIPE.config, "more": None}}},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_every_part_of_a_record_is_covered(changes: dict[str, Any]) -> None:
    assert state(again(sign_record(RECORD, KEY), **changes)) is SignatureState.WRONG


@settings(deadline=None)
@given(st.text() | st.binary(max_size=70).map(lambda content: content.hex()))
def test_no_other_text_is_a_signature(text: str) -> None:
    signed = sign_record(RECORD, KEY)
    forged = again(signed, signature={"key_id": KEY.id, "signature": text})
    assert state(forged) is SignatureState.WRONG


def test_a_signature_of_another_key_under_a_trusted_name_is_wrong() -> None:
    made = sign_record(RECORD, OTHER).signature
    assert made is not None
    forged = RECORD.model_copy(
        update={"signature": made.model_copy(update={"key_id": KEY.id})},
    )
    assert state(forged) is SignatureState.WRONG


def test_keys_are_asked_for_only_where_there_is_a_signature() -> None:
    def never() -> dict[str, str]:
        raise AssertionError

    assert signature_state(RECORD, never) is SignatureState.UNSIGNED


def test_a_record_of_a_trusted_key_is_chosen_before_older_ones() -> None:
    older, signed = RECORD, sign_record(again(RECORD, made_at="2026-05-05T00:00:00+00:00"), KEY)
    assert record_of_choice((older, signed), state) is signed
    assert record_of_choice((older, sign_record(older, OTHER)), state) is older
    assert record_of_choice((), state) is None
