"""One pod: asked for, made ready, ended for certain. The ledger is written before each step."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import paramiko

from pipeline.errors import OutpostError
from pipeline.jobs.events import OnLog, ignore
from resources.gpu.clouds.base import (
    DEADMAN_FILE,
    AmbiguousCreateError,
    Cloud,
    CloudBusyError,
    CloudError,
    CloudKeyError,
    CloudUnavailableError,
    NoCapacityError,
    Offer,
    Pod,
    PodRequest,
    PodStatus,
    SshAddress,
)
from resources.gpu.hosts.host_keys import HostKeyError, RecordedKey, SshError
from resources.gpu.hosts.keys import public_line
from resources.gpu.hosts.ssh import (
    HostLostError,
    Login,
    RemoteCommandError,
    RemoteHost,
    SshDroppedError,
    SshLoginError,
    connect,
    quoted,
)
from resources.gpu.hosts.workspace import Environment, HostUnfitError, RemoteWorkspace
from resources.gpu.leases.file_lock import hold_lock
from resources.gpu.leases.ledger import LeaseRow, LeaseState, Ledger, LedgerError, Limits
from resources.gpu.pod_names import new_lease_id
from resources.gpu.signals import require_a_parent
from resources.gpu.timeouts import Timeouts

T = TypeVar("T")

KEY_TRIES = 3
"""Looks at a cloud for the host key, before the first one that SSH shows is taken."""
DEAD = (PodStatus.STOPPED, PodStatus.FAILED, PodStatus.ENDED)


class EndNotVerifiedError(OutpostError):
    """A pod that may still be billed."""


class EndNotRecordedError(OutpostError):
    """A pod that has ended for certain, of which the ledger could not be told."""


@dataclass(frozen=True)
class PodTerms:
    """What all pods of a provider have in common.

    Attributes:
        key: lets in; its public half travels with the request.
        disk_gb: of the pod.
        min_cuda: see `PodRequest`.
    """

    cloud: Cloud
    ledger: Ledger
    limits: Limits
    key: paramiko.PKey
    timeouts: Timeouts
    disk_gb: int
    min_cuda: str


class PodLease:
    """One pod and its row in the ledger, locked by this process until `end`."""

    known: LeaseRow
    """The lease as it was last read; `read_row` reads it anew."""

    def __init__(self, terms: PodTerms, offer: Offer, requirements: Mapping[str, str]) -> None:
        """Announce the lease; nothing has been asked for yet.

        Args:
            requirements: of the job, see `pipeline.jobs.spec.JobSpec`.

        Raises:
            LeaseLimitError, BudgetError: it is one too many.
        """
        self.cloud, self.ledger, self.timeouts = terms.cloud, terms.ledger, terms.timeouts
        self.terms, self.offer, self.requirements = terms, offer, requirements
        self.id = new_lease_id()
        self.has_ended = False
        self._address: SshAddress | None = None
        self._host: RemoteHost | None = None
        self._began = time.monotonic()
        self._held = ExitStack()
        # Locked before there is a row, so the reaper never takes the row for an abandoned one.
        self._held.enter_context(hold_lock(self.ledger.lock_file(self.id)))
        try:
            self.known = self.ledger.intend(self.cloud.name, offer, terms.limits, self.id)
        except BaseException:
            self._release()
            raise

    @property
    def pod_id(self) -> str:
        """The cloud's name for the pod, once it exists."""
        assert self.known.pod_id is not None
        return self.known.pod_id

    def read_row(self) -> LeaseRow:
        """Read the lease from the ledger, where that is possible; else it is as last `known`.

        A ledger that is lost, full or damaged must not keep a pod from being ended.
        """
        with suppress(LedgerError):
            now = self.ledger.row(self.id)
            self.known = replace(now, pod_id=now.pod_id or self.known.pod_id)
        return self.known

    def seconds_left(self) -> float:
        """Until its time or its budget is used up, by whichever clock says so first.

        The clock on the wall may be set back, and the other one stands still while a laptop sleeps.
        """
        row = self.read_row()
        paid_for = row.must_end_at - row.created_at
        by_the_wall = row.must_end_at - self.ledger.clock()
        return min(by_the_wall, paid_for - (time.monotonic() - self._began))

    def get_ready(self, on_log: OnLog = ignore) -> ReadyPod:
        """Create the pod, and wait and work until a job can run on it.

        Raises:
            NoCapacityError: there is no such host.
            HostUnfitError: there is one, and it is of no use.
            CloudError: another offer would not help either.
        """
        self._create()
        self._check_price()
        self._address = self._wait_for_address()
        trust = RecordedKey(lambda: self.read_row().host_key, self._told_keys, self._remember_key)
        login = Login(self._address, self.terms.key, trust)
        self._wait_for_login(login)
        self._host = RemoteHost(login, self.timeouts.reconnect, self.lost_because)
        try:
            ready = self._prepared(self._host, on_log)
        except SshError as error:
            raise HostUnfitError(error.problem, error.fix) from error
        self.ledger.ready(self.id)
        return ready

    def lost_because(self) -> str | None:
        """Why the pod will not come back, as far as its cloud knows."""
        if self.seconds_left() < 0:
            return "its time or its budget is used up"
        try:
            pod = self.cloud.get(self.pod_id)
        except CloudError:
            return None
        if pod is None:
            return "its cloud does not know it any more"
        if pod.status in DEAD:
            return f"its cloud says that it is {pod.status}"
        if pod.ssh is not None and pod.ssh != self._address:
            return "it was moved to another address"
        return None

    def end(self, note: str) -> None:
        """End the pod and verify it; whatever state it is in, also when it may not exist.

        Raises:
            EndNotVerifiedError: it may still be billed; the row stays open for the reaper.
            EndNotRecordedError: it is not billed any more, but the row stays open.
        """
        try:
            if self._host is not None:
                self._host.close()
            end_lease(self.cloud, self.ledger, self.read_row(), note, self.timeouts)
            self.has_ended = True
        finally:
            self._release()

    def _create(self) -> None:
        row, terms = self.read_row(), self.terms
        request = PodRequest(
            name=row.name,
            offer=self.offer,
            public_key=public_line(terms.key),
            ttl_seconds=int(row.expires_at - row.created_at),
            disk_gb=terms.disk_gb,
            min_cuda=terms.min_cuda,
        )
        try:
            # Again only where the cloud says that it has not even looked at it.
            pod = retry_while(CloudBusyError, lambda: self.cloud.create(request), self.timeouts)
        except AmbiguousCreateError as error:
            adopted = find_by_name(self.cloud, row.name, self.timeouts)
            if adopted is None:
                clean_up(self.cloud, self.ledger.not_created(self.id, error.problem))
                raise NoCapacityError(error.problem, error.fix) from error
            self._is_created(adopted)
            self.ledger.mark_seen(self.id)
            return
        except CloudError as error:
            self.ledger.not_created(self.id, error.problem)
            raise
        self._is_created(pod)

    def _is_created(self, pod: Pod) -> None:
        self.known = replace(self.known, pod_id=pod.id)
        self.ledger.created(self.id, pod.id, pod.usd_per_hour)

    def _check_price(self) -> None:
        price, most = self.read_row().usd_per_hour, self.terms.limits.per_hour
        if price > most:
            raise HostUnfitError(
                f"It costs ${price:.2f} an hour, more than was offered and than ${most:.2f}.",
                "Raise max_usd_per_hour if it is worth that.",
            )

    def _wait_for_address(self) -> SshAddress:
        """Until the pod runs and tells where it can be reached."""
        began = time.monotonic()
        running_since: float | None = None
        while True:
            require_a_parent()
            pod = self._look_at_pod()
            now = time.monotonic()
            if pod is not None:
                if pod.status in DEAD:
                    raise HostUnfitError(
                        f"It became {pod.status} while it booted.", "Another host may work."
                    )
                if pod.status is PodStatus.RUNNING:
                    running_since = running_since or now
                    if pod.ssh is not None:
                        return pod.ssh
            elif self.read_row().seen and now - began > self.timeouts.list_lag:
                raise HostUnfitError("It vanished while it booted.", "Another host may work.")
            if running_since is not None and now - running_since > self.timeouts.address:
                raise HostUnfitError(
                    f"It runs for {self.timeouts.address:.0f} s without a direct SSH address.",
                    "Hosts of the secure tier always have one.",
                )
            if now - began > self.timeouts.boot:
                raise HostUnfitError(
                    f"It did not boot within {self.timeouts.boot:.0f} s.", "Another host may work."
                )
            time.sleep(self.timeouts.poll_interval)

    def _look_at_pod(self) -> Pod | None:
        """The pod; None while it is not found, or the cloud cannot be asked.

        Raises:
            HostUnfitError: it is too expensive.
        """
        try:
            pod = self.cloud.get(self.pod_id)
        except CloudKeyError:
            raise
        except CloudError:
            return None
        if pod is not None and not self.read_row().seen:
            self.ledger.mark_seen(self.id)
        if pod is not None and pod.usd_per_hour not in (None, self.known.usd_per_hour):
            # Some tell their price only once they run.
            self.ledger.priced(self.id, pod.usd_per_hour)
            self._check_price()
        return pod

    def _wait_for_login(self, login: Login) -> None:
        gives_up = time.monotonic() + self.timeouts.login
        while True:
            try:
                connect(login).close()
                return
            except HostKeyError as error:
                raise HostUnfitError(error.problem, error.fix) from error
            except (SshDroppedError, SshLoginError) as error:
                reason = self.lost_because()
                if reason is not None or time.monotonic() > gives_up:
                    raise HostUnfitError(reason or error.problem, error.fix) from error
                time.sleep(min(self.timeouts.poll_interval, 2.0))

    def _prepared(self, host: RemoteHost, on_log: OnLog) -> ReadyPod:
        workspace = RemoteWorkspace(host, self.known.name, self.requirements)
        self._check_deadman(host)
        environment, driver = workspace.probe(), workspace.nvidia_smi()
        if driver is None or environment.gpu is None:
            missing = "nvidia-smi fails" if driver is None else "torch sees no GPU"
            raise HostUnfitError(f"Its GPU cannot be used: {missing}.", "Another host may work.")
        on_log(f"Preparing {environment.gpu} ({self.pod_id}).")
        return ReadyPod(self, workspace, environment, workspace.prepare(environment))

    def _check_deadman(self, host: RemoteHost) -> None:
        """Nothing is uploaded to a pod that would not end itself."""
        if not self.cloud.arms_deadman:
            return
        try:
            host.run(f'kill -0 "$(cat "{DEADMAN_FILE}")"')
        except RemoteCommandError as error:
            raise HostUnfitError(
                "Its dead-man switch is not armed: it would still be billed if Outpost crashed.",
                "Another host may work.",
            ) from error

    def _remember_key(self, fingerprint: str) -> None:
        self.known = replace(self.known, host_key=fingerprint)
        self.ledger.trust(self.id, fingerprint)

    def _told_keys(self) -> Sequence[str]:
        for attempt in range(KEY_TRIES):
            with suppress(CloudError):
                if told := self.cloud.host_key_fingerprints(self.pod_id):
                    return told
            if attempt < KEY_TRIES - 1:
                time.sleep(self.timeouts.poll_interval)
        return ()

    def _release(self) -> None:
        self._held.close()
        with suppress(OSError):  # Windows keeps it while another process looks at it
            self.ledger.lock_file(self.id).unlink(missing_ok=True)


