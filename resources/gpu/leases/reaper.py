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
from dataclasses import dataclass
from enum import StrEnum

from pipeline.errors import OutpostError
from resources.gpu.clouds.base import Cloud, CloudError, Pod, PodStatus
from resources.gpu.leases.file_lock import is_held
from resources.gpu.leases.ledger import LeaseRow, LeaseState, Ledger
from resources.gpu.leases.pod import EndNotVerifiedError, adopt, clean_up, end_lease, end_pod
from resources.gpu.pod_names import parse_name
from resources.gpu.timeouts import Timeouts

LATE_SECONDS = 600.0
"""A lease that is held longer past its time than this is not being ended by whoever holds it."""


class ReapKind(StrEnum):
    """What is to be done about a pod or a lease."""

    END = "end"
    """The pod is nobody's."""
    CLOSE = "close"
    """The lease has no pod, for certain."""
    WAIT = "wait"
    """The lease has no pod that shows; one may yet appear."""


@dataclass(frozen=True)
class ReapAction:
    """What is to be done, and why.

    Attributes:
        pod: the pod to end.
        row: the lease that it belongs to, or that has no pod.
    """

    kind: ReapKind
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
    """What one pass found and did.

    Attributes:
        provider: whose pods were looked at.
        pods: how many of ours there were.
        actions: what was to be done; with a dry run nothing was.
        others: pods that other state folders have rented, which were left alone.
    """

    provider: str
    pods: int
    actions: tuple[ReapAction, ...]
    others: tuple[Pod, ...] = ()

    @property
    def is_done(self) -> bool:
        """Whether another pass would find nothing more."""
        return all(action.kind is not ReapKind.WAIT for action in self.actions)


class ReapError(OutpostError):
    """Pods of ours that could not be ended, or were not even found out about."""


def judge(
    owners: Collection[str],
    pods: Iterable[Pod],
    rows: Sequence[LeaseRow],
    held: Callable[[LeaseRow], bool],
    now: float,
    list_lag: float,
) -> tuple[ReapAction, ...]:
    """Compare a complete list of pods with the ledger.

    Args:
        owners: pods with these tokens in their names are ours, and those of the leases.
        pods: all of the account.
        rows: all leases of that cloud.
        held: whether the process that leased it lives.
        now: seconds since 1970.
        list_lag: seconds for which a new pod may be missing in lists.
    """
    by_name = {row.name: row for row in rows}
    ours = [pod for pod in pods if _is_alive(pod) and _is_ours(pod, owners, by_name)]
    actions = [_action_on_pod(pod, by_name.get(pod.name), held, now) for pod in ours]
    shown = {pod.name for pod in ours}
    actions += [
        _action_on_row(row, held, now, list_lag)
        for row in rows
        if not row.state.is_end and row.name not in shown
    ]
    return tuple(action for action in actions if action is not None)


def reap(
    cloud: Cloud,
    ledger: Ledger,
    timeouts: Timeouts,
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
    actions = judge(owners, pods, rows, held, ledger.clock(), timeouts.list_lag)
    ours = sum(_is_ours(pod, owners, by_name) for pod in pods)
    others = (pod for pod in pods if not _is_ours(pod, owners, by_name) and parse_name(pod.name))
    if not dry_run:
        _carry_out(cloud, ledger, actions, timeouts)
    return Reaping(cloud.name, ours, actions, tuple(others))


def reap_until_done(
    cloud: Cloud, ledger: Ledger, timeouts: Timeouts, lost: Collection[str] = ()
) -> tuple[Reaping, ...]:
    """Look until nothing is left to be waited for: no lease, and no pod that may yet appear.

    Raises:
        CloudError, ReapError: see `reap`.
    """
    gives_up = time.monotonic() + 2 * timeouts.list_lag + timeouts.termination
    looks: list[Reaping] = []
    while True:
        # A refused request has no pod, but clouds err: it would show by now.
        refused_long_ago = ledger.clock() - _last_refusal(ledger, cloud.name) > timeouts.list_lag
        looks.append(reap(cloud, ledger, timeouts, lost=lost))
        if (looks[-1].is_done and refused_long_ago) or time.monotonic() > gives_up:
            return tuple(looks)
        time.sleep(max(timeouts.poll_interval, timeouts.list_lag / 2))


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


def _action_on_pod(
    pod: Pod, row: LeaseRow | None, held: Callable[[LeaseRow], bool], now: float
) -> ReapAction | None:
    if row is None:
        return ReapAction(ReapKind.END, "the ledger knows no such lease", pod)
    if row.state.is_end:
        return ReapAction(ReapKind.END, "its lease has ended", pod, row)
    if is_overdue(pod, now):
        return ReapAction(ReapKind.END, "its time is over", pod, row)
    if not held(row):
        return ReapAction(ReapKind.END, "the process that leased it is gone", pod, row)
    return None


def _action_on_row(
    row: LeaseRow, held: Callable[[LeaseRow], bool], now: float, list_lag: float
) -> ReapAction | None:
    if held(row) and now <= row.expires_at + LATE_SECONDS:
        return None
    if row.absent_since is None or now - row.absent_since < list_lag:
        return ReapAction(ReapKind.WAIT, "no such pod shows; it may be late", row=row)
    return ReapAction(ReapKind.CLOSE, "no such pod showed in two complete lists", row=row)


def _carry_out(
    cloud: Cloud, ledger: Ledger, actions: Iterable[ReapAction], timeouts: Timeouts
) -> None:
    failures = []
    for action in actions:
        try:
            if action.kind is ReapKind.END:
                _end(cloud, ledger, action, timeouts)
            elif action.row is not None and action.kind is ReapKind.CLOSE:
                _close(cloud, ledger, action.row, action.reason, timeouts)
            elif action.row is not None:
                ledger.mark_absent(action.row.id)
                continue
            if action.row is not None:
                with suppress(OSError):  # Windows keeps it while a process lives that holds it
                    ledger.lock_file(action.row.id).unlink(missing_ok=True)
        except OutpostError as error:
            failures.append(f"{action.name}: {error.problem}")
    if failures:
        raise ReapError(
            f"{len(failures)} pods or leases could not be ended on {cloud.name}. "
            f"{'; '.join(failures)}",
            "Run `outpost gpu reap` again, and look at the provider's own console.",
        )


def _end(cloud: Cloud, ledger: Ledger, action: ReapAction, timeouts: Timeouts) -> None:
    pod, row = action.pod, action.row
    assert pod is not None
    if row is None or row.state.is_end:
        end_pod(cloud, pod.id, pod.name, timeouts)
        if row is not None:
            ledger.outlived(row.id, pod.id)
        return
    end_lease(cloud, ledger, adopt(ledger, row, pod), action.reason, timeouts)


def _close(cloud: Cloud, ledger: Ledger, row: LeaseRow, reason: str, timeouts: Timeouts) -> None:
    if row.pod_id is None:
        ledger.not_created(row.id, reason)
        clean_up(cloud, row)
        return
    known = cloud.get(row.pod_id)
    if known is not None and known.status is not PodStatus.ENDED:
        raise EndNotVerifiedError(
            f"Pod {row.pod_id} is missing in the list, but exists.",
            "Look at the provider's own console.",
        )
    # Nothing is left to end: this verifies it, and cleans the account up.
    end_lease(cloud, ledger, row, reason, timeouts)
