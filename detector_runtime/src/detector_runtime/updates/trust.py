"""Which documents of a source are believed.

The rules are those of The Update Framework (TUF 1.0, section 5), with two changes for programs that
are offline for weeks on computers whose clock is wrong: a document that is too old stops nothing
that runs, and the time that signed documents prove has passed counts beside the clock.
"""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from pathlib import Path

from detector_runtime.errors import (
    ConfigurationError,
    DocumentError,
    SignatureError,
    UnknownKeyError,
    UntrustedUpdateError,
)
from detector_runtime.system.files import write_durably
from detector_runtime.updates.documents import (
    KEYS_FILE,
    LARGEST_DOCUMENT,
    ChannelPointer,
    Envelope,
    KeySet,
    Manifest,
    parse,
)
from detector_runtime.updates.signatures import verify, verify_first_keys, verify_next_keys
from detector_runtime.updates.sources.base import Source, read_whole
from detector_runtime.updates.state import SeenPointer

MOST_NEW_EPOCHS = 100
"""Sets of keys that are followed at once: somebody could make us fetch them for ever."""
CLOCK_SLACK = timedelta(days=7)
"""How long a document is believed after it expired: clocks are wrong."""
TELL_PUBLISHER = "The model in use stays. If it stays so, tell the publisher."


class TrustedKeys:
    """The keys whose signatures count, kept beside the models.

    They begin with a file that came with the program, and follow the publisher's changes, each
    signed by the keys before (TUF 5.3).
    """

    def __init__(self, file: Path, keys: KeySet | None, shipped: bytes | None = None) -> None:
        self._file = file
        self._shipped = shipped
        self.keys = keys
        """None: signatures are not looked at."""

    @classmethod
    def load(
        cls, folder: Path, given: str | os.PathLike[str] | None, *, allow_unsigned: bool
    ) -> TrustedKeys:
        """The kept keys, or those that are given where these are newer.

        Raises:
            ConfigurationError: there are none, or the given ones are others.
            DetectorError: a file of keys that cannot be read.
        """
        file = folder / KEYS_FILE
        content = None if given is None else _content(Path(given))
        kept = _kept_keys(file) if file.is_file() else None
        shipped = None if content is None else _keys(content, Path(str(given)))
        if kept and shipped and kept.name != shipped.name:
            raise ConfigurationError(
                f"the models in {folder} are of '{kept.name}', the given keys of '{shipped.name}'",
                "Give every model a folder of its own.",
            )
        if kept and shipped and kept.epoch == shipped.epoch and kept != shipped:
            raise ConfigurationError(
                f"the given keys are not those that the models in {folder} were verified with",
                f"Remove {file} if the given ones are right.",
            )
        if shipped and (kept is None or shipped.epoch > kept.epoch):
            return cls(file, shipped, content)
        if kept is None and not allow_unsigned:
            raise ConfigurationError(
                "nothing says whose updates are to be believed",
                "Pass keys= (--keys), the keys.json that came with the model; or "
                "allow_unsigned=True (--unsigned), where nobody else can write to the source.",
            )
        return cls(file, kept)

    def keep_shipped(self) -> None:
        """Have keys that came with the program count in later ones that name none."""
        if self._shipped is not None:
            self.keep(self._shipped)
            self._shipped = None

    def keep(self, content: bytes) -> None:
        """Have a set of keys count from now on, in programs that start later too."""
        write_durably(self._file, content)
        self.keys = _keys(content, self._file)

    def pointer(self, content: bytes, source: Source, path: str) -> ChannelPointer:
        """The document of a channel, if it is signed by a key that counts.

        New keys are fetched where it names a later set, or a key that is not known.

        Raises:
            DocumentError: it is none.
            SignatureError: it is not.
            UntrustedUpdateError: its keys are not to be had.
            SourceError: new keys are needed and cannot be fetched.
        """
        envelope = parse(content, ChannelPointer, source.where(path))
        if self.keys is None:
            return envelope.document
        try:
            if envelope.document.keys_epoch > self.keys.epoch:
                self._follow(source)
            self._verify(envelope)
        except UnknownKeyError:
            self._follow(source)
            self._verify(envelope)
        if envelope.document.keys_epoch > self.keys.epoch:
            raise UntrustedUpdateError(
                f"{source.where(path)} names keys of epoch {envelope.document.keys_epoch}, and the "
                f"publisher's latest are of epoch {self.keys.epoch}",
                TELL_PUBLISHER,
            )
        return envelope.document

    def manifest(self, content: bytes, where: str) -> Manifest:
        """The manifest of a version, if it is signed by a key that counts.

        Raises:
            DocumentError: it is none.
            SignatureError: it is not.
        """
        envelope = parse(content, Manifest, where)
        self._verify(envelope)
        return envelope.document

    def _verify(self, envelope: Envelope[ChannelPointer] | Envelope[Manifest]) -> None:
        if self.keys is not None:
            verify(envelope, self.keys.release_keys)

    def _follow(self, source: Source) -> None:
        """Take the publisher's sets of keys one after the other, up to the latest."""
        latest = _fetched_keys(source, KEYS_FILE)
        kept = self.keys
        if kept is None or latest.document.epoch <= kept.epoch:
            return
        if latest.document.epoch > kept.epoch + MOST_NEW_EPOCHS:
            raise UntrustedUpdateError(
                f"{source.where(KEYS_FILE)} is {latest.document.epoch - kept.epoch} sets of keys "
                f"ahead of those that are known, more than {MOST_NEW_EPOCHS}",
                "Pass keys=, the publisher's current keys.json, from where you trust it.",
            )
        for epoch in range(kept.epoch + 1, latest.document.epoch):
            envelope = _fetched_keys(source, f"keys/{epoch:06d}.json")
            kept = verify_next_keys(envelope, kept)
            self.keep(envelope.to_bytes())
        verify_next_keys(latest, kept)
        self.keep(latest.to_bytes())


