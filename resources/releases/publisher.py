"""Publishing, promoting and rolling back: what a person does with the private keys at hand."""

from __future__ import annotations

import getpass
import socket
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from detector_runtime.updates.documents import ChannelPointer, KeySet
from detector_runtime.updates.signatures import SigningKey, sign

from pipeline.release.channels import LIFETIME, version_before
from pipeline.release.key_sets import (
    first_key_set,
    require_room,
    with_release_key,
    with_root_key,
    without_key,
)
from pipeline.release.openssf import OpenssfKey
from pipeline.release.signed_bundle import sign_bundle
from pipeline.release.version import Publishable
from resources.keys.private_keys import PrivateKeyError, PrivateKeys
from resources.object_store.conformance import writes_conditionally
from resources.releases.release_store import (
    NoKeysError,
    PublishedVersion,
    ReleaseError,
    ReleaseStore,
)


def now() -> datetime:
    """The time, as documents have it."""
    return datetime.now(UTC).replace(microsecond=0)


@dataclass(frozen=True)
class Publisher:
    """Writes into a release store in the name of somebody.

    Attributes:
        actor: who this is, for the history.
        clock: the time in UTC, whole seconds.
    """

    store: ReleaseStore
    private_keys: PrivateKeys
    actor: str
    clock: Callable[[], datetime] = now

    def init_keys(self) -> KeySet:
        """Make the first keys, or go on where that was interrupted.

        Raises:
            ReleaseError: there are keys already.
            PrivateKeyError: they cannot be kept.
        """
        self.require_conditional_writes()
        with suppress(NoKeysError):
            keys = self.store.keys()
            raise ReleaseError(
                f"There are keys of {keys.name} already, of epoch {keys.epoch}.",
                "Use them: copy the private ones from where they were made. "
                "`outpost release keys rotate` makes further ones.",
            )
        model = self.store.name
        root = next(self.private_keys.all(model, "root"), None)
        release = next(self.private_keys.all(model, "release"), None)
        root = root or self.private_keys.add(model, "root")
        release = release or self.private_keys.add(model, "release")
        self.store.add_keys(first_key_set(model, root, release, self.clock()))
        return self.store.keys()

    def rotate_keys(self, *, root: bool = False) -> KeySet:
        """Make another release key, which signs from now on; those of before still count.

        Args:
            root: instead another root key, in the place of the one that is here.

        Raises:
            KeySetError: there are as many release keys as there can be.
            PrivateKeyError: no root key is here.
        """
        self.require_conditional_writes()
        trusted, signer = self._with_root_key()
        if not root:
            require_room(trusted)
        added = self.private_keys.add(self.store.name, "root" if root else "release")
        make = with_root_key if root else with_release_key
        self.store.add_keys(make(trusted, signer, added, self.clock()))
        return self.store.keys()

    def revoke_key(self, key_id: str) -> KeySet:
        """Have a release key count no more, from now on and for everything that it has signed.

        Raises:
            KeySetError: it is none, or the only one.
            PrivateKeyError: no root key is here.
        """
        self.require_conditional_writes()
        trusted, signer = self._with_root_key()
        self.store.add_keys(without_key(trusted, signer, key_id, self.clock()))
        return self.store.keys()

    def publish(self, new: Publishable) -> PublishedVersion:
        """Write a version, unless one that counts has the same files already, and still has them.

        Raises:
            ReleaseError: what is there differs, or several writers would not be told apart.
            PrivateKeyError: no release key is here.
        """
        self.require_conditional_writes()
        key, versions = self._release_key(), self.store.versions()
        counting = [one for one in versions if one.signed_by]
        sequence = _next_number(versions)
        manifest = new.manifest(sequence, counting[-1].id if counting else None)
        for one in reversed(counting):
            if one.manifest.files == manifest.files:
                self.store.restore(one, new.files)
                return one
        return self.store.publish(sign(manifest, key), new.files)

    def move(
        self, channel: str, version: PublishedVersion, reason: str, sequence: int
    ) -> ChannelPointer:
        """Have a channel offer a version.

        Args:
            sequence: `next_sequence` of when all that led to this was looked at.

        Raises:
            ChannelMovedError: somebody else has moved it since.
            ReleaseError: no key that counts has signed the version.
            PrivateKeyError: no release key is here.
        """
        self.require_conditional_writes()
        version.require_signed()
        issued = self.clock()
        pointer = ChannelPointer(
            name=self.store.name,
            channel=channel,
            sequence=sequence,
            version=version.id,
            manifest_sha256=version.manifest_sha256,
            keys_epoch=self.store.keys().epoch,
            issued_at=issued,
            expires_at=issued + LIFETIME,
            reason=reason,
            actor=self.actor,
        )
        self.store.move(sign(pointer, self._release_key()))
        return pointer

    def roll_back(self, channel: str, version_id: str | None, reason: str) -> ChannelPointer:
        """Have a channel offer an earlier version again, as a new move.

        Args:
            version_id: None for the one that the present version has replaced.

        Raises:
            ReleaseError: there is none, or a file of it was changed.
        """
        # Before the history is looked at: whatever moves from here on is noticed.
        sequence = self.store.next_sequence(channel)
        target = version_id or version_before(self.store.history(channel))
        if target is None:
            raise ReleaseError(
                f"{channel} of {self.store.name} has offered nothing before its present version.",
                "Name a version with --to; `outpost release list` shows them.",
            )
        version = self.store.version(target)
        with tempfile.TemporaryDirectory() as folder:
            self.store.download(version, Path(folder))
        return self.move(channel, version, reason, sequence)

    def renew(self, channel: str, reason: str) -> ChannelPointer | None:
        """Have a channel go on offering what it offers, as a new move that expires later.

        Returns:
            None where it offers nothing.

        Raises:
            ChannelMovedError: somebody else has moved it meanwhile.
            ReleaseError: no key that counts has signed the version.
            PrivateKeyError: no release key is here.
        """
        # Before the offer is looked at: whatever moves from here on is noticed.
        sequence, offer = self.store.next_sequence(channel), self.store.head(channel)
        if offer is None:
            return None
        return self.move(channel, self.store.version(offer.version), reason, sequence)

    def openssf_key(self, *, new: bool = False) -> OpenssfKey:
        """The key that signs for tools of others; made where there is none.

        Args:
            new: make another one, which signs from now on.

        Raises:
            PrivateKeyError: it is unreadable, or cannot be kept.
        """
        model = self.store.name
        found = None if new else self.private_keys.openssf(model)
        return found or self.private_keys.add_openssf(model)

    def sign_bundle(self, bundle: Path, folder: Path, *, openssf: bool = False) -> None:
        """Write a bundle into a new folder, signed; see `pipeline.release.signed_bundle`.

        Args:
            openssf: also with a signature that tools of others verify.

        Raises:
            BundleError: it is damaged.
            SigningError: it is of another model, or the folder is there already.
            PrivateKeyError: no release key is here, or no key for tools of others.
        """
        keys, name = self.store.keys_file(), self.store.name
        extra = self.private_keys.openssf(name) if openssf else None
        if openssf and extra is None:
            raise PrivateKeyError(
                f"There is no OpenSSF key of {name} here.",
                f"Make one: `outpost release keys openssf {name}.pub --game {name}`.",
            )
        sign_bundle(bundle, folder, name, self._release_key(), keys, self.clock(), extra)

    def require_conditional_writes(self) -> None:
        """Refuse a store in which two writers would overwrite each other.

        Raises:
            ReleaseError: it is one.
        """
        if not writes_conditionally(self.store.objects):
            raise ReleaseError(
                f"{self.store.objects.place} ignores the condition of a write: what one publishes, "
                "another can overwrite without knowing.",
                "Publish into a folder, Amazon S3, Cloudflare R2 or SeaweedFS instead; "
                f"`outpost release doctor --game {self.store.name}` shows all that is lacking.",
            )

    def _with_root_key(self) -> tuple[KeySet, SigningKey]:
        keys = self.store.keys()
        return keys, self.private_keys.find(keys.name, "root", keys.root_keys)

    def _release_key(self) -> SigningKey:
        keys = self.store.keys()
        return self.private_keys.find(keys.name, "release", keys.release_keys)


def _next_number(versions: Sequence[PublishedVersion]) -> int:
    """The first that nobody has used, after those that count.

    Anybody who can write there can use up the last of all numbers, with or without a key.
    """
    used = {one.manifest.sequence for one in versions}
    number = max((one.manifest.sequence for one in versions if one.signed_by), default=0) + 1
    while number in used:
        number += 1
    return number


def this_user() -> str:
    """Who works here, for the history: user@host."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError, ImportError):  # no such user, as in some containers
        user = "unknown"
    return f"{user}@{socket.gethostname()}"
