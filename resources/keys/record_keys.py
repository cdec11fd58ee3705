"""Keys that sign records of artifacts: this installation's, and those of others that count here.

    <folder>/record-<id>.pem      private, made when the first record is signed (`private_keys`)
    <folder>/record_keys.json     public keys that count, and ids that do not any more

They lie outside the artifact store: whoever can write that one must not decide whose word counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Annotated

from detector_runtime.updates.documents import KeyId, public_key_id
from detector_runtime.updates.signatures import SigningKey
from filelock import FileLock
from pydantic import Field, ValidationError, field_validator

from pipeline.errors import OutpostError
from pipeline.files import replacing, write_json
from pipeline.manifests import Record
from pipeline.provenance import Provenance
from pipeline.release.lineage.signed_records import sign_record
from resources.keys.private_keys import PrivateKeyError, PrivateKeys

KEYS_FILE = "record_keys.json"
LOCK_FILE = "record_keys.lock"
OWN = "this installation"
LONGEST_NAME = 100

Name = Annotated[str, Field(min_length=1, max_length=LONGEST_NAME)]


class RecordKeyError(OutpostError):
    """A public key that is none, or is not known here."""


class TrustedKey(Record):
    """A public key whose signatures of records count here."""

    public: str = Field(description="32 bytes in base64 (RFC 8032).")
    name: Name = Field(description="Whose it is, for people.")


class TrustedKeys(Record):
    """The content of `record_keys.json`."""

    trusted: dict[KeyId, TrustedKey] = Field({}, description="By id.")
    revoked: frozenset[KeyId] = Field(
        frozenset(), description="Own ones too, of which the private key may still be here."
    )

    @field_validator("trusted")
    @classmethod
    def _ids_fit(cls, keys: dict[str, TrustedKey]) -> dict[str, TrustedKey]:
        for name, key in keys.items():
            if public_key_id(key.public) != name:
                raise ValueError(f"{name} is not the id of the key beside it")
        return keys


@dataclass(frozen=True)
class RecordKeys:
    """The keys for records of this user's artifacts.

    Attributes:
        given: where private keys are; None: where all of this user's are, which is looked for when
            they are needed. Who reads and makes artifacts need not have such a place.
    """

    given: PrivateKeys | None = None

    @property
    def private(self) -> PrivateKeys:
        """Where private keys are.

        Raises:
            PrivateKeyError: they would lie in the repository.
        """
        return self.given or PrivateKeys.of_this_user()

    def sign(self, record: Provenance) -> Provenance:
        """The record with the signature of this installation, whose first key is made for it.

        Raises:
            PrivateKeyError: there is no key that counts, and none can be kept.
            RecordKeyError: the file of the keys is damaged.
        """
        return sign_record(record, self.signing_key())

    def signing_key(self) -> SigningKey:
        """The newest private key that is here and counts; made where there is none.

        Raises:
            PrivateKeyError, RecordKeyError: see `sign`.
        """
        found = self.own()
        if found is not None:
            return found
        with self._changing() as keys:
            # Of several processes that begin at once, one makes it.
            return self.own() or self._add(keys)

    def own(self) -> SigningKey | None:
        """The key that signs here, if there is one.

        Raises:
            PrivateKeyError: it is unreadable, or can be read by others.
            RecordKeyError: the file of the keys is damaged.
        """
        revoked = self.known().revoked
        return next((key for key in self._private() if key.id not in revoked), None)

    def rotate(self) -> SigningKey:
        """Make another key, which signs from now on; those of before still count.

        Raises:
            PrivateKeyError, RecordKeyError: see `sign`.
        """
        with self._changing() as keys:
            return self._add(keys)

    def trust(self, public: str, name: str) -> str:
        """Have the signatures of a key count from now on; its id.

        Args:
            public: 32 bytes in base64, as `outpost artifacts keys list` shows them there.
            name: whose it is, for people.

        Raises:
            RecordKeyError: it is no public key, has no name, or the file of the keys is damaged.
            PrivateKeyError: nothing can be kept.
        """
        try:
            added = {public_key_id(public): TrustedKey(public=public, name=name)}
        except ValueError as error:
            raise RecordKeyError(
                f"{public!r}, named {name!r}, is no public key with a name.",
                "Copy the public key, 44 characters, from `outpost artifacts keys list` on the "
                f"machine that signs with it; a name has at most {LONGEST_NAME} characters.",
            ) from error
        with self._changing() as keys:
            self._write({**keys.trusted, **added}, keys.revoked - added.keys())
        return next(iter(added))

    def revoke(self, revoked: str) -> None:
        """Have a key count no more, an own one neither: another one is made for the next record.

        Raises:
            RecordKeyError: no such key counts here, or the file of the keys is damaged.
            PrivateKeyError: nothing can be kept.
        """
        if revoked not in self.trusted():
            raise RecordKeyError(
                f"No key {revoked} counts here.", "`outpost artifacts keys list` shows them all."
            )
        with self._changing() as keys:
            kept = {name: key for name, key in keys.trusted.items() if name != revoked}
            self._write(kept, keys.revoked | {revoked})

    def trusted(self) -> dict[str, str]:
        """Public keys whose signatures count, in base64, by id.

        Raises:
            RecordKeyError: the file of the keys is damaged.
        """
        return {name: key.public for name, key in self.named().items()}

    def named(self) -> dict[str, TrustedKey]:
        """Likewise, with whose they are; none where no place for keys is."""
        try:
            known = self.known()
        except PrivateKeyError:
            return {}
        found = dict(known.trusted)
        with suppress(PrivateKeyError):  # one that nobody can read has signed nothing new either
            for key in self._private():
                found.setdefault(key.id, TrustedKey(public=key.public, name=OWN))
        return {name: key for name, key in found.items() if name not in known.revoked}

    def known(self) -> TrustedKeys:
        """What the file of the keys says.

        Raises:
            RecordKeyError: it is damaged.
            PrivateKeyError: there is no place for keys.
        """
        file = self.private.folder / KEYS_FILE
        try:
            return TrustedKeys.model_validate_json(file.read_bytes())
        except (FileNotFoundError, NotADirectoryError):
            return TrustedKeys()
        except (OSError, ValidationError) as error:
            raise RecordKeyError(
                f"{file} does not say which keys count for records: {error}",
                "Restore it, or move it away: then your own keys count alone, and "
                "`outpost artifacts keys trust` adds those of others again.",
            ) from error

    def _private(self) -> Iterator[SigningKey]:
        return self.private.all(None, "record")

    def _add(self, keys: TrustedKeys) -> SigningKey:
        key = self.private.add(None, "record")
        # So that what it has signed counts when it is lost.
        own = {key.id: TrustedKey(public=key.public, name=OWN)}
        self._write({**keys.trusted, **own}, keys.revoked)
        return key

    @contextmanager
    def _changing(self) -> Iterator[TrustedKeys]:
        """One process at a time; raises PrivateKeyError where nothing can be written."""
        with self.private.written(), FileLock(self.private.folder / LOCK_FILE):
            yield self.known()

    def _write(self, trusted: Mapping[str, TrustedKey], revoked: frozenset[str]) -> None:
        content = TrustedKeys(trusted=dict(trusted), revoked=revoked).model_dump(mode="json")
        content["revoked"].sort()
        with replacing(self.private.folder / KEYS_FILE) as fresh:
            write_json(fresh, content)
