"""What leaves a player's computer, when, and how often."""

from __future__ import annotations

import hashlib
import io
import json
import threading
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from doubles.contributing import RULES, Player, shot
from PIL import Image

from detector_runtime.contribute.contributor import Contributor, UploadPolicy
from detector_runtime.contribute.queue import MOST_WAITING, Confirmed, ContributionQueue
from detector_runtime.contribute.rules import ContributionRules
from detector_runtime.contribute.stores.base import Replacement
from detector_runtime.contribute.stores.folder_store import ContributionFolder
from detector_runtime.errors import (
    ConfigurationError,
    ContributionError,
    ContributionStoreError,
    ImageError,
)

BOX = (10.2, 20.7, 58.0, 70.1)


def confirm(contributor: Contributor, *seeds: int, name: str = "Iron Sword") -> list[bool]:
    return [contributor.confirm(shot(seed), BOX, "weapon", name) for seed in seeds]


def test_what_a_player_confirms_is_sent_as_a_crop_with_its_record(player: Player) -> None:
    contributor = player.contributor()
    assert confirm(contributor, 1) == [True]
    assert contributor.confirm(shot(2), (0, 0, 90, 20), "title", "Knight", ml_name="Kn1ght")
    assert contributor.upload_now() == "sent"
    icon, text = player.records
    assert (icon.name, icon.slot, str(icon.date)) == ("Iron Sword", "weapon", "2026-03-08")
    assert (text.name, text.ml_name) == ("Knight", "Kn1ght")
    for record, size in ((icon, (64, 64)), (text, (90, 20))):
        content = player.files[f"crops/{record.crop_sha256}.png"]
        assert hashlib.sha256(content).hexdigest() == record.crop_sha256
        with Image.open(io.BytesIO(content)) as opened:
            assert (opened.size, opened.mode, opened.info) == (size, "RGB", {})
    (install,) = (player.place / "toy" / "staging").iterdir()
    assert install.name == str(contributor.status().install)
    assert contributor.status().waiting == 0
    assert contributor.status().sent == 2


def test_the_same_pixels_are_the_same_crop(player: Player) -> None:
    contributor = player.contributor()
    rgb = shot(3)
    assert contributor.confirm(rgb, BOX, "weapon", "Iron Sword")
    assert not contributor.confirm(rgb[..., ::-1], BOX, "weapon", "Iron Sword", color="bgr")
    assert not contributor.confirm(Image.fromarray(rgb), BOX, "weapon", "Iron Sword")
    contributor.upload_now()
    player.later()
    assert not contributor.confirm(rgb, BOX, "weapon", "Iron Sword")
    assert contributor.upload_now() == "nothing to send"


def test_private_and_unknown_slots_stay(player: Player) -> None:
    contributor = player.contributor()
    for slot in ("player_name", "ship_name", "", "../weapon"):
        assert not contributor.confirm(shot(), BOX, slot, "Jane Doe")
    assert not contributor.confirm_screen(shot(), "INBOX")
    assert contributor.upload_now() == "nothing to send"
    assert not (player.home / "kept" / "install.json").exists()
    kept = player.home / "kept" / "contributions.sqlite"
    assert not kept.exists() or b"Jane" not in kept.read_bytes()


def test_a_slot_that_is_listed_as_both_is_private() -> None:
    rules = RULES.model_copy(update={"private_slots": frozenset({"weapon"})})
    assert rules.kind_of("weapon") is None


def test_rules_come_from_a_pack() -> None:
    community = {"icon_slots": ["a"], "text_slots": {"b": ["x"], "c": []}, "private_slots": ["d"]}
    rules = ContributionRules.of("toy", {**community, "icons": ["y"], "screen_types": ["S"]})
    assert [rules.kind_of(slot) for slot in "abcde"] == ["icon", "text", "text", None, None]
    with pytest.raises(ConfigurationError, match="no rules"):
        ContributionRules.of("../toy", community)


