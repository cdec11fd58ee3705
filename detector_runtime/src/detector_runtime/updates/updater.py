"""Keeps the model of a folder up to date with what a publisher offers."""

from __future__ import annotations

import logging
import os
import random
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from detector_runtime.checks import check
from detector_runtime.errors import (
    ConfigurationError,
    DetectorError,
    ModelLoadError,
    UpdateBusyError,
    UpdateError,
)
from detector_runtime.models.onnx import OnnxOptions
from detector_runtime.released.kinds import Kind, Opened
from detector_runtime.settings import DetectorSettings
from detector_runtime.system.files import FolderLock
from detector_runtime.updates.checking import (
    ALLOWED,
    OUTCOME_LOGGER,
    Allowed,
    CheckResult,
    Order,
    UpdatePolicy,
    check_source,
    is_time,
    moment_of,
    told_of_disk,
)
from detector_runtime.updates.installed import Installation, InstalledModel, ModelFolder
from detector_runtime.updates.installing import copy_own
from detector_runtime.updates.sources.address import lasting, source_at
from detector_runtime.updates.state import Failure, SeenPointer, StateFile
from detector_runtime.updates.trust import TrustedKeys, is_expired

if TYPE_CHECKING:
    from detector_runtime.updates.reloading import UpdatingDetector

DEFAULT_CHANNEL = "champion"
RUN_TIME_STEP = 60.0
"""Seconds of run time that are worth a note."""
CHECK_PATIENCE = 2.0
"""Seconds for which a check waits for a small change of another program."""
PATIENCE = 30.0
"""Seconds for which a change waits for one of another program."""
FIRST_PATIENCE = 600.0
"""Seconds for which the first model is waited for, while another program fetches it."""

_Made = TypeVar("_Made")

logger = logging.getLogger("detector_runtime")
outcomes = logging.getLogger(OUTCOME_LOGGER)


@dataclass(frozen=True)
class UpdateStatus:
    """What a folder of models is at.

    Attributes:
        model: in use; None when nothing is.
        earlier: what was used before, the newest first.
        held_back: versions that the user went back from.
        source, channel: where updates come from; empty where nobody said.
        keys_epoch: of the keys that count; None where signatures are not looked at.
        offered: the channel's latest document that was believed; None before the first.
        is_expired: whether that is too old to be news, or the clock is ahead.
        last_check, next_check: None before the first.
        failure: why the last check came to nothing; None where it came to its end.
    """

    model: InstalledModel | None
    earlier: tuple[InstalledModel, ...]
    held_back: tuple[str, ...]
    source: str
    channel: str
    keys_epoch: int | None
    offered: SeenPointer | None
    is_expired: bool
    last_check: datetime | None
    next_check: datetime | None
    failure: Failure | None


