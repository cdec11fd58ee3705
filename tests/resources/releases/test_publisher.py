"""Publishing, moving channels and keys: kills at every write, rivals, and what is not believed."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest
from detector_runtime.errors import DocumentError, SignatureError
from detector_runtime.updates.documents import (
    MOST_KEYS,
    ChannelPointer,
    KeySet,
    Manifest,
    parse,
    version_folder,
)
from detector_runtime.updates.signatures import SigningKey, sign, verify
from doubles.releases import new_version

from pipeline.progress import Report, silent
from pipeline.release.channels import CHALLENGER, CHAMPION
from pipeline.release.key_sets import KeySetError
from pipeline.release.version import NewVersion
from resources.keys.private_keys import PrivateKeyError, PrivateKeys, Role
from resources.object_store.base import ObjectListing, StoredObject
from resources.object_store.folder import FolderStore
from resources.releases.publisher import Publisher, this_user
from resources.releases.release_store import (
    ChannelMovedError,
    NoKeysError,
    ReleaseError,
    ReleaseStore,
)


class KilledError(BaseException):
    """The process ends here."""


@dataclass
class MortalStore:
    """A store whose user is killed at the n-th write, before it or right after it."""

    store: FolderStore
    writes_left: float = float("inf")
    after: bool = False

    @property
    def place(self) -> str:
        return self.store.place

    def get(self, key: str) -> StoredObject | None:
        return self.store.get(key)

    def put_if_absent(self, key: str, content: bytes) -> str | None:
        return self._write(key, lambda: self.store.put_if_absent(key, content))

    def put_if_match(self, key: str, content: bytes, tag: str) -> str | None:
        return self._write(key, lambda: self.store.put_if_match(key, content, tag))

    def upload(self, key: str, file: Path) -> bool:
        return bool(self._write(key, lambda: self.store.upload(key, file)))

    def download(self, key: str, file: Path, report: Report = silent) -> None:
        self.store.download(key, file, report)

    def listing(self, prefix: str = "") -> Iterator[ObjectListing]:
        return self.store.listing(prefix)

    def delete(self, key: str) -> None:
        self.store.delete(key)

    def _write(self, key: str, write: Callable[[], object]) -> object:
        if key.startswith("doctor/"):
            return write()
        self.writes_left -= 1
        if self.writes_left < 0 and not self.after:
            raise KilledError
        done = write()
        if self.writes_left < 0:
            raise KilledError
        return done


@pytest.fixture
def mortal(tmp_path: Path) -> MortalStore:
    return MortalStore(FolderStore(tmp_path / "store"))


@pytest.fixture
def publisher(mortal: MortalStore, tmp_path: Path) -> Publisher:
    store = ReleaseStore(mortal, "demo")
    return Publisher(store, PrivateKeys(tmp_path / "keys"), "tester")


@pytest.fixture(scope="module")
def versions(tmp_path_factory: pytest.TempPathFactory) -> list[NewVersion]:
    folder = tmp_path_factory.mktemp("versions")
    return [new_version(folder / name) for name in ("a", "b")]


def published(publisher: Publisher, new: NewVersion, channel: str = CHAMPION) -> str:
    sequence = publisher.store.next_sequence(channel)
    version = publisher.publish(new)
    publisher.move(channel, version, "because", sequence)
    return version.id


def what_a_client_sees(folder: Path) -> tuple[int, str] | None:
    """As a client reads it: keys, channel, manifest, files, all verified from the first keys on."""
    home = folder / "models" / "demo"
    if not (home / "channels" / "champion.json").exists():
        return None
    keys = parse((home / "keys.json").read_bytes(), KeySet, "").document
    pointer = parse((home / "channels" / "champion.json").read_bytes(), ChannelPointer, "")
    verify(pointer, keys.release_keys)
    version = home / "versions" / pointer.document.version
    manifest = parse((version / "manifest.json").read_bytes(), Manifest, "")
    verify(manifest, keys.release_keys)
    for name, expected in manifest.document.files.items():
        assert (version / name).stat().st_size == expected.size
    return pointer.document.sequence, pointer.document.version


@pytest.mark.parametrize("after", [False, True])
def test_a_publication_can_be_killed_at_every_write(
    publisher: Publisher, mortal: MortalStore, versions: list[NewVersion], after: bool
) -> None:
    publisher.init_keys()
    before = (1, published(publisher, versions[0]))
    mortal.after = after
    for killed in range(5):  # four files and the manifest
        mortal.writes_left = killed
        with pytest.raises(KilledError):
            publisher.publish(versions[1])
        assert what_a_client_sees(mortal.store.root) == before
        whole = after and killed == 4
        assert len(publisher.store.versions()) == (2 if whole else 1)
    mortal.writes_left = 5
    assert publisher.publish(versions[1]).manifest.sequence == 2
    assert len(publisher.store.versions()) == 2


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("last", range(2))
def test_a_move_that_is_killed_has_happened_or_not(
    publisher: Publisher, mortal: MortalStore, versions: list[NewVersion], last: int, after: bool
) -> None:
    publisher.init_keys()
    before = (1, published(publisher, versions[0]))
    second = publisher.publish(versions[1])
    mortal.writes_left, mortal.after = last, after
    with pytest.raises(KilledError):
        publisher.move(CHAMPION, second, "because", 2)
    mortal.writes_left = float("inf")
    # Decided with the first write, the history; seen by clients with the second.
    decided, seen = last > 0 or after, last > 0 and after
    assert what_a_client_sees(mortal.store.root) == ((2, second.id) if seen else before)
    assert len(publisher.store.history(CHAMPION)) == (2 if decided else 1)
    third = publisher.publish(versions[0])
    sequence = publisher.store.next_sequence(CHAMPION)
    publisher.move(CHAMPION, third, "and on", sequence)
    assert sequence == (3 if decided else 2)
    assert what_a_client_sees(mortal.store.root) == (sequence, third.id)


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("last", range(2))
def test_keys_whose_making_was_interrupted_are_made_on(
    publisher: Publisher, mortal: MortalStore, after: bool, last: int
) -> None:
    mortal.writes_left, mortal.after = last, after
    with pytest.raises(KilledError):
        publisher.init_keys()
    mortal.writes_left = float("inf")
    if publisher.store.objects.get("models/demo/keys/000001.json"):
        publisher.store.settle_keys()
        with pytest.raises(ReleaseError, match="are keys of demo already"):
            publisher.init_keys()
    else:
        publisher.init_keys()
    assert len(list(publisher.private_keys.all("demo", "root"))) == 1
    shown = (mortal.store.root / "models/demo/keys.json").read_bytes()
    assert parse(shown, KeySet, "").document == publisher.store.keys()


def test_the_same_files_are_one_version(publisher: Publisher, versions: list[NewVersion]) -> None:
    publisher.init_keys()
    first = publisher.publish(versions[0])
    assert publisher.publish(versions[0]) == first
    second = publisher.publish(versions[1])
    assert (second.manifest.sequence, second.manifest.previous) == (2, first.id)
    assert publisher.store.versions() == (first, second)


def test_of_two_who_promote_one_wins(publisher: Publisher, versions: list[NewVersion]) -> None:
    publisher.init_keys()
    one, other = (publisher.publish(new) for new in versions)
    for _ in range(5):
        sequence = publisher.store.next_sequence(CHAMPION)
        start = threading.Barrier(4)

        def promote(number: int, start=start, sequence=sequence) -> bool:
            actor = replace(publisher, actor=f"person {number}")
            start.wait()
            try:
                actor.move(CHAMPION, (one, other)[number % 2], f"person {number}", sequence)
            except ChannelMovedError:
                return False
            return True

        with ThreadPoolExecutor(4) as pool:
            winners = [n for n, won in enumerate(pool.map(promote, range(4))) if won]
        assert len(winners) == 1
        head = publisher.store.head(CHAMPION)
        assert head is not None
        assert (head.sequence, head.actor) == (sequence, f"person {winners[0]}")
        assert publisher.store.shown(CHAMPION) == head
    assert len(publisher.store.history(CHAMPION)) == 5


def test_a_rollback_is_one_more_move(publisher: Publisher, versions: list[NewVersion]) -> None:
    publisher.init_keys()
    a = published(publisher, versions[0])
    with pytest.raises(ReleaseError, match="nothing before"):
        publisher.roll_back(CHAMPION, None, "no")
    b = published(publisher, versions[1])
    move = publisher.roll_back(CHAMPION, None, "sees ghosts")
    assert (move.sequence, move.version, move.reason) == (3, a, "sees ghosts")
    assert publisher.store.shown(CHAMPION) == move
    with pytest.raises(ReleaseError, match="nothing before"):
        publisher.roll_back(CHAMPION, None, "and further")
    assert publisher.roll_back(CHAMPION, b, "they were real").version == b
    assert [one.version for one in publisher.store.history(CHAMPION)] == [a, b, a, b]


def test_renewing_offers_the_same_for_longer_and_is_no_step_on_the_way_back(
    publisher: Publisher, versions: list[NewVersion]
) -> None:
    publisher.init_keys()
    assert publisher.renew(CHAMPION, "renewed") is None
    a = published(publisher, versions[0])
    b = published(publisher, versions[1])
    offered = publisher.store.head(CHAMPION)
    assert offered is not None
    later = replace(publisher, clock=lambda: offered.issued_at + timedelta(days=300))
    renewed = later.renew(CHAMPION, "renewed")
    assert renewed is not None
    assert renewed == publisher.store.shown(CHAMPION)
    assert (renewed.version, renewed.manifest_sha256) == (b, offered.manifest_sha256)
    assert renewed.expires_at - offered.expires_at == timedelta(days=300)
    assert publisher.roll_back(CHAMPION, None, "sees ghosts").version == a


def somebody_else_offers(
    version: str, publisher: Publisher, monkeypatch: pytest.MonkeyPatch, *, meanwhile: str
) -> None:
    """Somebody else moves a channel once it has been looked at in this way of the store's."""
    look = getattr(ReleaseStore, meanwhile)

    def look_and_wait(store: ReleaseStore, channel: str) -> object:
        found: object = look(store, channel)
        monkeypatch.undo()
        sequence = store.next_sequence(channel)
        publisher.move(channel, store.version(version), "somebody else", sequence)
        return found

    monkeypatch.setattr(ReleaseStore, meanwhile, look_and_wait)


