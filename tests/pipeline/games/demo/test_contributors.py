"""Simulated players: what they upload, and how each kind of them labels."""

from __future__ import annotations

import io
import json
from collections import Counter, defaultdict
from hashlib import sha256
from uuid import UUID

import numpy as np
import pytest
from detector_runtime.contribute import crops
from detector_runtime.contribute.records import ContributionRecord
from PIL import Image
from pydantic import ValidationError

from pipeline.demo_game.contributors import (
    HONEST,
    ContributorMix,
    InventoryTruth,
    simulate_contributions,
)
from pipeline.demo_game.inventory.display import DisplaySettings
from pipeline.demo_game.inventory.icon_catalogue import look_alikes
from pipeline.demo_game.inventory.screens import SCREENS, draw_screen, inventory_rules
from pipeline.demo_game.players.labelling import ContributorKind
from pipeline.demo_game.players.malformed import malformed_images
from pipeline.demo_game.players.misreadings import misreadings_of
from pipeline.demo_game.players.player import Habits, icon_crop, region, uploaded_screen

EVERYBODY = ContributorMix(
    careless=0.25, hostile=0.25, colluding=0.25, flooding=1, malformed=1, slips=0.5
)
INSTALLS = 12
FEW = Habits(icons=30)


class Uploads:
    """What was put, in that order."""

    def __init__(
        self, mix: ContributorMix = EVERYBODY, seed: int = 3, habits: Habits = FEW
    ) -> None:
        self.objects: dict[str, bytes] = {}
        self.truth: InventoryTruth = simulate_contributions(self.put, INSTALLS, seed, mix, habits)

    def put(self, key: str, content: bytes) -> None:
        assert key not in self.objects
        self.objects[key] = content

    def installs(self, kind: ContributorKind) -> list[UUID]:
        return [install for install, known in self.truth.kinds.items() if known is kind]

    def records(self, install: UUID) -> list[ContributionRecord]:
        """Those that are valid and speak of an image that was truly seen."""
        found = []
        for line in self.objects[f"staging/{install}/annotations.jsonl"].splitlines():
            try:
                record = ContributionRecord.model_validate_json(line)
            except ValidationError:
                continue
            if record.crop_sha256 in self.truth.names:
                found.append(record)
        return found

    def labels(self, kind: ContributorKind) -> list[tuple[str, str]]:
        """Of icons: the true name, and the one that was given."""
        icons = set(inventory_rules().icon_slots)
        return [
            (self.truth.names[record.crop_sha256], record.name)
            for install in self.installs(kind)
            for record in self.records(install)
            if record.slot in icons
        ]


@pytest.fixture(scope="module")
def uploads() -> Uploads:
    return Uploads()


def test_the_same_seed_uploads_the_same_bytes(uploads: Uploads) -> None:
    again = Uploads()
    assert list(again.objects.items()) == list(uploads.objects.items())
    assert again.truth == uploads.truth


def test_another_seed_uploads_others() -> None:
    one, other = (Uploads(HONEST, seed, Habits(icons=5, texts=0)) for seed in (1, 2))
    assert set(one.truth.kinds).isdisjoint(other.truth.kinds)


def test_images_are_named_by_their_digest_and_come_before_the_annotations(uploads: Uploads) -> None:
    odd = uploads.installs(ContributorKind.MALFORMED)
    complete: set[str] = set()
    for key, content in uploads.objects.items():
        _, install, folder, *rest = key.split("/")
        assert install not in complete
        if folder == "annotations.jsonl":
            complete.add(install)
        elif UUID(install) not in odd:
            assert rest[-1] == f"{sha256(content).hexdigest()}.png"
            assert folder in ("crops", "screen_types")
    assert complete == {str(install) for install in uploads.truth.kinds}


def test_every_record_of_a_client_has_its_image(uploads: Uploads) -> None:
    rules = inventory_rules()
    for install in uploads.installs(ContributorKind.HONEST):
        records = uploads.records(install)
        assert len(records) > 20
        for record in records:
            with Image.open(
                io.BytesIO(uploads.objects[f"staging/{install}/crops/{record.crop_sha256}.png"])
            ) as image:
                assert image.mode == "RGB"
                if record.slot in rules.icon_slots:
                    assert image.size == (64, 64)


def test_nobody_contributes_what_is_private(uploads: Uploads) -> None:
    private = set(inventory_rules().private_slots)
    for install in uploads.truth.kinds:
        assert not {record.slot for record in uploads.records(install)} & private


def test_honest_players_are_right(uploads: Uploads) -> None:
    labels = uploads.labels(ContributorKind.HONEST)
    assert labels
    assert all(true == given for true, given in labels)


