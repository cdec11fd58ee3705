"""What is remembered of a place, however it was written."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipeline.files import write_json
from resources.deployment.records import (
    DeploymentRecord,
    DeploymentRecordError,
    DeploymentRecords,
)
from resources.deployment.targets import TargetSettings


def record(place: str, day: int) -> DeploymentRecord:
    return DeploymentRecord(
        name=place,
        settings=TargetSettings(place=place),
        origin="a bundle",
        version=f"own-{day}",
        model="demo",
        files={},
        at=datetime(2026, 3, day, tzinfo=UTC),
        by="user@desk",
    )


def test_one_record_for_all_spellings_of_a_place(tmp_path: Path) -> None:
    records = DeploymentRecords(tmp_path)
    for place, day in (("a@b:/c", 1), ("a@B:22:/c/", 2), ("a@b:/d", 3)):
        records.write(record(place, day))
    assert {one.version for one in records.all()} == {"own-2", "own-3"}
    assert records.forget(TargetSettings(place="a@b:22:/c"))
    assert [one.version for one in records.all()] == ["own-3"]
    assert not records.forget(TargetSettings(place="a@b:/c"))


def test_files_of_earlier_versions_for_several_spellings_are_one(tmp_path: Path) -> None:
    for name, place, day in (("a", "a@b:/c", 2), ("b", "a@b:22:/c", 1)):
        write_json(tmp_path / f"{name}.json", record(place, day).model_dump(mode="json"))
    records = DeploymentRecords(tmp_path)
    assert [one.version for one in records.all()] == ["own-2"]
    assert records.forget(TargetSettings(place="a@b:/c/"))
    assert list(tmp_path.glob("*.json")) == []


def test_a_record_whose_time_has_lost_its_zone_is_named(tmp_path: Path) -> None:
    records = DeploymentRecords(tmp_path)
    for place in ("a@b:/c", "a@b:/d"):
        records.write(record(place, 1))
    file = next(iter(tmp_path.glob("*.json")))
    file.write_text(file.read_text("utf-8").replace('00:00Z"', '00:00"'))
    with pytest.raises(DeploymentRecordError, match=file.name):
        records.all()