def test_renewing_takes_back_no_move_that_it_has_not_seen(
    publisher: Publisher, versions: list[NewVersion], monkeypatch: pytest.MonkeyPatch
) -> None:
    publisher.init_keys()
    a = published(publisher, versions[0])
    published(publisher, versions[1])
    somebody_else_offers(a, publisher, monkeypatch, meanwhile="head")
    with suppress(ChannelMovedError):
        publisher.renew(CHAMPION, "renewed")
    head = publisher.store.head(CHAMPION)
    assert head is not None
    assert head.version == a


def test_a_rollback_goes_back_from_no_move_that_it_has_not_seen(
    publisher: Publisher, versions: list[NewVersion], monkeypatch: pytest.MonkeyPatch
) -> None:
    publisher.init_keys()
    published(publisher, versions[0])
    b = published(publisher, versions[1])
    somebody_else_offers(b, publisher, monkeypatch, meanwhile="history")
    with pytest.raises(ChannelMovedError, match="somebody else"):
        publisher.roll_back(CHAMPION, None, "sees ghosts")


def test_a_rollback_offers_no_changed_file(
    publisher: Publisher, versions: list[NewVersion], mortal: MortalStore
) -> None:
    publisher.init_keys()
    a = published(publisher, versions[0])
    published(publisher, versions[1])
    home = mortal.store.root / "models" / "demo" / "versions" / a
    (home / "model.onnx").write_bytes(b"changed")
    before = publisher.store.head(CHAMPION)
    with pytest.raises(ReleaseError, match=r"model\.onnx .* was changed"):
        publisher.roll_back(CHAMPION, None, "sees ghosts")
    assert publisher.store.head(CHAMPION) == before


