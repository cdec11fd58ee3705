"""One check: is something newer offered, may it be used, and then it is.

`check_source` decides in this order, and remembers what each step came to before the next one
begins, so that a program that ends in the middle goes on where it was:

1. Is it time to? The check is noted before a request is made.
2. Has the channel's document changed? Is it signed, the right one, and not older than the last?
3. Does anything speak for the model in use: is it the user's own, or what he went back to?
4. Fetch, verify and try out the version, and switch to it.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Literal

from detector_runtime.checks import check, check_number
from detector_runtime.errors import (
    DetectorError,
    DocumentError,
    SourceUnreachableError,
    UpdateError,
)
from detector_runtime.policies.policy_model import GameRules
from detector_runtime.released.kinds import KINDS
from detector_runtime.updates.documents import ChannelPointer, Manifest
from detector_runtime.updates.installed import Installation, InstalledModel, ModelFolder
from detector_runtime.updates.installing import (
    fetch_manifest,
    fetch_version,
    require_kind,
    try_version,
)
from detector_runtime.updates.schedule import PastCheck, RunTime, is_due, with_check
from detector_runtime.updates.sources.base import Source
from detector_runtime.updates.sources.web import SourceLimits
from detector_runtime.updates.state import Failure, SeenPointer, StateFile, Trial, UpdateState
from detector_runtime.updates.trust import TrustedKeys, check_pointer, is_expired

LARGEST_POINTER = 1 << 16
"""Bytes of a channel's document."""
RETRY_SHARE = 1 / 24
"""Of the interval: before a source that did not answer is asked again."""
FIRST_RETRY = 60.0
"""Seconds before a source is asked again while no model is there at all, or none that works."""
LAST_SECOND = 253_402_214_400.0
"""The last day of the calendar."""
EXPIRED = (
    " The channel's document has expired: its publisher has not renewed it, somebody keeps newer "
    "ones from this computer, or its clock is ahead."
)

Outcome = Literal["updated", "current", "kept", "expired", "not due", "busy", "failed"]
Allowed = Literal["replace own", "held back", "refused", "expired"]
ALLOWED: tuple[Allowed, ...] = ("replace own", "held back", "refused", "expired")

OUTCOME_LOGGER = "detector_runtime.updates"
"""What came of checks, for those who do not look at what they return."""

logger = logging.getLogger(OUTCOME_LOGGER)


@dataclass(frozen=True)
class UpdatePolicy:
    """How a folder is kept up to date.

    Attributes:
        interval_hours: at least between two checks; up to a quarter longer.
        own_models: "keep" never replaces a model of the user's own. "replace older" does where the
            published one was trained later than it.
        allow_unsigned: takes updates without keys, where nobody else can write to the source.
        plays: takes policies of this game and these rules alone; None takes whatever is offered.
        limits: for how long the source may take.
    """

    interval_hours: float = 24.0
    own_models: Literal["keep", "replace older"] = "keep"
    allow_unsigned: bool = False
    plays: GameRules | None = None
    limits: SourceLimits = field(default_factory=SourceLimits)

    def __post_init__(self) -> None:
        check_number("interval_hours", self.interval_hours, 0.01, 24 * 365)
        known = ("keep", "replace older")
        check(self.own_models in known, "own_models", self.own_models, f"one of {known}")


@dataclass(frozen=True)
class CheckResult:
    """What a check came to.

    Attributes:
        outcome: "updated"; "current": nothing newer is offered; "kept": something else is offered,
            and the model in use stays, for the reason in `message`; "expired": what is offered is
            too old to be news; "not due"; "busy": another program is at it; "failed": see `error`.
        message: the same for people.
        model: what is in use; None when nothing is.
        error: why it failed.
    """

    outcome: Outcome
    message: str
    model: InstalledModel | None = None
    error: DetectorError | None = None


@dataclass(frozen=True)
class Order:
    """What a check is asked to do.

    Attributes:
        source: where to look.
        source_name: its address, as it is remembered.
        channel: which of its channels.
        trusted: whose documents are believed.
        policy: see there.
        allow: see `ModelUpdater.check`.
        chance: for the time of the next check.
        wait: for so many seconds before a download goes on.
    """

    source: Source
    source_name: str
    channel: str
    trusted: TrustedKeys
    policy: UpdatePolicy
    allow: frozenset[Allowed]
    chance: random.Random
    wait: Callable[[float], object]


@dataclass(frozen=True)
class _Verdict:
    """What to do about an offer: use it, or keep what is there and why."""

    outcome: Outcome
    message: str