@dataclass(frozen=True)
class ReadyPod:
    """A pod on which a job can run.

    Attributes:
        lease: its time, its money and its end.
        record: what the host is; see `RemoteWorkspace.prepare`.
    """

    lease: PodLease
    workspace: RemoteWorkspace
    environment: Environment
    record: Mapping[str, Any]

    def raise_if_lost(self, seconds: float) -> None:
        """Watch a pod on which something failed; quiet if it is there, as it was, all the while.

        What runs on a pod fails in any way while the pod is taken down, and its cloud may show it
        as running a while longer.

        Raises:
            HostLostError, SshLoginError, HostKeyError: it is not what it was.
        """
        ends = time.monotonic() + seconds
        while True:
            require_a_parent()
            if reason := self.lease.lost_because() or self._emptied_because():
                raise HostLostError(f"The host is lost: {reason}.", "Run it again.")
            if time.monotonic() > ends:
                return
            time.sleep(self.lease.timeouts.poll_interval)

    def _emptied_because(self) -> str | None:
        """Whether another container with an empty disk answers now, by a fresh connection."""
        host = self.workspace.host
        host.close()
        try:
            host.run(quoted("test", "-e", self.workspace.agent))
        except RemoteCommandError as error:
            return "its disk is empty: it was recreated" if error.code == 1 else None
        return None