class ModelUpdater:
    """A folder with the model that is used, and the place where newer ones are published.

    Any number of programs and threads may use one folder at the same time.

    Args:
        folder: of its own, on a disk of this machine; made when the first model arrives.
        source: http or https address, or folder, of the published model; None takes the one that
            was named last.
        channel: None takes the one that was named last, at first "champion".
        keys: the publisher's keys.json, as it came with the program. It is kept in the folder, and
            follows the publisher's changes. None takes what is kept.
        policy: see `UpdatePolicy`.

    Raises:
        ConfigurationError: an address that cannot be used.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        source: str | os.PathLike[str] | None = None,
        channel: str | None = None,
        keys: str | os.PathLike[str] | None = None,
        *,
        policy: UpdatePolicy | None = None,
    ) -> None:
        self.policy = policy or UpdatePolicy()
        self.models = ModelFolder(Path(folder))
        self._source = None if source is None else lasting(source)
        self._channel = channel
        self._keys = keys
        self._lock = FolderLock(self.models.folder)
        self._started = time.monotonic()
        if self._source is not None:
            source_at(self._source)

    def check(
        self, *, now: bool = False, allow: Collection[Allowed] = (), patience: float | None = None
    ) -> CheckResult:
        """Look for a newer model, if it is time to, and use it.

        With nothing newer it takes one request. A model is fetched, verified and tried out before
        it is used; until then, and after any failure, the one in use stays: what fails elsewhere is
        in the result.

        Args:
            now: whether or not it is time to.
            allow: "replace own": a model of the user's own may be replaced; "held back": by a
                version that the user went back from; "refused": by one that could not be used
                here; "expired": by one of a document that is too old, where only the clock is
                wrong.
            patience: seconds for which another program that is at it is waited for; None is 2.

        Raises:
            ConfigurationError: nobody said where updates come from, or whose are believed.
        """
        for one in allow:
            check(one in ALLOWED, "allow", one, f"one of {', '.join(ALLOWED)}")
        return self._check(now, frozenset(allow), CHECK_PATIENCE if patience is None else patience)

    def detector(
        self, settings: DetectorSettings | None = None, *, watch: bool = True
    ) -> UpdatingDetector:
        """A detector that goes on with each newer model by itself. The first one is waited for.

        Args:
            settings: as of any detector.
            watch: whether it looks for newer models by itself; else it goes on with what `check`
                brings, here or in another program.

        Raises:
            UpdateError: no model is there, and none could be fetched.
            ModelLoadError: neither the model in use nor one before it can be opened.
        """
        from detector_runtime.updates.reloading import UpdatingDetector

        chosen = settings or DetectorSettings()
        return self.with_first(lambda: UpdatingDetector(self, chosen, watch=watch))

    def with_first(self, make: Callable[[], _Made]) -> _Made:
        """What a program makes of the model in use. The first one is waited for.

        Args:
            make: calls `open`; is called again where a damaged model was fetched again.

        Raises:
            UpdateError: no model is there, and none could be fetched.
            ModelLoadError: neither the model in use nor one before it can be opened.
        """
        if self.models.installation() is None:
            self._install_first()
        try:
            return make()
        except ModelLoadError:
            if not self._fetched_again():
                raise
        return make()

    def rollback(self) -> InstalledModel:
        """Go back to the model that worked before; programs that run go on with it.

        The one that was in use is not installed again by itself; the next one of the channel is.

        Raises:
            UpdateError: there is none before, or the folder cannot be written.
        """
        with self._changing():
            before = self.models.before()
            if before is not None:
                self.models.switch(before)
                return before.current
        raise UpdateError(
            f"there is no model in {self.models.folder} to go back to",
            "Take a model of your own meanwhile: detector-runtime use FOLDER MODEL",
        )

    def use(self, model: str | os.PathLike[str], by: str | None = None) -> InstalledModel:
        """Use a model of your own from now on.

        It may be a bundle (folder or zip), an ONNX file of a detector, or the folder of a community
        model or of policies.

        It is tried out and copied, and not replaced by published ones unless you say so.

        Args:
            model: where it lies.
            by: who has it used, as `installed_by` keeps it.

        Raises:
            ModelLoadError: it cannot be used.
            UpdateError: the folder cannot be written.
        """
        with self._changing():
            new = copy_own(Path(model), self.models, by)
            installation = self.models.installation()
            after = installation.followed_by(new) if installation else Installation(current=new)
            self.models.switch(after)
            self.models.tidy(after)
        return new

    def status(self) -> UpdateStatus:
        """What is in use and what is known of newer ones; asks nobody.

        Raises:
            UpdateError: what the folder says of itself is damaged.
        """
        installation = self.models.installation()
        state = StateFile(self.models.folder).state
        channel = self._channel or state.channel
        offered = state.seen.get(channel)
        last = state.checks[-1] if state.checks else None
        now = moment_of(time.time())
        keys = TrustedKeys.load(self.models.folder, self._keys, allow_unsigned=True).keys
        return UpdateStatus(
            model=installation.current if installation else None,
            earlier=installation.earlier if installation else (),
            held_back=installation.held_back if installation else (),
            source=self._source or state.source,
            channel=channel,
            keys_epoch=keys.epoch if keys else None,
            offered=offered,
            is_expired=bool(offered and is_expired(offered, now)),
            last_check=moment_of(last.at) if last else None,
            next_check=moment_of(last.at + last.wait) if last else None,
            failure=state.failure,
        )

    def open(self, kind: Kind[Opened], options: OnnxOptions) -> tuple[InstalledModel, Opened]:
        """The model in use, or where that is damaged the one before it, which is used from then on.

        Raises:
            UpdateError: no model is there.
            ModelLoadError: none of those that are there can be opened.
            ConfigurationError: it is of another kind.
        """
        while True:
            installation = self.models.installation()
            if installation is None:
                raise UpdateError(
                    f"there is no model in {self.models.folder} yet",
                    "Fetch one: detector-runtime update FOLDER --source ADDRESS",
                )
            current = installation.current
            try:
                return current, self.models.open(current, kind, options)
            except ModelLoadError as error:
                if self.models.installation() != installation:
                    continue
                if not self._opens_as_such(current, kind):
                    self._use_the_one_before(installation, error)
                elif self.models.installation() == installation:
                    raise

    def note_that_it_worked(self, version: str) -> None:
        """Remember that a version answered a program: `rollback` prefers such ones.

        Raises:
            UpdateError: the folder cannot be written, or somebody else is at it.
        """
        with self._changing(0.0):
            installation = self.models.installation()
            if installation and installation.current.version == version:
                self.models.switch(installation.with_current_worked())

    def _opens_as_such(self, model: InstalledModel, kind: Kind[Any]) -> bool:
        """Whether a model is sound, and only cannot be opened with some settings."""
        try:
            self.models.open(model, kind, OnnxOptions()).close()
        except ModelLoadError:
            return False
        return True

    def _check(self, now: bool, allow: frozenset[Allowed], patience: float) -> CheckResult:
        try:
            with self._lock.hold(patience):
                states = StateFile(self.models.folder)
                order = self._order(states, allow)
                moment, interval = time.time(), self.policy.interval_hours * 3600
                installation = self.models.installation()
                if not now and not is_time(states.state, installation, moment, interval):
                    self._note_run_time(states, moment)
                    return CheckResult("not due", "It is not time yet.", self._model())
                return check_source(order, self.models, states, moment)
        except UpdateBusyError as busy:
            return CheckResult("busy", busy.problem, self._model())
        except ConfigurationError:
            raise
        except DetectorError as error:
            outcomes.warning("Update of %s failed: %s", self.models.folder, error)
            return CheckResult("failed", error.problem, self._model(), error)

    def _order(self, states: StateFile, allow: frozenset[Allowed]) -> Order:
        place = self._source or states.state.source
        if not place:
            raise ConfigurationError(
                f"nothing says where the models in {self.models.folder} come from",
                "Pass source= (--source), the address or folder of the published model.",
            )
        return Order(
            source=source_at(place, self.policy.limits),
            source_name=place,
            channel=self._channel or states.state.channel or DEFAULT_CHANNEL,
            trusted=TrustedKeys.load(
                self.models.folder, self._keys, allow_unsigned=self.policy.allow_unsigned
            ),
            policy=self.policy,
            allow=allow,
            chance=random.Random(),
            wait=time.sleep,
        )

    def _install_first(self) -> None:
        result = self._check(now=False, allow=frozenset(), patience=FIRST_PATIENCE)
        if self.models.installation() is None:
            raise result.error or UpdateError(
                f"there is no model in {self.models.folder} yet: {result.message}",
                "Fetch one now: detector-runtime update FOLDER",
            )

    def _use_the_one_before(self, damaged: Installation, error: ModelLoadError) -> None:
        with self._changing():
            if self.models.installation() != damaged:
                return
            before = damaged.without_current(hold_back=False)
            if before is None:
                raise self._nothing_else(damaged.current, error)
            logger.warning(
                "%s cannot be used: %s Using %s, which was used before.",
                damaged.current.name,
                error.problem,
                before.current.name,
            )
            self.models.switch(before)

    def _nothing_else(self, damaged: InstalledModel, error: ModelLoadError) -> ModelLoadError:
        """What to say of a damaged model that is the only one; the next check fetches it again."""
        if damaged.origin == "own":
            return ModelLoadError(
                error.problem, "Bring it again: detector-runtime use FOLDER MODEL"
            )
        StateFile(self.models.folder).write(damaged=damaged.version)
        return ModelLoadError(error.problem, "Fetch it again: detector-runtime update FOLDER")

    def _fetched_again(self) -> bool:
        """Whether the model in use, which was damaged, is there again; asked for if it is time."""
        installation = self.models.installation()
        noted = StateFile(self.models.folder).state.damaged
        if installation is None or installation.current.version != noted:
            return False
        try:
            result = self._check(now=False, allow=frozenset(), patience=FIRST_PATIENCE)
        except ConfigurationError:
            return False
        return result.outcome == "updated"

    def _note_run_time(self, states: StateFile, now: float) -> None:
        ran = states.state.ran.noted(now, time.monotonic() - self._started)
        if ran.seconds - states.state.ran.seconds >= RUN_TIME_STEP:
            with told_of_disk(self.models.folder):
                states.write(ran=ran)

    def _model(self) -> InstalledModel | None:
        try:
            installation = self.models.installation()
        except UpdateError:
            return None
        return installation.current if installation else None

    @contextmanager
    def _changing(self, patience: float | None = None) -> Iterator[None]:
        waited = PATIENCE if patience is None else patience
        with told_of_disk(self.models.folder), self._lock.hold(waited):
            yield