def is_time(
    state: UpdateState, installation: Installation | None, now: float, interval: float
) -> bool:
    """Whether a folder is to be checked at `now`, in seconds since 1970."""
    checks = state.checks
    if installation is None or installation.current.version == state.damaged:
        checks = tuple(
            PastCheck(at=one.at, wait=min(one.wait, FIRST_RETRY, interval)) for one in checks
        )
    return is_due(checks, state.ran.seconds, now)


def check_source(order: Order, models: ModelFolder, states: StateFile, now: float) -> CheckResult:
    """Look for a newer model, and use it. The caller holds the folder's lock.

    Args:
        order: where, and what is allowed.
        models: the folder.
        states: its memory, which is written.
        now: seconds since 1970.

    Raises:
        DetectorError: it came to nothing; that is noted.
    """
    before = states.state
    interval, past = order.policy.interval_hours * 3600, before.checks
    later = with_check(past, now, interval, order.chance)
    # Where nobody was bothered, or not to the end: a source that is away, a download that was cut.
    soon = with_check(past, now, interval * RETRY_SHARE, order.chance)
    with told_of_disk(models.folder):
        is_same_place = (before.source, before.channel) == (order.source_name, order.channel)
        states.write(
            checks=later,
            ran=RunTime(until=now),
            source=order.source_name,
            channel=order.channel,
            etag=before.etag if is_same_place else None,
        )
        moment = moment_of(now)
        try:
            result = _Check(order, models, states, moment, soon).run()
        except DetectorError as error:
            unreachable = isinstance(error, SourceUnreachableError)
            failure = Failure.of(error, moment)
            states.write(checks=soon if unreachable else later, failure=failure)
            raise
        states.write(checks=later, failure=None)
        return result