def test_a_key_that_was_rotated_counts_until_it_is_revoked(
    publisher: Publisher, versions: list[NewVersion], tmp_path: Path
) -> None:
    first = publisher.init_keys()
    (old,) = first.release_keys
    with pytest.raises(KeySetError, match="only release key"):
        publisher.revoke_key(old)
    published(publisher, versions[0])
    second = publisher.rotate_keys()
    (new,) = set(second.release_keys) - {old}
    assert publisher.store.head(CHAMPION) is not None
    moved = published(publisher, versions[1])
    assert publisher.store.version(moved).signed_by == new
    third = publisher.revoke_key(old)
    assert (third.epoch, tuple(third.release_keys)) == (3, (new,))
    assert [one.version for one in publisher.store.history(CHAMPION)] == [moved]
    assert [one.signed_by for one in publisher.store.versions()] == [None, new]
    head = publisher.store.head(CHAMPION)
    assert head is not None
    assert head.keys_epoch == 2
    unsigned = publisher.store.versions()[0]
    with pytest.raises(ReleaseError, match="No key that counts"):
        publisher.roll_back(CHAMPION, unsigned.id, "back")
    with pytest.raises(ReleaseError, match="No key that counts"):
        publisher.move(CHAMPION, unsigned, "back", publisher.store.next_sequence(CHAMPION))
    with pytest.raises(ReleaseError, match="No key that counts"):
        publisher.store.download(unsigned, tmp_path / "unsigned")
    again = publisher.publish(versions[0])
    assert (again.manifest.sequence, again.signed_by) == (3, new)
    with pytest.raises(KeySetError, match="no release key"):
        publisher.revoke_key("0" * 16)


