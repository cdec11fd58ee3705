from __future__ import annotations

import json
import tracemalloc
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from detector_runtime.contribute.contributor import UploadPolicy
from doubles.contributions import INSTALL, RULES, TODAY, Uploads, digest, image_file

from pipeline.community.receiving.receive import UNDATED, Reading, Received, receive
from pipeline.community.receiving.refusals import ReceivingLimits, Refusal
from pipeline.community.staged_crops import StagedCrops

READING = Reading(RULES, TODAY)


@pytest.fixture
def uploads() -> Uploads:
    return Uploads()


def received(uploads: Uploads, folder: Path, **limits: Any) -> Received:
    reading = replace(READING, limits=ReceivingLimits(**limits))
    return receive(INSTALL, uploads.listed(), uploads.fetch, reading, folder)


def test_what_an_honest_client_sends_is_taken(uploads: Uploads, tmp_path: Path) -> None:
    icon, text = image_file(1), image_file(2, (120, 20))
    screen = image_file(3, (320, 180))
    uploads.crop(icon, ml_name="Steel Sword")
    uploads.crop(text, "Knight", slot="title", ml_name="Kn1ght")
    uploads.screen(screen)
    images, stored = tmp_path / "images", tmp_path / "stored"
    images.mkdir()
    stored.mkdir()
    found = received(uploads, images)
    assert found.content.refused == {}
    kinds = {crop.kind: crop for crop in found.content.crops}
    assert (kinds["icon"].slot, kinds["icon"].name) == ("weapon", "Iron Sword")
    assert (kinds["text"].ml_name, kinds["text"].date) == ("Kn1ght", TODAY)
    assert (kinds["screen"].name, kinds["screen"].date) == ("ARMOUR", UNDATED)
    assert (kinds["screen"].width, kinds["screen"].height) == (320, 180)
    written = StagedCrops.write(stored, found.content, found.files)
    assert written.image_of(kinds["icon"]).read_bytes() == icon
    again = received(uploads, tmp_path / "images")
    assert again.content == found.content


def test_nothing_a_client_says_of_an_image_is_believed(uploads: Uploads, tmp_path: Path) -> None:
    """Neither the digest in a name nor that in a record nor a hash that it adds."""
    real, other = image_file(1), image_file(2)
    uploads.files[f"crops/{digest(other)}.png"] = real
    uploads.record(digest(other), phash="f" * 16)
    honest = uploads.crop(image_file(3), phash="0" * 16)
    found = received(uploads, tmp_path)
    assert found.content.refused == {Refusal.OTHER_DIGEST: 1}
    (crop,) = found.content.crops
    assert crop.sha256 == honest
    assert crop.phash != "0" * 16
    assert [file.name for file in tmp_path.iterdir()] == [honest]


def test_of_a_private_slot_nothing_is_stored(uploads: Uploads, tmp_path: Path) -> None:
    """Nor where another record gives the same image an open slot, or it lies among the screens."""
    name, screen = image_file(1, (100, 20)), image_file(2, (100, 64))
    uploads.crop(name, "Jane Doe", slot="player_name")
    uploads.record(digest(name), "Knight", slot="title")
    uploads.crop(screen, "Jane Doe", slot="player_name")
    uploads.screen(screen)
    fetched: list[str] = []

    def fetch(file: Any) -> bytes | None:
        fetched.append(file.path)
        return uploads.fetch(file)

    found = receive(INSTALL, uploads.listed(), fetch, READING, tmp_path)
    assert found.content.crops == ()
    assert found.content.refused == {Refusal.PRIVATE_SLOT: 3}
    assert "Jane" not in found.content.model_dump_json()
    assert fetched == ["annotations.jsonl"]


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({"slot": "ship_name"}, Refusal.UNKNOWN_SLOT),
        ({"slot": "../weapon"}, Refusal.BROKEN_LINE),
        ({"name": "Gold Sword"}, Refusal.UNKNOWN_NAME),
        ({"slot": "title", "name": "Iron Sword"}, Refusal.UNKNOWN_NAME),
        ({"slot": "tier", "name": "T\n6"}, Refusal.UNPRINTABLE_NAME),
        ({"slot": "tier", "name": "T6 "}, Refusal.UNPRINTABLE_NAME),
        ({"slot": "tier", "name": "T‮6"}, Refusal.UNPRINTABLE_NAME),
        ({"ml_name": "\x1b[31mIron Sword"}, Refusal.UNPRINTABLE_NAME),
        ({"name": "x" * 201}, Refusal.BROKEN_LINE),
        ({"name": None}, Refusal.BROKEN_LINE),
        ({"date": "2026-03-12"}, Refusal.FUTURE_DATE),
        ({"date": "soon"}, Refusal.BROKEN_LINE),
    ],
)
def test_a_record_that_cannot_be_true_is_counted(
    uploads: Uploads, tmp_path: Path, record: dict[str, Any], reason: Refusal
) -> None:
    honest = uploads.crop(image_file(1))
    uploads.crop(image_file(2), **record)
    found = received(uploads, tmp_path)
    assert [crop.sha256 for crop in found.content.crops] == [honest]
    assert found.content.refused[reason] == 1


