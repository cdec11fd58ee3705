"""All that a program calls to contribute what its player confirms."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timezone
from pathlib import Path
from uuid import UUID, uuid4

from pydantic import BaseModel, ConfigDict, ValidationError

from detector_runtime.checks import check_number
from detector_runtime.contribute.crops import BoxLike, icon_crop, screen_image, text_crop
from detector_runtime.contribute.queue import (
    FORGETTING,
    FULL,
    PAUSED,
    SCREEN,
    SENT_TO,
    Confirmed,
    ContributionQueue,
)
from detector_runtime.contribute.records import ContributionRecord
from detector_runtime.contribute.rules import ContributionRules
from detector_runtime.contribute.stores.base import ContributionStore
from detector_runtime.contribute.stores.opening import open_contribution_store
from detector_runtime.contribute.uploading import Destination, Outcome, upload
from detector_runtime.errors import (
    ContributionError,
    ContributionStoreError,
    DetectorError,
    UpdateBusyError,
    UpdateError,
)
from detector_runtime.images import Color, ImageLike
from detector_runtime.system.files import FolderLock, write_durably
from detector_runtime.system.forks import enrol

INSTALL_FILE = "install.json"
LONGEST_WAIT = 6 * 3600.0
"""Seconds between uploads that fail, at most."""
BETWEEN_LOOKS = 15.0
"""Seconds after which the background thread looks whether an upload is due."""
CLOSING_SECONDS = 5.0

logger = logging.getLogger("detector_runtime")


class Install(BaseModel):
    """The content of `install.json`: made once, at random, and linked with nothing."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    install: UUID


@dataclass(frozen=True)
class UploadPolicy:
    """How much is sent, and how often.

    Attributes:
        seconds_between: uploads, over all processes and restarts.
        most_a_day: images of one UTC day, over all processes and restarts. Whoever receives them
            takes no more than 200.
        clock: seconds since 1970.
    """

    seconds_between: float = 300.0
    most_a_day: int = 200
    clock: Callable[[], float] = field(default=time.time)


@dataclass(frozen=True)
class ContributionStatus:
    """How a folder of contributions is.

    Attributes:
        install: its random id; None before anything was confirmed.
        place: where they go to.
        consent: whether this program may send anything.
        paused: by the player.
        forgetting: whether what was sent is still to be deleted.
        waiting, sent, sent_today, left_today: images.
        full: whether something was confirmed since the last upload and not kept, because too much
            waits.
        next_upload: not before it, if anything waits.
        failure: why the last upload came to nothing; empty where it did not.
    """

    install: UUID | None
    place: str
    consent: bool
    paused: bool
    forgetting: bool
    waiting: int
    sent: int
    sent_today: int
    left_today: int
    full: bool
    next_upload: datetime
    failure: str