def test_more_keys_than_clients_take_are_not_even_made(
    publisher: Publisher, tmp_path: Path
) -> None:
    for number in range(1, MOST_KEYS):
        keys = publisher.rotate_keys() if number > 1 else publisher.init_keys()
        assert len(keys.release_keys) == number
    assert len(publisher.rotate_keys().release_keys) == MOST_KEYS
    made = sorted((tmp_path / "keys" / "demo").iterdir())
    with pytest.raises(KeySetError, match="no more are taken"):
        publisher.rotate_keys()
    assert sorted((tmp_path / "keys" / "demo").iterdir()) == made
    assert publisher.rotate_keys(root=True).epoch == MOST_KEYS + 1


def test_a_file_that_is_lost_is_written_again(
    publisher: Publisher, versions: list[NewVersion], mortal: MortalStore, tmp_path: Path
) -> None:
    publisher.init_keys()
    version = publisher.publish(versions[0])
    model = mortal.store.root / "models" / "demo" / "versions" / version.id / "model.onnx"
    model.unlink()
    assert publisher.publish(versions[0]) == version
    publisher.store.download(version, tmp_path / "whole")
    model.write_bytes(b"cut off")
    with pytest.raises(ReleaseError, match="other bytes"):
        publisher.publish(versions[0])


def test_another_root_key_takes_the_place_of_the_old_one(publisher: Publisher) -> None:
    first = publisher.init_keys()
    second = publisher.rotate_keys(root=True)
    assert set(first.root_keys).isdisjoint(second.root_keys)
    assert publisher.rotate_keys().epoch == 3