def end_lease(cloud: Cloud, ledger: Ledger, row: LeaseRow, note: str, timeouts: Timeouts) -> None:
    """End whatever pod a lease has, and verify that none is left.

    A pod that was never seen may only not have appeared yet, so its absence counts from
    `timeouts.list_lag` seconds after its creation on. The pod comes before the book: it is ended
    even where the ledger cannot be written.

    Raises:
        EndNotVerifiedError: it may still be billed.
        EndNotRecordedError: it is not, but its row could not be closed.
    """
    if row.state.is_end:
        return
    if row.pod_id is None:
        row = _resolve(cloud, ledger, row, note, timeouts)
        if row.state.is_end:
            clean_up(cloud, row)
            return
    assert row.pod_id is not None
    with suppress(LedgerError):
        ledger.draining(row.id, note)
    may_appear = 0.0 if row.seen else row.created_at + timeouts.list_lag - ledger.clock()
    end_pod(cloud, row.pod_id, row.name, timeouts, may_appear)
    clean_up(cloud, row)
    try:
        ledger.terminated(row.id)
    except LedgerError as error:
        raise EndNotRecordedError(
            f"Pod {row.pod_id} ({row.name}) on {cloud.name} has ended, which was verified, but "
            f"that could not be recorded. {error.problem}",
            f"{error.fix} Then `outpost gpu reap` closes the lease.",
        ) from error


