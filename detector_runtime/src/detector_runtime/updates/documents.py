"""The signed documents of a publisher: keys, manifests of versions, channels.

Below the prefix of a model, in a folder, a bucket or on a web server::

    keys.json                                 `KeySet`, and each older one under keys/
    versions/<sequence>-<digest>/manifest.json   `Manifest`, beside the files that it lists
    channels/<channel>.json                   `ChannelPointer`
    history/<channel>/<sequence>.json         every pointer that the channel ever had

Each is one file, so that document and signatures are replaced at once::

    {"signatures": [{"key_id": ..., "signature": base64}], "signed": {...}}

What is signed is the canonical JSON of `signed`: keys sorted, no spaces, UTF-8.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, ClassVar, Generic, Literal, NoReturn, TypeVar

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    SerializerFunctionWrapHandler,
    ValidationError,
    field_validator,
    model_serializer,
    model_validator,
)

from detector_runtime.bundle import FileDigest, Score, Version, check_runtime
from detector_runtime.errors import DocumentError
from detector_runtime.policies.policy_model import GameRules
from detector_runtime.released.kinds import KINDS, ReleasedKind

SCHEMA_VERSION = 1
LARGEST_DOCUMENT = 4 << 20
"""Bytes; a reader stops there, whatever a server says."""
MOST_SIGNATURES = 16
MOST_FILES = 64
MOST_KEYS = 16
"""Of each kind in a set."""
KEYS_FILE = "keys.json"
MANIFEST_FILE = "manifest.json"

_PART = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9._+-]*[A-Za-z0-9_+-])?")
_KEY_NAME = re.compile(r"[A-Za-z0-9._:-]{1,100}")
_DEVICE = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
"""Names that Windows has given away, with any ending."""

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]
Channel = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,49}$")]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
KeyId = Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
Sequence = Annotated[int, Field(ge=1, le=99_999_999, strict=True)]
VersionFolder = Annotated[str, Field(pattern=r"^[0-9]{6,8}-[0-9a-f]{12}$")]


class _SignedPart(BaseModel):
    """Fields that a later publisher adds are passed over; its signature covers them too."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class KeySet(_SignedPart):
    """The content of `keys.json`: whose signatures count.

    Root keys sign the next set of keys and nothing else; release keys sign versions and channels.
    """

    file: ClassVar[str] = KEYS_FILE
    type: Literal["keys"] = "keys"
    schema_version: Literal[1] = Field(1, alias="schema")
    name: Name = Field(description="Of the model.")
    epoch: Sequence = Field(description="Rises by one with each set of keys.")
    root_keys: dict[KeyId, str] = Field(min_length=1, max_length=MOST_KEYS)
    release_keys: dict[KeyId, str] = Field(min_length=1, max_length=MOST_KEYS)
    issued_at: AwareDatetime

    @field_validator("root_keys", "release_keys")
    @classmethod
    def _ids_fit(cls, keys: dict[str, str]) -> dict[str, str]:
        for name, public in keys.items():
            if public_key_id(public) != name:
                raise ValueError(f"{name} is not the id of the key beside it")
        return keys


class ScoreInterval(_SignedPart):
    """A measured value with its 95 % confidence interval."""

    value: Score
    low: Score
    high: Score


class ReleaseMetrics(_SignedPart):
    """How good a version was found to be: a detector on real frames, a community model on icons of
    people from whom it has learned nothing, policies in whole games."""

    real_micro_f1: ScoreInterval | None = None
    per_class_f1: dict[str, Score] = {}
    icon_accuracy: ScoreInterval | None = Field(
        None, description="Share of right names; from 0 to 1 where no interval can be told."
    )
    win_rate: ScoreInterval | None = Field(None, description="Share of games that were won.")

    @property
    def main(self) -> ScoreInterval | None:
        """The one by which a version of any kind is told in a line; None where it was not found."""
        return self.real_micro_f1 or self.icon_accuracy or self.win_rate

    @model_serializer(mode="wrap")
    def _without_what_a_detector_lacks(
        self, write: SerializerFunctionWrapHandler
    ) -> dict[str, Any]:
        # A version of before keeps its bytes.
        return _without_none(write(self), "icon_accuracy", "win_rate")


