"""The published versions of one model in an object store.

::

    models/<name>/
        keys/<epoch>.json, keys.json              whose signatures count
        versions/<id>/<file>, manifest.json       immutable; a version is there with its manifest
        history/<channel>/<sequence>.json         every move of a channel, signed
        channels/<channel>.json                   the newest of them, for clients

A move is decided when its history entry is written, which one of all writers does; the channel's
own file follows. Likewise for keys. Where a writer was killed in between, `settle` catches up.
"""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from detector_runtime.errors import DetectorError, DocumentError, SignatureError
from detector_runtime.updates.documents import (
    KEYS_FILE,
    MANIFEST_FILE,
    ChannelPointer,
    Document,
    Envelope,
    KeySet,
    Manifest,
    parse,
    version_folder,
)
from detector_runtime.updates.signatures import verify, verify_first_keys, verify_next_keys

from pipeline.errors import OutpostError
from pipeline.manifests import sha256_of
from pipeline.progress import Report, silent
from pipeline.release.version import OpenVersion
from resources.object_store.base import ObjectStore, StoredObject

ATTEMPTS = 20
# Names as they are written here: what somebody has copied beside them is none of it.
KEYS_ENTRY = re.compile(r"([0-9]{6}|[1-9][0-9]{6,7})\.json")
HISTORY_ENTRY = re.compile(r"([0-9]{8})\.json")
VERSION_ENTRY = re.compile(r"([0-9]{6,8}-[0-9a-f]{12})/manifest\.json")


class ReleaseError(OutpostError):
    """Something published that is missing, damaged, or signed by somebody else."""


class NoKeysError(ReleaseError):
    """Nothing can be signed or verified yet."""


class ChannelMovedError(ReleaseError):
    """Somebody else has moved the channel meanwhile."""


@dataclass(frozen=True)
class PublishedVersion:
    """A version in the store.

    Attributes:
        id: the name of its folder.
        signed_by: id of the key; None where no key that counts now has signed it.
    """

    id: str
    manifest: Manifest
    manifest_sha256: str
    signed_by: str | None

    def require_signed(self) -> None:
        """Refuse a version that nobody should get.

        Raises:
            ReleaseError: no key that counts now has signed it.
        """
        if self.signed_by is None:
            raise ReleaseError(
                f"No key that counts now has signed version {self.id}.",
                "Publish it again: materialize published_model, which signs with a key of now.",
            )


