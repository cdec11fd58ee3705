"""`outpost release`: what is published, promoting it past the gates, and the way back."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from detector_runtime.updates.documents import ChannelPointer, KeySet

from assets.operations.publishing.published_kinds import PublishedKind, kind_of
from assets.operations.publishing.release_keys import publisher_of
from pipeline.errors import OutpostError
from pipeline.progress import Report
from pipeline.release.channels import CHALLENGER, CHAMPION, CHANNELS, checked_reason, expires_soon
from pipeline.release.gates import Gate, GateRules, judge
from pipeline.release.version import OpenVersion
from resources.defaults import Resources
from resources.object_store.conformance import Finding, examine
from resources.releases.release_store import NoKeysError, PublishedVersion, ReleaseStore
from resources.run_log import reporter


class PromotionError(OutpostError):
    """A promotion that is not possible, or that the gates refuse."""


@dataclass(frozen=True)
class ChannelState:
    """A channel as it is.

    Attributes:
        moves: its history, oldest first.
        shown: what clients see.
    """

    name: str
    moves: tuple[ChannelPointer, ...]
    shown: ChannelPointer | None

    @property
    def is_behind(self) -> bool:
        """Whether a writer was killed before clients could see its move."""
        return bool(self.moves) and self.shown != self.moves[-1]


@dataclass(frozen=True)
class Published:
    """All that is published of a game."""

    place: str
    keys: KeySet
    versions: tuple[PublishedVersion, ...]
    channels: tuple[ChannelState, ...]

    @property
    def kind(self) -> PublishedKind:
        """Of what kind these are."""
        return kind_of(self.keys.name)


@dataclass(frozen=True)
class Promotion:
    """What the gates have found, and the move; None where there was none."""

    version: str
    gates: tuple[Gate, ...]
    move: ChannelPointer | None

    @property
    def refused_by(self) -> tuple[Gate, ...]:
        """Gates that were not passed."""
        return tuple(gate for gate in self.gates if not gate.passed)


@dataclass(frozen=True)
class Examination:
    """What the store can do, and what stands half-way in it.

    Attributes:
        completed: channels whose file was brought up to their history.
        expiring: offers that are to be renewed, or have expired.
    """

    place: str
    findings: tuple[Finding, ...]
    completed: tuple[str, ...]
    has_keys: bool
    expiring: tuple[ChannelPointer, ...] = ()

    @property
    def is_fit(self) -> bool:
        """Whether several people may publish there."""
        return not any(finding.problem for finding in self.findings)


def published(resources: Resources, game: str) -> Published:
    """Versions, channels with their history, and keys."""
    store = publisher_of(resources, game).store
    return Published(store.place, store.keys(), store.versions(), _states(store))


def promote(
    resources: Resources,
    game: str,
    version_id: str | None,
    reason: str,
    rules: GateRules,
    *,
    force: bool = False,
    dry_run: bool = False,
) -> Promotion:
    """Have the champion's channel offer a version that passes the gates.

    Args:
        version_id: None for the one that the challenger's channel offers.
        reason: for the history.
        force: move it although gates refuse; which ones is written into the history.
        dry_run: judge alone.

    Raises:
        PromotionError: there is no such version.
        ReasonError: the reason says nothing.
        ChannelMovedError: somebody else has moved the channel meanwhile.
    """
    reason = checked_reason(reason)
    publisher, report = publisher_of(resources, game), reporter()
    store = publisher.store
    # Before anything is looked at: whatever moves from here on is noticed.
    sequence, champion = store.next_sequence(CHAMPION), store.head(CHAMPION)
    version = chosen_version(store, version_id)
    with tempfile.TemporaryDirectory() as folder:
        candidate = store.download(version, Path(folder, "candidate"), report)
        present = _champion(store, champion, Path(folder, "champion"), report)
        gates = judge(candidate, present, rules)
    promotion = Promotion(version.id, gates, None)
    if dry_run or (promotion.refused_by and not force):
        return promotion
    move = publisher.move(CHAMPION, version, _with_refusals(reason, gates), sequence)
    return Promotion(version.id, gates, move)


def roll_back(
    resources: Resources, game: str, channel: str, version_id: str | None, reason: str
) -> ChannelPointer:
    """Have a channel offer an earlier version again; the history gets one more entry.

    Raises:
        ReleaseError: there is no earlier one.
        PromotionError: there is no such version.
        ReasonError: the reason says nothing.
    """
    reason = checked_reason(reason)
    publisher = publisher_of(resources, game)
    target = chosen_version(publisher.store, version_id).id if version_id else None
    return publisher.roll_back(_checked(channel), target, reason)


def renew(resources: Resources, game: str, reason: str) -> tuple[ChannelPointer, ...]:
    """Have every channel go on offering what it offers, for as long as a new move does.

    Raises:
        PromotionError: none offers anything.
        ReasonError: the reason says nothing.
        ChannelMovedError: somebody else has moved a channel meanwhile.
        ReleaseError: no key that counts has signed what one offers.
    """
    reason, publisher = checked_reason(reason), publisher_of(resources, game)
    # The champion first: what is wrong with the other must not let it expire.
    moves = [publisher.renew(channel, reason) for channel in (CHAMPION, CHALLENGER)]
    renewed = tuple(move for move in moves if move is not None)
    if not renewed:
        raise PromotionError(
            f"No channel of {publisher.store.name} offers anything.",
            f"Publish a version first: materialize {kind_of(publisher.store.name).asset}.",
        )
    return renewed


def examined(resources: Resources, game: str) -> Examination:
    """Ask the store what it can do, and complete what a killed writer has left half-way."""
    publisher = publisher_of(resources, game)
    store = publisher.store
    findings = examine(store.objects)
    try:
        store.settle_keys()
        states = _states(store)
    except NoKeysError:
        return Examination(store.place, findings, (), has_keys=False)
    behind = tuple(state.name for state in states if state.is_behind)
    for channel in behind:
        store.settle(channel)
    offers = (state.moves[-1] for state in states if state.moves)
    now = publisher.clock()
    expiring = tuple(offer for offer in offers if expires_soon(offer, now))
    return Examination(store.place, findings, behind, has_keys=True, expiring=expiring)


def chosen_version(store: ReleaseStore, version_id: str | None) -> PublishedVersion:
    """A version by its id or number, or the one that a channel offers; None for the challenger.

    Raises:
        PromotionError: there is none.
    """
    if version_id is None or version_id in CHANNELS:
        channel = version_id or CHALLENGER
        head = store.head(channel)
        if head is None:
            raise PromotionError(
                f"The channel {channel} of {store.name} offers nothing.",
                f"Publish a version first: materialize {kind_of(store.name).asset}.",
            )
        return store.version(head.version)
    number = version_id.partition("-")[0]
    found = [
        one
        for one in store.versions()
        if one.id == version_id
        or (number == version_id and number.isdecimal() and one.manifest.sequence == int(number))
    ]
    if len(found) != 1:
        raise PromotionError(
            f"{store.name} has {'several versions' if found else 'no version'} {version_id}.",
            f"`outpost release list --game {store.name}` shows their full names.",
        )
    return found[0]


def _states(store: ReleaseStore) -> tuple[ChannelState, ...]:
    return tuple(ChannelState(name, store.history(name), store.shown(name)) for name in CHANNELS)


def _champion(
    store: ReleaseStore, head: ChannelPointer | None, folder: Path, report: Report
) -> OpenVersion | None:
    return store.download(store.version(head.version), folder, report) if head else None


def _with_refusals(reason: str, gates: Sequence[Gate]) -> str:
    refused = [f"{gate.name}: {gate.figure}" for gate in gates if not gate.passed]
    return f"{reason} (forced past {'; '.join(refused)})"[:2000] if refused else reason


def _checked(channel: str) -> str:
    if channel not in CHANNELS:
        raise PromotionError(
            f"There is no channel {channel}.", f"The channels are {' and '.join(CHANNELS)}."
        )
    return channel