def test_a_screen_is_reduced_and_what_is_hidden_is_black(player: Player) -> None:
    contributor = player.contributor()
    white = np.full((1080, 1920, 3), 255, np.uint8)
    assert contributor.confirm_screen(white, "ARMOUR", hidden=[(0, 0, 960, 540), (-9, -9, -1, 0)])
    contributor.upload_now()
    ((path, content),) = player.files.items()
    assert path.startswith("screen_types/ARMOUR/")
    with Image.open(io.BytesIO(content)) as opened:
        assert opened.size == (448, 252)
        assert opened.getpixel((100, 100)) == (0, 0, 0)
        assert opened.getpixel((300, 200)) == (255, 255, 255)


def test_a_screen_of_another_type_moves(player: Player) -> None:
    contributor = player.contributor()
    contributor.confirm_screen(shot(), "ARMOUR")
    contributor.upload_now()
    assert contributor.confirm_screen(shot(), "TRADE")
    player.later()
    contributor.upload_now()
    assert [path.split("/")[1] for path in player.files] == ["TRADE"]


def test_a_corrected_label_replaces_the_one_before(player: Player) -> None:
    contributor = player.contributor()
    confirm(contributor, 1, 2)
    contributor.upload_now()
    assert confirm(contributor, 1, name="Steel Sword") == [True]
    player.later()
    assert contributor.upload_now() == "sent"
    assert [record.name for record in player.records] == ["Steel Sword", "Iron Sword"]
    assert contributor.status().sent_today == 2, "no image was sent for that"


def test_nothing_is_sent_without_consent(player: Player) -> None:
    contributor = player.contributor(consent=False)
    confirm(contributor, 1)
    assert contributor.upload_now() == "no consent"
    assert player.files == {}
    assert player.contributor(consent=True).upload_now() == "sent"


def test_the_background_needs_consent(player: Player, tmp_path: Path) -> None:
    contributor = Contributor(tmp_path / "kept", RULES, player.place)
    contributor.start()
    assert contributor._thread is None
    with_consent = Contributor(
        tmp_path / "kept", RULES, player.place, consent=True, policy=UploadPolicy(0.01)
    )
    confirm(with_consent, 1, 2)
    for _ in range(200):
        if with_consent.status().sent == 2:
            break
        threading.Event().wait(0.05)
    with_consent.close()
    assert len(player.records) == 2


def test_uploads_are_five_minutes_apart_over_restarts(player: Player) -> None:
    confirm(player.contributor(), 1)
    assert player.contributor().upload_now() == "sent"
    confirm(player.contributor(), 2)
    player.later(299)
    assert player.contributor().upload_now() == "not due"
    player.later(2)
    assert player.contributor().upload_now() == "sent"


def test_a_clock_that_was_years_ahead_does_not_stop_uploads(player: Player) -> None:
    confirm(player.contributor(), 1)
    player.later(10 * 365 * 86_400)
    player.contributor().upload_now()
    player.later(-10 * 365 * 86_400)
    confirm(player.contributor(), 2)
    assert player.contributor().upload_now() == "sent"


def test_a_day_has_a_limit_over_restarts(player: Player) -> None:
    player.policy["most_a_day"] = 3
    for some in (range(2), range(2, 5), ()):
        confirm(player.contributor(), *some)
        player.contributor().upload_now()
        player.later()
    assert len(player.records) == 3
    assert player.contributor().upload_now() == "nothing to send"
    assert player.contributor().status().left_today == 0
    player.later(86_400)
    assert player.contributor().upload_now() == "sent"
    days = [record.date for record in player.records]
    assert days == [date(2026, 3, 8)] * 3 + [date(2026, 3, 9)] * 2


def test_pause_and_resume_outlast_a_restart(player: Player) -> None:
    player.contributor().pause()
    confirm(player.contributor(), 1)
    assert player.contributor().upload_now() == "paused"
    assert player.contributor().status().paused
    player.contributor().resume()
    assert player.contributor().upload_now() == "sent"


