"""The reaper: ends pods of ours that nobody leases any more, and closes leases that have no pod.

It needs nothing but the cloud's list and the ledger, so it works after any crash. What it does is
decided by `judge`, which touches nothing. Ours are the pods that stand in the ledger, and those
whose names have the token of this state folder. Pods of other state folders are told of and left
alone: whose folder is lost may name its token, and then they count as ours.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import StrEnum

from pipeline.errors import OutpostError
from resources.gpu.clouds.base import Cloud, CloudError, Pod, PodStatus
from resources.gpu.leases.file_lock import is_held
from resources.gpu.leases.ledger import LeaseRow, LeaseState, Ledger, LedgerError
from resources.gpu.leases.pod import EndNotVerifiedError, end_lease, end_pod
from resources.gpu.pod_names import parse_name
from resources.gpu.timeouts import Pace

LATE_SECONDS = 600.0
"""A lease that is held longer past its time than this is not being ended by whoever holds it."""


class Action(StrEnum):
    """What is to be done about a pod or a lease."""

    END = "end"
    """The pod is nobody's."""
    CLOSE = "close"
    """The lease has no pod, for certain."""
    WAIT = "wait"
    """The lease has no pod that shows; one may yet appear."""


@dataclass(frozen=True)
class Verdict:
    """What is to be done, and why.

    Attributes:
        pod: the pod to end.
        row: the lease that it belongs to, or that has no pod.
    """

    action: Action
    reason: str
    pod: Pod | None = None
    row: LeaseRow | None = None

    @property
    def name(self) -> str:
        """Of the pod that it is about."""
        if self.pod is not None:
            return self.pod.name
        return self.row.name if self.row is not None else ""


@dataclass(frozen=True)
class Reaping:
    """What one look found and did.

    Attributes:
        provider: whose pods were looked at.
        pods: how many of ours there were.
        verdicts: what was to be done; with a dry run nothing was.
        others: pods that other state folders have rented, which were left alone.
    """

    provider: str
    pods: int
    verdicts: tuple[Verdict, ...]
    others: tuple[Pod, ...] = ()

    @property
    def is_settled(self) -> bool:
        """Whether another look would find nothing more."""
        return all(verdict.action is not Action.WAIT for verdict in self.verdicts)


class ReapError(OutpostError):
    """Pods of ours that could not be ended, or were not even found out about."""


def judge(
    owners: Collection[str],
    pods: Iterable[Pod],
    rows: Sequence[LeaseRow],
    held: Callable[[LeaseRow], bool],
    now: float,
    settle: float,
) -> tuple[Verdict, ...]:
    """Compare a complete list of pods with the ledger.

    Args:
        owners: pods with these tokens in their names are ours, and those of the leases.
        pods: all of the account.
        rows: all leases of that cloud.
        held: whether the process that leased it lives.
        now: seconds since 1970.
        settle: seconds for which a new pod may be missing in lists.
    """
    by_name = {row.name: row for row in rows}
    ours = [pod for pod in pods if _is_alive(pod) and _is_ours(pod, owners, by_name)]
    verdicts = [_verdict_on_pod(pod, by_name.get(pod.name), held, now) for pod in ours]
    shown = {pod.name for pod in ours}
    verdicts += [
        _verdict_on_row(row, held, now, settle)
        for row in rows
        if not row.state.is_end and row.name not in shown
    ]
    return tuple(verdict for verdict in verdicts if verdict is not None)


def reap(
    cloud: Cloud,
    ledger: Ledger,
    pace: Pace,
    *,
    dry_run: bool = False,
    lost: Collection[str] = (),
) -> Reaping:
    """Look once, and end and close what is to be.

    Args:
        lost: tokens of state folders that are lost, whose pods count as ours.

    Raises:
        CloudError: the list failed: nothing is known. Pods that nobody leases any more were asked
            to end all the same, if their ids are known; whether they did is not.
        ReapError: a pod could not be ended; all others were.
    """

    def held(row: LeaseRow) -> bool:
        return is_held(ledger.lock_file(row.id))

    try:
        # Before the ledger is read: whatever of ours is in this list has a row by then.
        pods = [pod for pod in cloud.pods() if _is_alive(pod)]
    except CloudError:
        if not dry_run:
            _end_blindly(cloud, ledger, held)
        raise
    rows = tuple(row for row in ledger.rows() if row.provider == cloud.name)
    by_name = {row.name: row for row in rows}
    owners = {ledger.owner(), *lost}
    verdicts = judge(owners, pods, rows, held, ledger.clock(), pace.settle)
    ours = sum(_is_ours(pod, owners, by_name) for pod in pods)
    others = (pod for pod in pods if not _is_ours(pod, owners, by_name) and parse_name(pod.name))
    if not dry_run:
        _carry_out(cloud, ledger, verdicts, pace)
    return Reaping(cloud.name, ours, verdicts, tuple(others))