def test_a_clock_may_be_a_day_ahead(uploads: Uploads, tmp_path: Path) -> None:
    uploads.crop(image_file(1), date=str(TODAY + timedelta(days=1)))
    assert received(uploads, tmp_path).content.refused == {}


def test_a_person_may_correct_a_label(uploads: Uploads, tmp_path: Path) -> None:
    uploads.crop(image_file(1), "Iron Sword")
    uploads.record(digest(image_file(1)), "Steel Sword")
    found = received(uploads, tmp_path)
    assert [crop.name for crop in found.content.crops] == ["Steel Sword"]
    assert found.content.refused == {Refusal.REPLACED: 1}


def test_images_and_records_need_each_other(uploads: Uploads, tmp_path: Path) -> None:
    uploads.record("a" * 64)
    uploads.files[f"crops/{digest(image_file(1))}.png"] = image_file(1)
    assert received(uploads, tmp_path).content.refused == {
        Refusal.NO_IMAGE: 1,
        Refusal.NO_RECORD: 1,
    }


def test_names_of_files_lead_nowhere(uploads: Uploads, tmp_path: Path) -> None:
    uploads.crop(image_file(1))
    names = (
        "../../etc/passwd",
        "crops/../../secret.png",
        f"crops/{'A' * 64}.png",
        f"crops/{'a' * 64}.png.exe",
        f"crops/{'a' * 64}.png\n",
        "screen_types/../ARMOUR/x.png",
        "model.pkl",
        "annotations.jsonl.bak",
    )
    uploads.files |= dict.fromkeys(names, b"x")
    uploads.screen(image_file(2, (100, 100)), "SECRET")
    found = received(uploads, tmp_path)
    assert found.content.refused == {
        Refusal.UNEXPECTED_FILE: len(names),
        Refusal.UNKNOWN_SCREEN: 1,
    }
    assert len(list(tmp_path.iterdir())) == 1


def test_one_image_is_one_screen_type(uploads: Uploads, tmp_path: Path) -> None:
    uploads.screen(image_file(1, (100, 100)), "ARMOUR")
    uploads.screen(image_file(1, (100, 100)), "TRADE")
    found = received(uploads, tmp_path)
    assert found.content.crops == ()
    assert found.content.refused == {Refusal.TWO_SCREENS: 2}


def test_a_day_has_a_limit(uploads: Uploads, tmp_path: Path) -> None:
    for number in range(5):
        uploads.crop(image_file(number))
    uploads.crop(image_file(9), date="2026-03-09")
    found = received(uploads, tmp_path, a_day=3)
    assert len(found.content.crops) == 4
    assert found.content.refused == {Refusal.TOO_MANY_A_DAY: 2}


def test_invented_days_do_not_help(uploads: Uploads, tmp_path: Path) -> None:
    for number in range(9):
        uploads.crop(image_file(number), date=f"1999-01-{number + 1:02d}")
    found = received(uploads, tmp_path, crops=4)
    assert len(found.content.crops) == 4
    assert found.content.refused == {Refusal.TOO_MANY: 5}