def test_what_a_stranger_writes_does_not_count(
    publisher: Publisher, versions: list[NewVersion], mortal: MortalStore
) -> None:
    keys = publisher.init_keys()
    published(publisher, versions[0])
    head = publisher.store.head(CHAMPION)
    assert head is not None
    stranger = SigningKey.generate()
    forged = head.model_copy(update={"sequence": 2, "reason": "trust me"})
    content = sign(forged, stranger).to_bytes()
    mortal.store.put_if_absent("models/demo/history/champion/00000002.json", content)
    found = mortal.store.get("models/demo/channels/champion.json")
    assert found is not None
    mortal.store.put_if_match("models/demo/channels/champion.json", content, found.tag)
    assert publisher.store.head(CHAMPION) == head
    assert publisher.store.shown(CHAMPION) is None
    # Moves go on behind it, and the channel's own file is taken back.
    moved = published(publisher, versions[1])
    shown = publisher.store.shown(CHAMPION)
    assert shown is not None
    assert (shown.sequence, shown.version) == (3, moved)
    own = keys.model_copy(update={"epoch": 2, "root_keys": {stranger.id: stranger.public}})
    content = sign(own, stranger).to_bytes()
    mortal.store.put_if_absent("models/demo/keys/000002.json", content)
    with pytest.raises(SignatureError):
        publisher.store.keys()


def test_what_counts_in_one_place_does_not_in_another(
    publisher: Publisher, versions: list[NewVersion], mortal: MortalStore
) -> None:
    publisher.init_keys()
    published(publisher, versions[0], CHALLENGER)
    published(publisher, versions[1])
    before = publisher.store.history(CHAMPION)
    home = mortal.store.root / "models" / "demo"
    # A move of another channel, and one of this channel that was made before.
    moves = home / "history" / "champion"
    shutil.copy(home / "history" / "challenger" / "00000001.json", moves / "00000002.json")
    shutil.copy(moves / "00000001.json", moves / "00000003.json")
    assert publisher.store.history(CHAMPION) == before
    assert publisher.store.head(CHAMPION) == before[-1]
    # A version under another number.
    (first, second) = publisher.store.versions()
    renamed = f"000009-{first.id.partition('-')[2]}"
    shutil.copytree(home / "versions" / first.id, home / "versions" / renamed)
    assert publisher.store.version(renamed).signed_by is None
    assert second.signed_by is not None
    # Keys, and all else, of another model.
    shutil.copytree(home, home.with_name("other"))
    with pytest.raises(NoKeysError):
        ReleaseStore(mortal, "other").keys()