def check_pointer(
    pointer: ChannelPointer, seen: SeenPointer | None, name: str, channel: str
) -> None:
    """Refuse a document that is another model's or channel's, or older than one that was believed.

    A later set of keys begins to count anew: after a stolen key has signed a number that is too
    high, the publisher changes the keys and goes on with his own (TUF 5.3.11).

    Args:
        pointer: its signature was verified.
        seen: the latest that was believed.
        name: of the model that is expected.
        channel: that was asked for.

    Raises:
        UntrustedUpdateError: it is refused.
    """
    if (pointer.name, pointer.channel) != (name, channel):
        raise UntrustedUpdateError(
            f"the source answers with channel '{pointer.channel}' of '{pointer.name}', where "
            f"'{channel}' of '{name}' was asked for",
            "Check the address of the model; it may be another one's.",
        )
    if seen is None:
        return
    offered = SeenPointer.of(pointer)
    if offered.order < seen.order:
        raise UntrustedUpdateError(
            f"the source offers move {pointer.sequence} of the channel '{channel}' "
            f"(keys {pointer.keys_epoch}), older than move {seen.sequence} (keys {seen.epoch}) "
            "that it had before",
            f"A copy that is behind, or somebody who wants an old model used. {TELL_PUBLISHER}",
        )
    if offered.order == seen.order and offered.manifest_sha256 != seen.manifest_sha256:
        raise UntrustedUpdateError(
            f"there are two different documents of move {pointer.sequence} of the channel "
            f"'{channel}'",
            TELL_PUBLISHER,
        )


def is_expired(seen: SeenPointer, now: datetime) -> bool:
    """Whether a channel's document is too old to be news; `now` is what the clock says."""
    return seen.expires_at < max(now, seen.passed) - CLOCK_SLACK


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise ConfigurationError(
            f"the keys in {file} cannot be read: {error}", "Check the path."
        ) from error


def _keys(content: bytes, file: Path) -> KeySet:
    return verify_first_keys(parse(content, KeySet, str(file)))


def _kept_keys(file: Path) -> KeySet:
    try:
        return _keys(_content(file), file)
    except (DocumentError, SignatureError) as error:
        raise type(error)(
            error.problem,
            f"{error.fix.rstrip('.')}. If it was damaged here, remove it, and pass the publisher's "
            "keys.json again (keys=, --keys).",
        ) from error


def _fetched_keys(source: Source, path: str) -> Envelope[KeySet]:
    content = read_whole(source, path, LARGEST_DOCUMENT)
    return parse(content, KeySet, source.where(path))