def reap_until_settled(
    cloud: Cloud, ledger: Ledger, pace: Pace, lost: Collection[str] = ()
) -> tuple[Reaping, ...]:
    """Look until nothing is left to be waited for: no lease, and no pod that may yet appear.

    Raises:
        CloudError, ReapError: see `reap`.
    """
    gives_up = time.monotonic() + 2 * pace.settle + pace.end
    looks: list[Reaping] = []
    while True:
        # A refused request has no pod, but clouds err: it would show by now.
        refused_long_ago = ledger.clock() - _last_refusal(ledger, cloud.name) > pace.settle
        looks.append(reap(cloud, ledger, pace, lost=lost))
        if (looks[-1].is_settled and refused_long_ago) or time.monotonic() > gives_up:
            return tuple(looks)
        time.sleep(max(pace.poll, pace.settle / 2))


def is_overdue(pod: Pod, now: float) -> bool:
    """Whether a pod of Outpost's is there although its time has been over for a while."""
    name = parse_name(pod.name)
    return name is not None and now > name.expires + LATE_SECONDS


def _last_refusal(ledger: Ledger, provider: str) -> float:
    """When the last lease of which nothing came began."""
    rows = (row for row in ledger.rows() if row.state is LeaseState.NOT_CREATED)
    return max((row.created_at for row in rows if row.provider == provider), default=0.0)


def _is_ours(pod: Pod, owners: Collection[str], by_name: Mapping[str, LeaseRow]) -> bool:
    name = parse_name(pod.name)
    return pod.name in by_name or (name is not None and name.owner in owners)


def _is_alive(pod: Pod) -> bool:
    return pod.status is not PodStatus.ENDED


def _end_blindly(cloud: Cloud, ledger: Ledger, held: Callable[[LeaseRow], bool]) -> None:
    """Ask for the end of whatever nobody leases any more, without a list to look at.

    It proves nothing, so the ledger does not hear of it; but it costs no more money.
    """
    for row in ledger.open_rows(cloud.name):
        abandoned = not held(row) or ledger.clock() > row.expires_at + LATE_SECONDS
        if row.pod_id is not None and abandoned:
            with suppress(CloudError):
                cloud.terminate(row.pod_id)


def _verdict_on_pod(
    pod: Pod, row: LeaseRow | None, held: Callable[[LeaseRow], bool], now: float
) -> Verdict | None:
    if row is None:
        return Verdict(Action.END, "the ledger knows no such lease", pod)
    if row.state.is_end:
        return Verdict(Action.END, "its lease has ended", pod, row)
    if is_overdue(pod, now):
        return Verdict(Action.END, "its time is over", pod, row)
    if not held(row):
        return Verdict(Action.END, "the process that leased it is gone", pod, row)
    return None


def _verdict_on_row(
    row: LeaseRow, held: Callable[[LeaseRow], bool], now: float, settle: float
) -> Verdict | None:
    if held(row) and now <= row.expires_at + LATE_SECONDS:
        return None
    if row.absent_since is None or now - row.absent_since < settle:
        return Verdict(Action.WAIT, "no such pod shows; it may be late", row=row)
    return Verdict(Action.CLOSE, "no such pod showed in two complete lists", row=row)


def _carry_out(cloud: Cloud, ledger: Ledger, verdicts: Iterable[Verdict], pace: Pace) -> None:
    failures = []
    for verdict in verdicts:
        try:
            if verdict.action is Action.END:
                _end(cloud, ledger, verdict, pace)
            elif verdict.row is not None and verdict.action is Action.CLOSE:
                _close(cloud, ledger, verdict.row, verdict.reason, pace)
            elif verdict.row is not None:
                ledger.mark_absent(verdict.row.id)
                continue
            if verdict.row is not None:
                with suppress(OSError):  # Windows keeps it while a process lives that holds it
                    ledger.lock_file(verdict.row.id).unlink(missing_ok=True)
        except OutpostError as error:
            failures.append(f"{verdict.name}: {error.problem}")
    if failures:
        raise ReapError(
            f"{len(failures)} of ours could not be ended on {cloud.name}. {'; '.join(failures)}",
            "Run `outpost gpu reap` again, and look at the provider's own console.",
        )


def _end(cloud: Cloud, ledger: Ledger, verdict: Verdict, pace: Pace) -> None:
    pod, row = verdict.pod, verdict.row
    assert pod is not None
    if row is None or row.state.is_end:
        end_pod(cloud, pod.id, pod.name, pace)
        if row is not None:
            ledger.outlived(row.id, pod.id)
        return
    with suppress(LedgerError):  # a ledger that cannot be written keeps no pod running
        if row.state is LeaseState.INTENT:
            ledger.created(row.id, pod.id, pod.usd_per_hour)
        ledger.mark_seen(row.id)
    known = replace(row, pod_id=row.pod_id or pod.id, seen=True)
    end_lease(cloud, ledger, known, verdict.reason, pace)


def _close(cloud: Cloud, ledger: Ledger, row: LeaseRow, reason: str, pace: Pace) -> None:
    if row.pod_id is None:
        ledger.not_created(row.id, reason)
        with suppress(CloudError):
            cloud.tidy(row.name)
        return
    known = cloud.get(row.pod_id)
    if known is not None and known.status is not PodStatus.ENDED:
        raise EndNotVerifiedError(
            f"Pod {row.pod_id} is missing in the list, but exists.",
            "Look at the provider's own console.",
        )
    # Nothing is left to end: this verifies it, and tidies the account up.
    end_lease(cloud, ledger, row, reason, pace)