def test_of_two_who_change_the_keys_one_is_told(
    publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    publisher.init_keys()
    add = PrivateKeys.add

    def add_late(keys: PrivateKeys, model: str, role: Role) -> SigningKey:
        monkeypatch.undo()
        publisher.rotate_keys()
        return add(keys, model, role)

    monkeypatch.setattr(PrivateKeys, "add", add_late)
    with pytest.raises(ReleaseError, match="other keys of demo, epoch 2"):
        publisher.rotate_keys()
    assert publisher.store.keys().epoch == 2


def test_who_is_late_takes_back_nothing_that_clients_see(
    publisher: Publisher,
    versions: list[NewVersion],
    mortal: MortalStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    publisher.init_keys()
    published(publisher, versions[0])
    head, keys = publisher.store._head(CHAMPION), publisher.store.keys()
    second = published(publisher, versions[1])
    publisher.rotate_keys()
    shown = mortal.store.root / "models" / "demo" / "keys.json"
    newest = shown.read_bytes()
    monkeypatch.setattr(ReleaseStore, "_head", lambda *_: head)
    publisher.store.settle(CHAMPION)
    monkeypatch.undo()
    found = publisher.store.shown(CHAMPION)
    assert found is not None
    assert found.version == second
    monkeypatch.setattr(ReleaseStore, "keys", lambda _: keys)
    publisher.store.settle_keys()
    assert shown.read_bytes() == newest


def test_versions_are_in_order_when_numbers_get_longer(
    publisher: Publisher, versions: list[NewVersion]
) -> None:
    publisher.init_keys()
    key = next(publisher.private_keys.all("demo", "release"))
    for number, new in zip((999_999, 1_000_000), versions, strict=True):
        publisher.store.publish(sign(new.manifest(number, None), key), new.files)
    assert [one.manifest.sequence for one in publisher.store.versions()] == [999_999, 1_000_000]


def test_copies_that_somebody_has_put_there_are_passed_over(
    publisher: Publisher, versions: list[NewVersion], mortal: MortalStore
) -> None:
    publisher.init_keys()
    published(publisher, versions[0])
    before = (publisher.store.versions(), publisher.store.history(CHAMPION))
    home = mortal.store.root / "models" / "demo"
    (version,) = (home / "versions").iterdir()
    for name in (f"{version.name} copy", f"{version.name}.bak", "old"):
        shutil.copytree(version, home / "versions" / name)
    shutil.copytree(version, version / "inside")
    for name in ("7.json", "00000001 (1).json", "000000002.json", "٠٠٠٠٠٠٠٥.json"):
        shutil.copy(
            home / "history" / "champion" / "00000001.json", home / "history" / "champion" / name
        )
    for name in ("2.json", "0000001.json"):
        shutil.copy(home / "keys" / "000001.json", home / "keys" / name)
    assert (publisher.store.versions(), publisher.store.history(CHAMPION)) == before
    assert publisher.store.next_sequence(CHAMPION) == 2


def test_the_last_of_all_numbers_keeps_nobody_from_publishing(
    publisher: Publisher, versions: list[NewVersion], mortal: MortalStore
) -> None:
    publisher.init_keys()
    last = sign(versions[0].manifest(99_999_999, None), SigningKey.generate())
    key = f"models/demo/versions/{version_folder(last)}/manifest.json"
    mortal.store.put_if_absent(key, last.to_bytes())
    assert publisher.publish(versions[0]).manifest.sequence == 1
    assert publisher.publish(versions[1]).manifest.sequence == 2


@pytest.mark.parametrize("what", ["manifest.json", "000001.json"])
def test_a_damaged_document_says_how_to_go_on(
    publisher: Publisher, versions: list[NewVersion], mortal: MortalStore, what: str
) -> None:
    publisher.init_keys()
    published(publisher, versions[0])
    (damaged,) = (file for file in mortal.store.root.rglob(what) if "history" not in file.parts)
    damaged.write_text("{", "utf-8")
    with pytest.raises(DocumentError, match="is no signed document") as told:
        publisher.publish(versions[1])
    assert "restore" in told.value.fix


def test_a_changed_file_is_neither_downloaded_nor_published_over(
    publisher: Publisher, versions: list[NewVersion], mortal: MortalStore, tmp_path: Path
) -> None:
    publisher.init_keys()
    version = publisher.publish(versions[0])
    publisher.store.download(version, tmp_path / "whole")
    home = mortal.store.root / "models" / "demo" / "versions" / version.id
    (home / "model.onnx").write_bytes(b"changed")
    with pytest.raises(ReleaseError, match=r"model\.onnx .* was changed"):
        publisher.store.download(version, tmp_path / "changed")
    (home / "manifest.json").unlink()
    with pytest.raises(ReleaseError, match="other bytes"):
        publisher.publish(versions[0])
    assert publisher.store.versions() == ()


def test_a_store_that_loses_writes_is_refused(
    publisher: Publisher, versions: list[NewVersion], monkeypatch: pytest.MonkeyPatch
) -> None:
    publisher.init_keys()
    monkeypatch.setattr(MortalStore, "put_if_absent", lambda *_: "written")
    with pytest.raises(ReleaseError, match="ignores the condition"):
        publisher.publish(versions[0])


def test_without_a_private_key_nothing_is_written(
    publisher: Publisher, versions: list[NewVersion], tmp_path: Path
) -> None:
    publisher.init_keys()
    other = replace(publisher, private_keys=PrivateKeys(tmp_path / "others"))
    with pytest.raises(PrivateKeyError, match="None of the private release keys"):
        other.publish(versions[0])
    assert publisher.store.versions() == ()
    assert publisher.store.head(CHALLENGER) is None


def test_the_history_says_who() -> None:
    assert "@" in this_user()