def end_pod(
    cloud: Cloud, pod_id: str, name: str, timeouts: Timeouts, may_appear: float = 0.0
) -> None:
    """End a pod, and verify it.

    Ended means: the cloud does not know the pod by its id, and a complete list has none of its id
    or name.

    Args:
        may_appear: seconds from now before which a pod that does not show may yet appear.

    Raises:
        EndNotVerifiedError: it may still be billed.
    """
    began = time.monotonic()
    may_appear = min(may_appear, timeouts.list_lag)
    while True:
        try:
            trouble = _ask_to_end(cloud, pod_id) or "it is still there."
            left = _what_is_left(cloud, pod_id, name)
            now = time.monotonic()
            if left:
                may_appear = 0.0
            if all(pod.status is PodStatus.ENDED for pod in left) and now - began >= may_appear:
                return
        except CloudError as error:
            trouble, now = error.problem, time.monotonic()
        if now - began > timeouts.termination + may_appear:
            raise EndNotVerifiedError(
                f"The end of pod {pod_id} ({name}) on {cloud.name} could not be verified: "
                f"{trouble} It may still be billed.",
                "Run `outpost gpu reap` now, and look at the provider's own console.",
            )
        time.sleep(timeouts.poll_interval)


def find_by_name(cloud: Cloud, name: str, timeouts: Timeouts) -> Pod | None:
    """The pod of a name; None after two complete lists without it, spaced by `timeouts.list_lag`.

    Raises:
        EndNotVerifiedError: there were no such lists in time.
    """
    gives_up = time.monotonic() + timeouts.create_resolution + timeouts.list_lag
    first_clean: float | None = None
    trouble = "it appears late"
    while True:
        try:
            pods = cloud.pods()
            now = time.monotonic()
            for pod in pods:
                if pod.name == name and pod.status is not PodStatus.ENDED:
                    return pod
            first_clean = now if first_clean is None else first_clean
            if now - first_clean >= timeouts.list_lag:
                return None
        except CloudError as error:
            trouble, now = error.problem, time.monotonic()
            if isinstance(error, CloudKeyError):
                gives_up = now
        if now >= gives_up:
            raise EndNotVerifiedError(
                f"Whether the pod {name} was created on {cloud.name} could not be found out: "
                f"{trouble}",
                "Run `outpost gpu reap` as soon as the cloud answers again.",
            )
        time.sleep(timeouts.poll_interval)


def retry_while(error: type[CloudError], ask: Callable[[], T], timeouts: Timeouts) -> T:
    """Ask a cloud, and again while it answers with this kind of error, but not for ever."""
    gives_up = time.monotonic() + timeouts.create_resolution
    while True:
        try:
            return ask()
        except error:
            if time.monotonic() > gives_up:
                raise
            time.sleep(timeouts.poll_interval)


def clean_up(cloud: Cloud, row: LeaseRow) -> None:
    """Remove what stays in the account beside a pod; it costs nothing, so it may fail."""
    with suppress(CloudError):
        cloud.clean_up(row.name)


def _resolve(
    cloud: Cloud, ledger: Ledger, row: LeaseRow, note: str, timeouts: Timeouts
) -> LeaseRow:
    """Find out what a request became that nobody knows the answer of."""
    pod = find_by_name(cloud, row.name, timeouts)
    return ledger.not_created(row.id, note) if pod is None else adopt(ledger, row, pod)


def adopt(ledger: Ledger, row: LeaseRow, pod: Pod) -> LeaseRow:
    """A lease with the pod that was found of it, even where the ledger cannot be written."""
    with suppress(LedgerError):
        if row.state is LeaseState.INTENT:
            ledger.created(row.id, pod.id, pod.usd_per_hour)
        ledger.mark_seen(row.id)
    return replace(row, pod_id=row.pod_id or pod.id, seen=True)


def _ask_to_end(cloud: Cloud, pod_id: str) -> str:
    """Ask for a pod's end; what the cloud says against it, or ""."""
    try:
        cloud.terminate(pod_id)
    except (CloudUnavailableError, CloudKeyError):
        raise
    except CloudError as error:
        # Perhaps new words for there being no such pod: looking decides.
        return error.problem
    return ""


def _what_is_left(cloud: Cloud, pod_id: str, name: str) -> list[Pod]:
    """What still shows of a pod; others of its name are asked to end, too."""
    known = cloud.get(pod_id)
    left = [pod for pod in cloud.pods() if name == pod.name or pod_id == pod.id]
    for pod in left:
        if pod.id != pod_id and pod.status is not PodStatus.ENDED:
            cloud.terminate(pod.id)
    return [*left, *([known] if known else [])]