class Contributor:
    """Keeps what a player confirms, and sends it in the background.

    Only crops of slots that the rules name are kept, and screens as `confirm_screen` reduces them.
    Nothing is sent before the player has agreed: that is `consent`, which the program asks for.

    Args:
        folder: of this program's user, on a disk of this machine; made when it is needed.
        rules: which slots and screens there are.
        store: a folder, s3://bucket/prefix or hf://datasets/owner/name; or a store.
        consent: whether the player has agreed that crops are sent.
        policy: how much, and how often.

    Raises:
        ConfigurationError: a store that there cannot be.
    """

    def __init__(
        self,
        folder: str | Path,
        rules: ContributionRules,
        store: str | Path | ContributionStore,
        *,
        consent: bool = False,
        policy: UploadPolicy | None = None,
    ) -> None:
        self.folder = Path(folder).expanduser().absolute()
        self._rules = rules
        self._store: ContributionStore
        if isinstance(store, (str, Path)):
            self._store = open_contribution_store(store)
        else:
            self._store = store
        self._consent = consent
        self._policy = policy or UploadPolicy()
        check_number("seconds_between", self._policy.seconds_between, 0)
        self._queue = ContributionQueue(self.folder)
        self._lock = FolderLock(self.folder)
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self._told_full = False
        enrol(self)

    def confirm(
        self,
        image: ImageLike,
        box: BoxLike,
        slot: str,
        name: str,
        ml_name: str = "",
        color: Color = "rgb",
    ) -> bool:
        """Keep what a player has confirmed a box to show, to be sent later.

        When this returns it survives any crash. A later label of the same pixels replaces it.

        Args:
            box: x1, y1, x2, y2 in pixels of the image.
            slot: where in the interface the box is.
            name: what it shows or reads.
            ml_name: what was recognized or read before; empty if that was right.

        Returns:
            Whether it is new and will be sent. Of a private or unknown slot nothing is kept, and
            nothing more while 5,000 images wait or 256 MiB: then `status` says that it is full.

        Raises:
            ImageError: the image cannot be read, or the box has no pixel in it.
            ContributionError: it cannot be kept, or it is no name.
        """
        kind = self._rules.kind_of(slot)
        if kind is None:
            logger.debug("Of the slot %r nothing is contributed.", slot)
            return False
        cut = icon_crop if kind == "icon" else text_crop
        content = cut(image, box, color)
        item = Confirmed(_digest(content), kind, slot, name, ml_name, image=content)
        _require_record(item)
        return self._keep(item)

    def confirm_screen(
        self,
        image: ImageLike,
        screen_type: str,
        hidden: Iterable[BoxLike] = (),
        color: Color = "rgb",
    ) -> bool:
        """Keep a screen with its confirmed type: at most 448 pixels wide and high.

        Args:
            hidden: boxes that are blackened first, such as every private slot's.

        Returns:
            Whether it is new and will be sent; see `confirm`. Of an unknown type nothing is kept.

        Raises:
            ImageError: the image cannot be read.
            ContributionError: it cannot be kept.
        """
        if screen_type not in self._rules.screen_types:
            logger.debug("Of the screen type %r nothing is contributed.", screen_type)
            return False
        content = screen_image(image, hidden, color)
        return self._keep(Confirmed(_digest(content), SCREEN, "", screen_type, image=content))

    def upload_now(self) -> Outcome:
        """Send what may be sent, unless it is too early; what the background thread calls, too.

        Raises:
            ContributionStoreError: the place refuses; it is tried again later.
            ContributionError: the folder cannot be used.
        """
        try:
            with self._lock.hold():
                return self._upload()
        except UpdateBusyError:
            return "busy"
        except UpdateError as error:
            raise ContributionError(error.problem, error.fix) from error

    def pause(self) -> None:
        """Send nothing until `resume`, in this and all later processes; confirming goes on.

        Raises:
            ContributionError: it cannot be noted.
        """
        self._queue.note(PAUSED, "yes")

    def resume(self) -> None:
        """Send again.

        Raises:
            ContributionError: it cannot be noted.
        """
        self._queue.note(PAUSED, "")

    def forget(self) -> None:
        """Delete what this install has sent and what waits here; a later confirmation has a new id.

        What waits is gone at once. Where the place cannot be reached, or does not let this program
        delete, the rest is tried again with each upload until it is done.

        Raises:
            ContributionStoreError: what was sent could not be deleted yet.
            ContributionError: the folder cannot be used, or has sent to another place.
        """
        install = self._known_install()
        if install is None:
            return
        # Deleting what another place does not have would look as if all was deleted.
        place, sent_to = str(self._destination(install)), self._queue.noted(SENT_TO)
        if sent_to not in ("", place):
            raise ContributionError(
                f"this folder has sent to {sent_to}, not to {place}", "Name that place and game."
            )
        self._queue.forget(install)
        try:
            with self._lock.hold(patience=60):
                self._go_on_forgetting()
        except UpdateError as error:
            raise ContributionError(error.problem, error.fix) from error

    def status(self) -> ContributionStatus:
        """How things are; asks nobody.

        Raises:
            ContributionError: the folder cannot be used.
        """
        counts = self._queue.counts(self._today())
        return ContributionStatus(
            install=self._known_install(),
            place=self._store.place,
            consent=self._consent,
            paused=bool(self._queue.noted(PAUSED)),
            forgetting=bool(self._queue.noted(FORGETTING)),
            waiting=counts.waiting,
            sent=counts.sent,
            sent_today=counts.sent_that_day,
            left_today=max(0, self._policy.most_a_day - counts.sent_that_day),
            full=bool(self._queue.noted(FULL)),
            next_upload=datetime.fromtimestamp(self._due_at(), timezone.utc),
            failure=self._queue.noted("failure"),
        )

    def start(self) -> None:
        """Send in the background from now on; confirming starts it, too."""
        if self._thread is not None and self._thread.is_alive():
            return
        if not (self._consent or self._queue.noted(FORGETTING)):
            return
        self._stopped.clear()
        self._thread = threading.Thread(target=self._run, name="contributions", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the background thread; an upload that takes long is left to end by itself."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join(CLOSING_SECONDS)
            self._thread = None

    def after_fork(self) -> None:
        """In the child there is no background thread; confirming starts one."""
        self._thread = None
        self._stopped = threading.Event()

    def _keep(self, item: Confirmed) -> bool:
        self._install()
        kept = self._queue.add(item)
        if kept == "full" and not self._told_full:
            self._told_full = True
            logger.warning("No more contributions are kept until some of them were sent.")
        self.start()
        return kept == "new"

    def _run(self) -> None:
        stopped = self._stopped
        while not stopped.is_set():
            try:
                self.upload_now()
            except DetectorError as error:
                logger.info("Contributions could not be sent: %s", error.problem)
            stopped.wait(min(BETWEEN_LOOKS, max(0.05, self._policy.seconds_between)))

    def _upload(self) -> Outcome:
        """The caller holds the folder's lock."""
        if self._policy.clock() < self._due_at():
            return "not due"
        if self._queue.noted(FORGETTING):
            self._attempt(self._go_on_forgetting)
            return "forgotten"
        if not self._consent:
            return "no consent"
        if self._queue.noted(PAUSED):
            return "paused"
        today, most = self._today(), self._policy.most_a_day
        if not self._queue.has_work(today, most):
            return "nothing to send"
        # What was confirmed while the id before was being forgotten waits without one.
        install = self._known_install() or self._new_install()
        destination = self._destination(install)
        self._queue.note(SENT_TO, str(destination))
        self._attempt(lambda: upload(self._queue, destination, today, most))
        self._told_full = False
        return "sent"

    def _attempt(self, act: Callable[[], None]) -> None:
        """Ask the place for something; the next time is later, the more so the more often it
        fails."""
        now, before = self._policy.clock(), int(self._queue.noted("failures") or 0)
        # Noted first: a program that is killed while it sends does not come back at once either.
        self._queue.note("due", str(now + self._policy.seconds_between))
        try:
            act()
        except ContributionStoreError as error:
            pause = min(LONGEST_WAIT, self._policy.seconds_between * 2**before)
            self._queue.note("due", str(now + max(pause, min(error.retry_after, LONGEST_WAIT))))
            self._queue.note("failures", str(min(before + 1, 20)))
            self._queue.note("failure", error.problem)
            raise
        if before:
            self._queue.note("failures", "")
            self._queue.note("failure", "")

    def _go_on_forgetting(self) -> None:
        """Delete what was sent; the caller holds the folder's lock."""
        noted = self._queue.noted(FORGETTING)
        if not noted:
            return
        self._store.delete(self._store.keys(self._destination(UUID(noted)).folder))
        known = self._known_install()
        if known is not None and str(known) == noted:
            with contextlib.suppress(FileNotFoundError):
                (self.folder / INSTALL_FILE).unlink()
        self._queue.note(SENT_TO, "")
        self._queue.note(FORGETTING, "")

    def _destination(self, install: UUID) -> Destination:
        return Destination(self._store, self._rules.game, install)

    def _due_at(self) -> float:
        """When the next upload may be, in seconds since 1970."""
        noted, now = float(self._queue.noted("due") or 0.0), self._policy.clock()
        # A clock that was set back would keep everything waiting until it has caught up.
        return noted if noted <= now + LONGEST_WAIT else now

    def _today(self) -> date:
        return datetime.fromtimestamp(self._policy.clock(), timezone.utc).date()

    def _known_install(self) -> UUID | None:
        try:
            return Install.model_validate_json((self.folder / INSTALL_FILE).read_bytes()).install
        except FileNotFoundError:
            return None
        except (OSError, ValidationError) as error:
            raise ContributionError(
                f"{self.folder / INSTALL_FILE} cannot be read: {str(error).splitlines()[0]}",
                "Delete it: a new random id is made with the next confirmation.",
            ) from error

    def _install(self) -> UUID:
        """The random id, which is made once."""
        known = self._known_install()
        if known is not None:
            return known
        try:
            with self._lock.hold(patience=60):
                return self._known_install() or self._new_install()
        except UpdateError as error:
            raise ContributionError(error.problem, error.fix) from error

    def _new_install(self) -> UUID:
        """Make a random id; the caller holds the folder's lock."""
        new = uuid4()
        content = Install(install=new).model_dump_json()
        try:
            write_durably(self.folder / INSTALL_FILE, f"{content}\n".encode())
        except OSError as error:
            raise ContributionError(
                f"{self.folder} cannot be written: {error}",
                "Keep contributions in a folder that this user may write to.",
            ) from error
        return new


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _require_record(item: Confirmed) -> None:
    """Refuse a label that whoever receives it would refuse."""
    try:
        ContributionRecord(
            crop_sha256=item.digest,
            name=item.name,
            slot=item.slot,
            ml_name=item.ml_name,
            date=date.min,
        )
    except ValidationError as error:
        raise ContributionError(
            f"{item.name!r} cannot be a label: {error.errors()[0]['msg']}",
            "Pass a name of at most 200 characters, and what was read before with as many.",
        ) from error