class Manifest(_SignedPart):
    """The content of `manifest.json`: what one version consists of.

    The folder of the version is named by `sequence` and by the digest of this document
    (`version_folder`).
    """

    file: ClassVar[str] = MANIFEST_FILE
    type: Literal["manifest"] = "manifest"
    schema_version: Literal[1] = Field(1, alias="schema")
    name: Name = Field(description="Of the model.")
    kind: ReleasedKind = "detector"
    plays: GameRules | None = Field(None, description="Policies: what game, by which rules.")
    version: str = Field(min_length=1, description="As the bundle says: 1.0.0+3f2a9c.")
    sequence: Sequence = Field(description="Counts the versions of a model.")
    created_at: AwareDatetime
    trained_at: AwareDatetime | None = Field(None, description="None where nothing tells.")
    files: dict[str, FileDigest] = Field(
        min_length=1,
        max_length=MOST_FILES,
        description="By path relative to the folder, with slashes.",
    )
    classes: tuple[str, ...] = Field(min_length=1, description="In the order of the output.")
    classes_sha256: Sha256 = Field(description="Of the canonical JSON of the list of classes.")
    input: dict[str, JsonValue] = Field(description="What it takes, for people to read.")
    metrics: ReleaseMetrics = ReleaseMetrics()
    lineage: dict[str, str] = Field({}, description="Asset key to data version.")
    record_signers: dict[str, KeyId] | None = Field(
        None,
        description="Of the lineage, the assets whose records a key has signed that the publisher "
        "trusts, to the key's id; None in manifests of before this was looked at.",
    )
    licence: str = Field(description="SPDX expression of the model's licence.")
    previous: VersionFolder | None = Field(None, description="The version published before.")
    min_runtime: Version = Field(description="Oldest detector_runtime that reads the bundle.")

    @field_validator("files")
    @classmethod
    def _safe_paths(cls, files: dict[str, FileDigest]) -> dict[str, FileDigest]:
        for path in files:
            _check_path(path)
        lowered = [path.lower() for path in files]
        if len(set(lowered)) != len(lowered):
            raise ValueError("two paths differ in nothing but capitals")
        for path in lowered:
            if any(other.startswith(f"{path}/") for other in lowered):
                raise ValueError(f"'{path}' is a file and a folder")
        if MANIFEST_FILE in lowered:
            raise ValueError(f"{MANIFEST_FILE} cannot list itself")
        return files

    @model_validator(mode="after")
    def _consistent(self) -> Manifest:
        description = KINDS[self.kind].file
        if description not in self.files:
            raise ValueError(f"{description} is not among the files")
        if (self.kind == "policies") != (self.plays is not None):
            raise ValueError("plays is what policies say, and nothing else does")
        if classes_digest(self.classes) != self.classes_sha256:
            raise ValueError("classes_sha256 is not the digest of classes")
        return self

    @model_serializer(mode="wrap")
    def _without_the_usual_kind(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        values = _without_none(write(self), "plays")
        if self.kind == "detector":
            # As runtimes of before know it: a version of before keeps its bytes.
            del values["kind"]
        return values

    @property
    def total_bytes(self) -> int:
        """Of all files together."""
        return sum(entry.size for entry in self.files.values())


class ChannelPointer(_SignedPart):
    """The content of a channel: which version it offers, since when, on whose word and why."""

    file: ClassVar[str] = "the channel"
    type: Literal["channel"] = "channel"
    schema_version: Literal[1] = Field(1, alias="schema")
    name: Name = Field(description="Of the model.")
    channel: Channel
    sequence: Sequence = Field(description="Rises with every move, a rollback too.")
    version: VersionFolder
    manifest_sha256: Sha256 = Field(description="Of the bytes of the version's manifest.json.")
    keys_epoch: Sequence = Field(description="Of the keys that were current at signing.")
    issued_at: AwareDatetime
    expires_at: AwareDatetime = Field(description="When this is too old to be news.")
    reason: str = Field(min_length=1, max_length=2000)
    actor: str = Field(min_length=1, max_length=200)

    @model_validator(mode="after")
    def _consistent(self) -> ChannelPointer:
        if self.expires_at - self.issued_at <= timedelta(0):
            raise ValueError("expires_at is not after issued_at")
        return self


Document = TypeVar("Document", KeySet, Manifest, ChannelPointer)


@dataclass(frozen=True)
class Signature:
    """One signature over `Envelope.content`.

    Attributes:
        key_id: of the key that made it; says nothing until it is verified.
        signature: Ed25519, 64 bytes.
    """

    key_id: str
    signature: bytes


@dataclass(frozen=True)
class Envelope(Generic[Document]):
    """A document with its signatures, none of which has been verified yet.

    Attributes:
        document: what was understood of it.
        content: the bytes that are signed; with fields that this version does not know.
        signatures: as found.
    """

    document: Document
    content: bytes
    signatures: tuple[Signature, ...]

    def to_bytes(self) -> bytes:
        """The file: the same bytes for the same document and signatures."""
        signatures = [
            {"key_id": one.key_id, "signature": base64.b64encode(one.signature).decode()}
            for one in self.signatures
        ]
        whole = {"signatures": signatures, "signed": json.loads(self.content)}
        text = json.dumps(whole, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)
        return f"{text}\n".encode()


def signed_bytes(document: KeySet | Manifest | ChannelPointer) -> bytes:
    """What a signature of a document is made over; for who writes it.

    Who reads one takes `Envelope.content`, which has what this version does not know too.
    """
    return canonical_json(document.model_dump(mode="json", by_alias=True))


def parse(content: bytes, kind: type[Document], where: str) -> Envelope[Document]:
    """A document out of the bytes of its file. Nothing is verified yet.

    Args:
        content: at most `LARGEST_DOCUMENT` bytes.
        kind: which document it must be.
        where: for messages: its path or address.

    Raises:
        DocumentError: no such document, or made for a newer runtime.
    """
    if len(content) > LARGEST_DOCUMENT:
        raise DocumentError(
            f"{where} has {len(content)} bytes, more than a document can have",
            "This is no document of a publisher; check the address.",
        )
    try:
        values = json.loads(content, object_pairs_hook=_no_repetition, parse_constant=_refused)
        signed, signatures = values["signed"], values["signatures"]
        canonical = canonical_json(signed)
        found = tuple(_signature(one) for one in _list_of(signatures))
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise DocumentError(
            f"{where} is no signed document: {_first_line(error)}",
            "It is damaged, or something else answers at that address.",
        ) from error
    return Envelope(_document(signed, kind, where), canonical, found)


def canonical_json(value: Any) -> bytes:
    """JSON of which there is one spelling: sorted keys, no spaces, UTF-8, no NaN.

    Raises:
        ValueError: it cannot be written so: not JSON, NaN, text that is not Unicode.
    """
    text = json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )
    return text.encode()