@dataclass(frozen=True)
class _Check:
    """A check that is under way.

    Attributes:
        moment: when it began, as far as the clock knows.
        soon: the past checks for as long as a download is under way, which is to go on soon.
    """

    order: Order
    models: ModelFolder
    states: StateFile
    moment: datetime
    soon: tuple[PastCheck, ...]

    def run(self) -> CheckResult:
        """Ask, decide, and use what is offered if it is better."""
        self.models.remove_leftovers()
        self.order.trusted.keep_shipped()
        installation = self.models.installation()
        source = self.order.source
        fetched = source.read(self._path, LARGEST_POINTER, self.states.state.etag)
        if fetched is None:
            verdict = self._verdict(self._seen(), installation)
            if verdict is not None:
                return self._result(verdict)
            # Nothing has changed there; here it has: a clock that was set, for example.
            fetched = source.read(self._path, LARGEST_POINTER)
        pointer = self._believed(b"" if fetched is None else fetched.content, installation)
        verdict = self._verdict(self._seen(), installation)
        if verdict is None:
            verdict = self._install(pointer, installation)
        if fetched is not None:
            self.states.write(etag=fetched.etag)
        return self._result(verdict)

    @property
    def _path(self) -> str:
        return f"channels/{self.order.channel}.json"

    def _seen(self) -> SeenPointer | None:
        return self.states.state.seen.get(self.order.channel)

    def _is_whole(self, model: InstalledModel) -> bool:
        return model.version != self.states.state.damaged and self.models.holds(model)

    def _believed(self, content: bytes, installation: Installation | None) -> ChannelPointer:
        """The channel's document, verified, and remembered as the latest."""
        order = self.order
        pointer = order.trusted.pointer(content, order.source, self._path)
        known = (installation.current, *installation.earlier) if installation else ()
        state = self.states.state.with_seen(*(model.pointer for model in known))
        keys = order.trusted.keys
        name = keys.name if keys else state.name or pointer.name
        check_pointer(pointer, state.seen.get(order.channel), name, order.channel)
        self.states.write(name=name, seen=state.with_seen(SeenPointer.of(pointer)).seen)
        return pointer

    def _verdict(
        self, offer: SeenPointer | None, installation: Installation | None
    ) -> _Verdict | None:
        """Why the model in use stays; None where the offer is to be used."""
        if offer is None:
            return None
        current = installation.current if installation else None
        allow = self.order.allow
        old = is_expired(offer, self.moment)
        if current and current.version == offer.version and self._is_whole(current):
            return _Verdict("current", f"{current.name} is what is offered.{EXPIRED * old}")
        if old and "expired" not in allow:
            return _Verdict("expired", f"Version {offer.version} is not used.{EXPIRED}")
        if current and current.origin == "own" and not self._may_replace_own:
            return _Verdict(
                "kept", f"Your own model {current.name} stays; {offer.version} is offered."
            )
        held_back = installation.held_back if installation else ()
        if offer.version in held_back and "held back" not in allow:
            return _Verdict("kept", f"You went back from version {offer.version}; it is not used.")
        trial = self.states.state.trial
        against = trial.objection if trial and trial.concerns(offer.manifest_sha256) else None
        if against and "refused" not in allow:
            return _Verdict("kept", f"Version {offer.version} cannot be used here: {against}.")
        return None

    @property
    def _may_replace_own(self) -> bool:
        asked = "replace own" in self.order.allow
        return asked or self.order.policy.own_models == "replace older"

    def _install(self, pointer: ChannelPointer, installation: Installation | None) -> _Verdict:
        order = self.order
        last = self.states.state.trial
        trial = last if last and last.concerns(pointer.manifest_sha256) else None
        trial = trial or Trial(manifest_sha256=pointer.manifest_sha256)
        with self._noted_why_not(trial, DocumentError):
            manifest, content = fetch_manifest(order.source, pointer, order.trusted)
        with self._noted_why_not(trial, DetectorError):
            require_kind(manifest, installation)
        stays = self._why_of_no_use(manifest) or self._why_own_stays(installation, manifest)
        if stays is not None:
            return stays
        self.states.write(checks=self.soon)
        fetched = fetch_version(
            order.source, self.models, pointer.version, (manifest, content), order.wait
        )
        trial = trial.begun_again()
        self.states.write(trial=trial)
        with self._noted_why_not(trial, DetectorError):
            name = try_version(fetched, manifest)
        self.models.keep(fetched)
        new = InstalledModel(
            version=pointer.version,
            origin="channel",
            kind=manifest.kind,
            name=name,
            pointer=SeenPointer.of(pointer),
            trained_at=manifest.trained_at,
            installed_at=self.moment,
        )
        after = installation.followed_by(new) if installation else Installation(current=new)
        self.models.switch(after)
        self.states.write(trial=None, damaged="")
        self.models.tidy(after)
        before = f" in the place of {installation.current.name}" if installation else ""
        return _Verdict("updated", f"{new.name} is used now{before}.")

    @contextmanager
    def _noted_why_not(self, trial: Trial, kind: type[DetectorError]) -> Iterator[None]:
        """Remember what speaks against a version, so that it is not tried again each time."""
        try:
            yield
        except kind as error:
            self.states.write(trial=trial.failed(error))
            raise

    def _why_of_no_use(self, manifest: Manifest) -> _Verdict | None:
        """Policies of another game, or of other rules, are not even fetched.

        Nor is that remembered of them: the program may come to play what they play.
        """
        expected = self.order.policy.plays
        if expected is None or manifest.plays == expected:
            return None
        offered = f"for {manifest.plays}" if manifest.plays else KINDS[manifest.kind].called
        return _Verdict(
            "kept",
            f"Version {manifest.version} is not used: it is {offered}, and this program plays "
            f"{expected}.",
        )

    def _why_own_stays(
        self, installation: Installation | None, manifest: Manifest
    ) -> _Verdict | None:
        """The user's own model stays where the published one was not trained after it."""
        current = installation.current if installation else None
        if current is None or current.origin != "own" or "replace own" in self.order.allow:
            return None
        times = (current.trained_at, manifest.trained_at)
        if times[0] is not None and times[1] is not None and times[0] < times[1]:
            return None
        return _Verdict(
            "kept", f"Your own model {current.name} stays: version {manifest.version} is no newer."
        )

    def _result(self, verdict: _Verdict) -> CheckResult:
        installation = self.models.installation()
        logger.log(
            logging.INFO if verdict.outcome in ("current", "updated") else logging.WARNING,
            "Update of %s: %s",
            self.models.folder,
            verdict.message,
        )
        model = installation.current if installation else None
        return CheckResult(verdict.outcome, verdict.message, model)


def moment_of(seconds: float) -> datetime:
    """A time since 1970; of a clock that is thousands of years off, the nearest there is."""
    return datetime.fromtimestamp(min(max(seconds, 0.0), LAST_SECOND), timezone.utc)


@contextmanager
def told_of_disk(folder: Path) -> Iterator[None]:
    """Says of what the disk did what it means for an update."""
    try:
        yield
    except OSError as error:
        raise UpdateError(
            f"{folder} cannot be written: {error}",
            "Make room on that disk, and see that this user may write there.",
        ) from error