def test_to_forget_deletes_what_was_sent_and_what_waits(player: Player) -> None:
    contributor = player.contributor()
    confirm(contributor, 1, 2)
    contributor.confirm_screen(shot(3), "ARMOUR")
    contributor.upload_now()
    before = contributor.status().install
    confirm(contributor, 4)
    contributor.forget()
    assert list(player.place.rglob("*.*")) == []
    assert str(before) not in {path.name for path in player.place.rglob("*")}
    status = contributor.status()
    assert (status.waiting, status.sent, status.install) == (0, 0, None)
    assert status.sent_today == 3, "forgetting is no way around the limit of a day"
    player.later()
    confirm(contributor, 1)
    assert contributor.upload_now() == "sent"
    assert contributor.status().install not in (None, before)
    player.contributor().forget()
    player.contributor().forget()


class Unreliable(ContributionFolder):
    """A folder that can be away, or change what is known of it."""

    away = False
    retry_after = 0.0
    published: list[str]
    meanwhile: Callable[[], object] | None = None

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.published = []

    def publish(self, new: Mapping[str, bytes], replaced: Replacement | None) -> str | None:
        self._fail()
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile:
            meanwhile()
        self.published += new
        return super().publish(new, replaced)

    def keys(self, prefix: str) -> list[str]:
        self._fail()
        return list(super().keys(prefix))

    def _fail(self) -> None:
        if self.away:
            raise ContributionStoreError("it is away", "Wait.", self.retry_after)


def test_a_place_that_is_away_is_tried_again_less_and_less(player: Player) -> None:
    store = Unreliable(player.place)
    store.away = True
    confirm(player.contributor(), 1)
    waits = []
    for _ in range(4):
        with pytest.raises(ContributionStoreError):
            player.contributor(store=store).upload_now()
        status = player.contributor().status()
        assert status.failure == "it is away"
        waits.append(round(status.next_upload.timestamp() - player.now))
        player.now += waits[-1] + 1
    assert waits == [300, 600, 1200, 2400]
    store.away = False
    assert player.contributor(store=store).upload_now() == "sent"
    assert player.contributor().status().failure == ""
    assert player.contributor().status().sent_today == 1, "a failure does not count twice"
    assert len(store.published) == 1


def test_who_is_asked_to_wait_waits(player: Player) -> None:
    store = Unreliable(player.place)
    store.away, store.retry_after = True, 3000.0
    confirm(player.contributor(), 1)
    with pytest.raises(ContributionStoreError):
        player.contributor(store=store).upload_now()
    player.later(2990)
    assert player.contributor(store=store).upload_now() == "not due"


def test_forgetting_is_finished_later_where_the_place_is_away(player: Player) -> None:
    store = Unreliable(player.place)
    confirm(player.contributor(), 1)
    player.contributor(store=store).upload_now()
    store.away = True
    with pytest.raises(ContributionStoreError):
        player.contributor(store=store).forget()
    assert player.contributor().status().forgetting
    assert len(player.files) == 2
    store.away = False
    player.later()
    assert player.contributor(store=store, consent=False).upload_now() == "forgotten"
    assert list(player.place.rglob("*.*")) == []
    assert not player.contributor().status().forgetting


def test_what_is_under_way_while_a_player_forgets_comes_back_under_no_id(player: Player) -> None:
    """The upload finds records of the old id that are not known here, and takes none over."""
    store = Unreliable(player.place)
    confirm(player.contributor(), 1)
    player.contributor(store=store).upload_now()
    before = player.contributor().status().install
    (player.home / "kept" / "contributions.sqlite").unlink()
    confirm(player.contributor(), 2)
    forgetting = threading.Thread(target=player.contributor(store=store).forget)

    def forget_and_confirm_again() -> None:
        forgetting.start()
        while not player.contributor().status().forgetting:
            threading.Event().wait(0.01)
        assert confirm(player.contributor(), 2) == [True]

    store.meanwhile = forget_and_confirm_again
    assert player.contributor(store=store).upload_now() == "sent"
    forgetting.join()
    status = player.contributor().status()
    assert (status.waiting, status.sent, status.forgetting) == (1, 0, False)
    assert player.files == {}
    player.later()
    assert player.contributor(store=store).upload_now() == "sent"
    assert player.contributor().status().install not in (None, before)
    assert len(player.records) == 1
    assert len(player.files) == 2