def version_folder(manifest: Envelope[Manifest]) -> str:
    """The folder of a version: its number, and the digest of all that its manifest says."""
    digest = hashlib.sha256(manifest.content).hexdigest()[:12]
    return f"{manifest.document.sequence:06d}-{digest}"


def classes_digest(classes: tuple[str, ...]) -> str:
    """What `Manifest.classes_sha256` is of a list of classes."""
    return hashlib.sha256(canonical_json(list(classes))).hexdigest()


def key_id(public: bytes) -> str:
    """The name of a key: the first 16 hexadecimal digits of the SHA-256 of its 32 public bytes."""
    return hashlib.sha256(public).hexdigest()[:16]


def public_key_id(public: str) -> str:
    """The name of a key of which the public bytes are in base64.

    Raises:
        ValueError: they are not, or there are not 32 of them.
    """
    return key_id(decoded_base64(public, 32))


def decoded_base64(text: Any, size: int) -> bytes:
    """So many bytes, out of the only spelling of them.

    Raises:
        TypeError: it is no text.
        ValueError: it is no base64, or of another number of bytes.
    """
    if not isinstance(text, str):
        raise TypeError("base64 is not text")
    try:
        content = base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise ValueError(f"not base64: {error}") from error
    # Another spelling of the same bytes would be another document with the same meaning.
    if len(content) != size or base64.b64encode(content).decode() != text:
        raise ValueError(f"not {size} bytes in base64")
    return content


def _document(signed: Any, kind: type[Document], where: str) -> Document:
    if isinstance(signed, Mapping):
        # Before anything else: a document from the future may look different in every other way.
        schema, needed = signed.get("schema"), signed.get("min_runtime")
        check_runtime(where, schema, SCHEMA_VERSION, needed, DocumentError)
    try:
        return kind.model_validate(signed)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the whole"
        raise DocumentError(
            f"{where} is not what {kind.file} should be: {place}: {first['msg']}",
            "Have it published again with a current Outpost.",
        ) from error


def _signature(value: Any) -> Signature:
    name = value["key_id"]
    # Messages quote it before anything is verified.
    if not (isinstance(name, str) and _KEY_NAME.fullmatch(name)):
        raise TypeError("a key_id is no name of a key")
    return Signature(name, decoded_base64(value["signature"], 64))


def _list_of(value: Any) -> list[Any]:
    if not isinstance(value, list) or len(value) > MOST_SIGNATURES:
        raise TypeError(f"signatures is not a list of at most {MOST_SIGNATURES}")
    return value


def _check_path(path: str) -> None:
    for part in path.split("/"):
        if not _PART.fullmatch(part) or _DEVICE.fullmatch(part):
            raise ValueError(f"'{path}' is no path that every system takes")


def _without_none(values: dict[str, Any], *names: str) -> dict[str, Any]:
    """Without those of these that say nothing."""
    return {name: one for name, one in values.items() if name not in names or one is not None}


def _no_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) != len(pairs):
        raise ValueError("an object names one key twice")
    return values


def _refused(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0] or type(error).__name__