def test_careless_players_take_some_icons_for_their_look_alikes(uploads: Uploads) -> None:
    labels = uploads.labels(ContributorKind.CARELESS)
    wrong = [(true, given) for true, given in labels if true != given]
    assert 0.3 < len(wrong) / len(labels) < 0.7
    assert all(given in look_alikes()[true] for true, given in wrong if look_alikes()[true])


def test_a_hostile_player_has_one_wrong_name_for_everything(uploads: Uploads) -> None:
    labels = uploads.labels(ContributorKind.HOSTILE)
    assert all(true != given for true, given in labels)
    for install in uploads.installs(ContributorKind.HOSTILE):
        icons = [r for r in uploads.records(install) if r.slot in inventory_rules().icon_slots]
        assert Counter(record.name for record in icons).most_common(1)[0][1] > 0.8 * len(icons)


def test_colluding_players_agree_on_the_wrong_name(uploads: Uploads) -> None:
    assert len(uploads.installs(ContributorKind.COLLUDING)) > 1
    given = defaultdict(set)
    for true, name in uploads.labels(ContributorKind.COLLUDING):
        given[true].add(name)
    assert all(len(names) == 1 and true not in names for true, names in given.items())


def test_a_flooding_player_sends_more_in_a_day_than_a_client_would(uploads: Uploads) -> None:
    (install,) = uploads.installs(ContributorKind.FLOODING)
    days = Counter(record.date for record in uploads.records(install))
    assert max(days.values()) > 200
    assert all(true != given for true, given in uploads.labels(ContributorKind.FLOODING))


def test_malformed_uploads_stay_in_the_folder_of_their_install(uploads: Uploads) -> None:
    (install,) = uploads.installs(ContributorKind.MALFORMED)
    keys = [key for key in uploads.objects if str(install) in key]
    assert all(key.startswith(f"staging/{install}/") and ".." not in key.split("/") for key in keys)
    images = {content for key, content in uploads.objects.items() if key in keys}
    assert set(malformed_images().values()) <= images
    lines = uploads.objects[f"staging/{install}/annotations.jsonl"].splitlines()
    broken = 0
    for line in lines:
        try:
            json.loads(line)
        except (ValueError, RecursionError):
            broken += 1
    assert broken >= 3
    assert all(true == given for true, given in uploads.labels(ContributorKind.MALFORMED))


def test_texts_come_with_what_was_read() -> None:
    texts = inventory_rules().text_slots
    honest = Uploads(HONEST, habits=Habits(icons=0, texts=3, screens=0))
    corrected = [
        record
        for install in honest.truth.kinds
        for record in honest.records(install)
        if record.slot in texts and record.ml_name
    ]
    assert corrected
    for record in corrected:
        assert record.name in texts[record.slot]
        assert record.ml_name in misreadings_of(record.name)


def test_one_icon_looks_different_to_two_players(uploads: Uploads) -> None:
    images = defaultdict(set)
    for digest, name in uploads.truth.names.items():
        images[name].add(digest)
    assert np.mean([len(digests) for digests in images.values()]) > 2


def test_shares_of_a_mix_are_kept() -> None:
    kinds = Counter(ContributorMix(flooding=1).kinds(40))
    assert kinds == {
        ContributorKind.CARELESS: 8,
        ContributorKind.HOSTILE: 4,
        ContributorKind.COLLUDING: 4,
        ContributorKind.FLOODING: 1,
        ContributorKind.HONEST: 23,
    }
    assert len(ContributorMix(malformed=9).kinds(3)) == 3


def test_a_misreading_is_no_valid_text() -> None:
    for texts in inventory_rules().text_slots.values():
        assert sum(bool(misreadings_of(text)) for text in texts) > 0.9 * len(texts)
        assert not {read for text in texts for read in misreadings_of(text)} & {*texts}
    assert misreadings_of("Hornet Sloop")[:2] == ("Homet Sloop", "HornetSloop")


@pytest.mark.parametrize("screen_type", SCREENS)
def test_crops_have_the_pixels_that_a_client_cuts_out(screen_type: str) -> None:
    screen = draw_screen(4, screen_type, DisplaySettings(960, 540))
    rules = inventory_rules()
    private = [item.box for item in screen.items if item.slot in rules.private_slots]
    for item in screen.items:
        if item.slot in rules.icon_slots:
            ours, theirs = icon_crop(screen.image, item), crops.icon_crop(screen.image, item.box)
        else:
            ours, theirs = region(screen.image, item), crops.text_crop(screen.image, item.box)
        assert np.array_equal(ours, pixels_of(theirs))
    whole = uploaded_screen(screen, rules.private_slots)
    assert np.array_equal(whole, pixels_of(crops.screen_image(screen.image, private)))


def pixels_of(content: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(content)))