def test_a_pause_outlasts_forgetting(player: Player) -> None:
    confirm(player.contributor(), 1)
    player.contributor().upload_now()
    player.contributor().pause()
    player.contributor().forget()
    player.later()
    confirm(player.contributor(), 2)
    assert player.contributor().upload_now() == "paused"


def test_a_lost_folder_sends_nothing_twice(player: Player) -> None:
    """The id was kept, the list of what was sent was not."""
    store = Unreliable(player.place)
    confirm(player.contributor(), 1, 2)
    player.contributor(store=store).upload_now()
    (player.home / "kept" / "contributions.sqlite").unlink()
    confirm(player.contributor(), 3)
    assert player.contributor(store=store).upload_now() == "sent"
    assert len(player.records) == 3
    assert confirm(player.contributor(), 1) == [False]
    assert len(store.published) == len(set(store.published)) + 1, "what was refused, once more"


def test_two_programs_use_one_folder(player: Player) -> None:
    first, second = player.contributor(), player.contributor()
    with first._lock.hold():
        assert second.upload_now() == "busy"
    threads = [
        threading.Thread(target=confirm, args=(one, *range(n, n + 6)))
        for n, one in ((0, first), (6, second), (3, player.contributor()))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert first.status().waiting == 12
    assert first.status().install == second.status().install


def test_what_waits_has_a_limit(tmp_path: Path) -> None:
    queue = ContributionQueue(tmp_path)
    with queue._changing() as database:
        database.executemany(
            "insert into items (digest, kind, slot, name, ml_name) values (?, 'icon', '', '', '')",
            [(str(number),) for number in range(MOST_WAITING)],
        )
    assert queue.add(Confirmed("a" * 64, "icon", "weapon", "Iron Sword", image=b"x")) == "full"


def test_what_waits_is_limited_in_bytes_too_and_who_looks_is_told(
    player: Player, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    contributor = player.contributor()
    assert confirm(contributor, 1, 2) == [True, True]
    # A screen of noise has 120 kB, each of the icons 11.
    monkeypatch.setattr("detector_runtime.contribute.queue.MOST_WAITING_BYTES", 130_000)
    for seed in (3, 4):
        assert not contributor.confirm_screen(shot(seed, 200, 200), "ARMOUR")
    assert caplog.text.count("No more contributions are kept") == 1
    assert confirm(contributor, 1, name="Steel Sword") == [True], "its pixels wait already"
    assert (contributor.status().waiting, contributor.status().full) == (2, True)
    contributor.upload_now()
    assert not contributor.status().full
    assert contributor.confirm_screen(shot(3, 200, 200), "ARMOUR")


@pytest.mark.parametrize(
    "box", [(5, 5, 5, 9), (700, 5, 800, 9), (-9, -9, 0, 0), (0, 0, float("nan"), 1), (1, 2, 3)]
)
def test_a_box_must_have_a_pixel(player: Player, box: tuple[float, ...]) -> None:
    with pytest.raises(ImageError):
        player.contributor().confirm(shot(), box, "weapon", "Iron Sword")


@pytest.mark.parametrize("name", ["", "x" * 201])
def test_a_label_must_be_one(player: Player, name: str) -> None:
    with pytest.raises(ContributionError, match="cannot be a label"):
        player.contributor().confirm(shot(), BOX, "weapon", name)


def test_a_damaged_queue_is_explained(player: Player) -> None:
    contributor = player.contributor()
    confirm(contributor, 1)
    (player.home / "kept" / "contributions.sqlite").write_bytes(b"no database at all" * 100)
    with pytest.raises(ContributionError, match=r"contributions\.sqlite cannot be used"):
        confirm(contributor, 2)
    (player.home / "kept" / "contributions.sqlite").unlink()
    (player.home / "kept" / "install.json").write_text("{}", "utf-8")
    with pytest.raises(ContributionError, match=r"install\.json cannot be read"):
        contributor.status()


def test_an_install_is_random_and_says_nothing(player: Player) -> None:
    confirm(player.contributor(), 1)
    kept = json.loads((player.home / "kept" / "install.json").read_text("utf-8"))
    assert list(kept) == ["install"]
    assert player.contributor().status().install.version == 4  # type: ignore[union-attr]