def test_all_images_of_one_contributor_have_a_limit(uploads: Uploads, tmp_path: Path) -> None:
    for number in range(4):
        uploads.crop(image_file(number))
    most = len(image_file(0)) + len(image_file(1)) + 10
    found = received(uploads, tmp_path, image_bytes=most)
    assert len(found.content.crops) in (2, 3)
    assert found.content.refused[Refusal.TOO_MANY] == 4 - len(found.content.crops)
    screens = Uploads()
    for number in range(4):
        screens.screen(image_file(number, (100, 100)))
    assert received(screens, tmp_path, screens=3).content.refused == {Refusal.TOO_MANY: 1}


def test_a_program_sends_no_more_in_a_day_than_is_taken_of_it() -> None:
    assert UploadPolicy().most_a_day == ReceivingLimits().a_day == 200


def test_a_file_that_is_listed_as_too_large_is_not_fetched(
    uploads: Uploads, tmp_path: Path
) -> None:
    crop = uploads.crop(image_file(1))
    listed = [
        replace(file, size=40_000) if crop in file.path else file for file in uploads.listed()
    ]
    fetched: list[str] = []

    def fetch(file: Any) -> bytes | None:
        fetched.append(file.path)
        return uploads.fetch(file)

    found = receive(INSTALL, iter(listed), fetch, READING, tmp_path)
    assert found.content.refused == {Refusal.FILE_TOO_LARGE: 1}
    assert fetched == ["annotations.jsonl"]


def test_a_listing_is_not_read_to_its_end(uploads: Uploads, tmp_path: Path) -> None:
    uploads.crop(image_file(1))
    listed = list(uploads.listed())
    asked = iter([*listed, *listed[1:] * 50])
    limits = ReceivingLimits(files=10)
    found = receive(INSTALL, asked, uploads.fetch, replace(READING, limits=limits), tmp_path)
    assert found.content.refused == {Refusal.TOO_MANY_FILES: 1}
    assert len(list(asked)) == 51 - 10


def test_annotations_that_are_too_large_are_not_fetched(uploads: Uploads, tmp_path: Path) -> None:
    uploads.crop(image_file(1))
    found = received(uploads, tmp_path, annotation_bytes=20)
    assert found.content.refused == {Refusal.ANNOTATIONS_TOO_LARGE: 1, Refusal.NO_RECORD: 1}


def test_millions_of_lines_take_no_memory(uploads: Uploads, tmp_path: Path) -> None:
    content = b"{}\n" * 1_000_000 + b"\n" * 4_000_000
    uploads.files["annotations.jsonl"] = content
    tracemalloc.start()
    found = received(uploads, tmp_path, lines=2000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.content.refused == {Refusal.BROKEN_LINE: 2000, Refusal.TOO_MANY_LINES: 1}
    assert peak < 3 * len(content)


@pytest.mark.parametrize(
    "line",
    [
        b"[" * 4000,
        b'{"a":' * 800 + b"1" + b"}" * 800,
        b'{"crop_sha256": "' + b"a" * 100_000,
        b"\xff\xfe\x00{}",
        b'"\\ud800"',
        b"NaN",
        b'{"crop_sha256": 1e400}',
    ],
    ids=["deep list", "deep object", "long", "no UTF-8", "surrogate", "NaN", "infinite"],
)
def test_broken_lines_cost_only_themselves(uploads: Uploads, tmp_path: Path, line: bytes) -> None:
    honest = uploads.crop(image_file(1))
    uploads.files["annotations.jsonl"] = (
        line + b"\n" + json.dumps(uploads.records[0]).encode() + b"\n"
    )
    uploads.records.clear()
    found = received(uploads, tmp_path)
    assert [crop.sha256 for crop in found.content.crops] == [honest]
    assert found.content.refused == {Refusal.BROKEN_LINE: 1}


def test_a_file_that_is_gone_is_counted(uploads: Uploads, tmp_path: Path) -> None:
    uploads.crop(image_file(1))
    listed = list(uploads.listed())
    found = receive(INSTALL, iter(listed), lambda file: None, READING, tmp_path)
    assert found.content.refused == {Refusal.GONE: 1, Refusal.NO_RECORD: 1}