@dataclass(frozen=True)
class ReleaseStore:
    """See the module.

    Attributes:
        name: of the model, which is the game's.
    """

    objects: ObjectStore
    name: str

    @property
    def place(self) -> str:
        """Where it is, for people."""
        return f"{self.objects.place}/{self._key('')}".rstrip("/")

    def keys(self) -> KeySet:
        """The keys that count now: every epoch follows from the first.

        Raises:
            NoKeysError: there are none.
            SignatureError: an epoch does not follow from the one before.
        """
        trusted: KeySet | None = None
        for epoch in self._numbers("keys/", KEYS_ENTRY):
            found = self._document(f"keys/{epoch:06d}.json", KeySet)
            trusted = verify_next_keys(found, trusted) if trusted else verify_first_keys(found)
        if trusted is None or trusted.name != self.name:
            raise NoKeysError(
                f"There are no keys of {self.name} in {self.objects.place}.",
                f"Make them: `outpost release keys init --game {self.name}`.",
            )
        return trusted

    def keys_file(self) -> bytes:
        """The newest set of keys with its signatures, as clients pin it.

        Raises:
            NoKeysError: there is none.
        """
        return self._content(f"keys/{self.keys().epoch:06d}.json")

    def add_keys(self, keys: Envelope[KeySet]) -> None:
        """Make a set of keys the current one.

        Raises:
            ReleaseError: there are other keys of that epoch.
        """
        content = keys.to_bytes()
        key = f"keys/{keys.document.epoch:06d}.json"
        if self._put(key, content) is None and self._content(key) != content:
            raise ReleaseError(
                f"There are other keys of {self.name}, epoch {keys.document.epoch}, already.",
                "Somebody has changed them meanwhile; `outpost release list` shows those of now.",
            )
        self.settle_keys()

    def settle_keys(self) -> None:
        """Bring keys.json up to the newest epoch.

        Raises:
            NoKeysError: there is none.
        """
        newest = self.keys().epoch
        self._bring_up(KEYS_FILE, self.keys_file(), lambda found: self._epoch_of(found) > newest)

    def versions(self) -> tuple[PublishedVersion, ...]:
        """Every whole version, oldest first.

        Raises:
            NoKeysError: there are none.
            DocumentError: a manifest is damaged, or newer than this Outpost.
        """
        keys, ids = self.keys(), self._entries("versions/", VERSION_ENTRY)
        found = (self._version(version_id, keys) for version_id in ids)
        return tuple(sorted(found, key=lambda one: one.manifest.sequence))

    def version(self, version_id: str) -> PublishedVersion:
        """One version.

        Raises:
            ReleaseError: there is none of that name.
        """
        return self._version(version_id, self.keys())

    def publish(self, manifest: Envelope[Manifest], files: Mapping[str, Path]) -> PublishedVersion:
        """Write a version: its files, and then the manifest, with which it is there.

        Writing it again completes it.

        Args:
            files: by the name that the manifest has for them.

        Raises:
            ReleaseError: a file is there with other bytes.
        """
        version_id = version_folder(manifest)
        for name in sorted(manifest.document.files):
            key = f"versions/{version_id}/{name}"
            if not self.objects.upload(self._key(key), files[name]):
                self._require_same(key, manifest.document.files[name].sha256)
        key = f"versions/{version_id}/{MANIFEST_FILE}"
        if self._put(key, manifest.to_bytes()) is None:
            # The same content may have been signed by an older key; then that one stays.
            self._document(key, Manifest)
        return self.version(version_id)

    def restore(self, version: PublishedVersion, files: Mapping[str, Path]) -> None:
        """Write files of a version again that are not there any more.

        Args:
            files: by the name that the manifest has for them.

        Raises:
            ReleaseError: a file is there with another size.
        """
        prefix = f"versions/{version.id}/"
        whole = self._key(prefix)
        there = {one.key.removeprefix(whole): one.size for one in self.objects.listing(whole)}
        for name, expected in sorted(version.manifest.files.items()):
            if name not in there:
                self.objects.upload(self._key(prefix + name), files[name])
            elif there[name] != expected.size:
                raise self._other_bytes(prefix + name)

    def download(
        self, version: PublishedVersion, folder: Path, report: Report = silent
    ) -> OpenVersion:
        """Bring a version here and verify each file.

        Raises:
            ReleaseError: it was changed, or no key that counts has signed it.
        """
        version.require_signed()
        for name, expected in version.manifest.files.items():
            file = folder / name
            self.objects.download(self._key(f"versions/{version.id}/{name}"), file, report)
            if sha256_of(file) != expected.sha256:
                raise ReleaseError(
                    f"{name} of version {version.id} in {self.place} was changed after it was "
                    "published.",
                    "Do not promote it. Publish it again under a new version, and find out who "
                    "can write there.",
                )
        return OpenVersion(version.id, folder, version.manifest)

    def history(self, channel: str) -> tuple[ChannelPointer, ...]:
        """Every move of a channel that keys have signed which count now, oldest first."""
        keys = self.keys()
        entries = (
            self._entry(channel, number, keys)
            for number in self._numbers(f"history/{channel}/", HISTORY_ENTRY)
        )
        return tuple(entry.document for entry in entries if entry is not None)

    def head(self, channel: str) -> ChannelPointer | None:
        """The move that counts: the newest that a key has signed which counts now."""
        found = self._head(channel)
        return found.document if found else None

    def shown(self, channel: str) -> ChannelPointer | None:
        """What clients see; behind `head` where a writer was killed, until `settle`."""
        found = self.objects.get(self._key(f"channels/{channel}.json"))
        return self._pointer(found, self.keys()) if found else None

    def next_sequence(self, channel: str) -> int:
        """The first number after the head that nobody has used."""
        head, used = self.head(channel), set(self._numbers(f"history/{channel}/", HISTORY_ENTRY))
        number = head.sequence + 1 if head else 1
        while number in used:
            number += 1
        return number

    def move(self, pointer: Envelope[ChannelPointer]) -> None:
        """Move a channel.

        Args:
            pointer: with the sequence that was the next one when all that led to it was looked at.

        Raises:
            ChannelMovedError: somebody else has moved it since.
        """
        moved = pointer.document
        key = f"history/{moved.channel}/{moved.sequence:08d}.json"
        if self._put(key, pointer.to_bytes()) is None:
            head = self.head(moved.channel)
            whereto = f" to {head.version} ({head.actor}: {head.reason})" if head else ""
            raise ChannelMovedError(
                f"Somebody else has moved {moved.channel} of {self.name} meanwhile{whereto}.",
                "Look at `outpost release list`, and run the command again if you still want it.",
            )
        self.settle(moved.channel)

    def settle(self, channel: str) -> None:
        """Bring a channel's own file up to its history."""
        head = self._head(channel)
        if head is not None:
            keys, number = self.keys(), head.document.sequence
            self._bring_up(
                f"channels/{channel}.json",
                head.to_bytes(),
                lambda found: (
                    (shown := self._pointer(found, keys)) is not None and shown.sequence > number
                ),
            )

    def _bring_up(self, key: str, content: bytes, is_newer: Callable[[StoredObject], bool]) -> None:
        """Replace an object by a newer one, however many writers try to at the same time."""
        for _ in range(ATTEMPTS):
            found = self.objects.get(self._key(key))
            if found is None:
                if self._put(key, content) is not None:
                    return
            elif (
                found.content == content
                or is_newer(found)
                or self.objects.put_if_match(self._key(key), content, found.tag) is not None
            ):
                return
        raise ReleaseError(
            f"{key} of {self.name} was changed {ATTEMPTS} times while it was written.",
            f"Run `outpost release doctor --game {self.name}` when nobody else publishes.",
        )

    def _head(self, channel: str) -> Envelope[ChannelPointer] | None:
        keys = self.keys()
        numbers = reversed(self._numbers(f"history/{channel}/", HISTORY_ENTRY))
        entries = (self._entry(channel, number, keys) for number in numbers)
        return next((entry for entry in entries if entry is not None), None)

    def _entry(self, channel: str, number: int, keys: KeySet) -> Envelope[ChannelPointer] | None:
        """A move of the history; None where it is not one that counts."""
        where = f"history/{channel}/{number:08d}.json"
        try:
            entry = self._document(where, ChannelPointer)
            verify(entry, keys.release_keys)
        except DetectorError:
            return None
        same = (entry.document.name, entry.document.channel, entry.document.sequence)
        return entry if same == (self.name, channel, number) else None

    def _pointer(self, found: StoredObject, keys: KeySet) -> ChannelPointer | None:
        try:
            pointer = parse(found.content, ChannelPointer, self.place)
            verify(pointer, keys.release_keys)
        except DetectorError:
            return None
        return pointer.document

    def _epoch_of(self, found: StoredObject) -> int:
        try:
            return parse(found.content, KeySet, self.place).document.epoch
        except DetectorError:
            return 0

    def _version(self, version_id: str, keys: KeySet) -> PublishedVersion:
        key = f"versions/{version_id}/{MANIFEST_FILE}"
        content = self._content(key)
        manifest = self._parsed(content, key, Manifest)
        try:
            signed_by: str | None = verify(manifest, keys.release_keys)
            if version_folder(manifest) != version_id or manifest.document.name != self.name:
                signed_by = None
        except SignatureError:
            signed_by = None
        digest = hashlib.sha256(content).hexdigest()
        return PublishedVersion(version_id, manifest.document, digest, signed_by)

    def _require_same(self, key: str, sha256: str) -> None:
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / "copy"
            self.objects.download(self._key(key), copy)
            if sha256_of(copy) == sha256:
                return
        raise self._other_bytes(key)

    def _other_bytes(self, key: str) -> ReleaseError:
        return ReleaseError(
            f"{key} is in {self.place} already, with other bytes.",
            "Somebody has changed it there: move it away, then publish again.",
        )

    def _numbers(self, prefix: str, entry: re.Pattern[str]) -> list[int]:
        """Of the entries right below a prefix, in order."""
        return sorted(int(number) for number in self._entries(prefix, entry))

    def _entries(self, prefix: str, entry: re.Pattern[str]) -> list[str]:
        """What a pattern finds in the names below a prefix."""
        whole = self._key(prefix)
        names = (one.key.removeprefix(whole) for one in self.objects.listing(whole))
        return [match[1] for name in names if (match := entry.fullmatch(name))]

    def _document(self, key: str, kind: type[Document]) -> Envelope[Document]:
        return self._parsed(self._content(key), key, kind)

    def _parsed(self, content: bytes, key: str, kind: type[Document]) -> Envelope[Document]:
        try:
            return parse(content, kind, f"{self.place}/{key}")
        except DocumentError as error:
            what = "that version" if kind is Manifest else "it"
            raise DocumentError(
                error.problem,
                f"{error.fix} If it is damaged there, restore {what} from a copy; a version may "
                "also be moved away, folder and all, and published again.",
            ) from error

    def _content(self, key: str) -> bytes:
        found = self.objects.get(self._key(key))
        if found is None:
            raise ReleaseError(
                f"There is no {key} in {self.place}.",
                "`outpost release list` shows what there is.",
            )
        return found.content

    def _put(self, key: str, content: bytes) -> str | None:
        return self.objects.put_if_absent(self._key(key), content)

    def _key(self, key: str) -> str:
        return f"models/{self.name}/{key}"
