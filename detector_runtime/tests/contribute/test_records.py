from __future__ import annotations

from datetime import date
from uuid import UUID

import pytest
from pydantic import ValidationError

from detector_runtime.contribute.records import (
    ContributionRecord,
    annotations_key,
    crop_key,
    screen_key,
)

INSTALL = UUID("00000000-0000-4000-8000-000000000001")
DIGEST = "a" * 64


def test_a_record_survives_its_line() -> None:
    record = ContributionRecord(
        crop_sha256=DIGEST, name="Iron Sword", slot="weapon", date=date(2026, 3, 1)
    )
    assert ContributionRecord.model_validate_json(record.model_dump_json()) == record


@pytest.mark.parametrize("slot", ["", "../up", "Weapon", "a" * 60])
def test_a_slot_is_a_plain_word(slot: str) -> None:
    with pytest.raises(ValidationError, match="slot"):
        ContributionRecord(crop_sha256=DIGEST, name="x", slot=slot, date=date(2026, 3, 1))


def test_everything_of_an_install_lies_below_its_id() -> None:
    keys = (
        crop_key(INSTALL, DIGEST),
        screen_key(INSTALL, "ARMOUR", DIGEST),
        annotations_key(INSTALL),
    )
    assert all(key.startswith(f"staging/{INSTALL}/") for key in keys)
