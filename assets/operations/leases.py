"""`outpost gpu`: what is rented and billed, and ending what was left behind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from resources.gpu.clouds.base import Diagnosis
from resources.gpu.doctor import diagnose
from resources.gpu.factory import clouds_at_hand
from resources.gpu.leases.charges import reconcile_everywhere
from resources.gpu.leases.inventory import Account, account_of
from resources.gpu.leases.ledger import LeaseRow, Ledger
from resources.gpu.leases.reaper import Reaping, reap, reap_until_done
from resources.gpu.maintenance import reap_everywhere
from resources.gpu.pod_names import checked_owner
from resources.gpu.resource import Gpu
from resources.gpu.signals import with_time_limit
from resources.gpu.timeouts import Timeouts


@dataclass(frozen=True)
class Leases:
    """Every lease of a ledger.

    Attributes:
        rows: the newest first.
        usd_this_month: all leases of this calendar month (UTC).
        now: when the ledger was read, in seconds since 1970.
    """

    rows: tuple[LeaseRow, ...]
    usd_this_month: float
    now: float


def known_leases(ledger: Ledger) -> Leases:
    """The leases, with what their clouds have billed as far as they tell it in ten seconds."""
    if ledger.exists():
        with_time_limit(lambda: reconcile_everywhere(clouds_at_hand(), ledger), Timeouts().billing)
    return Leases(ledger.rows(), ledger.usd_this_month(), ledger.clock())


def reap_leases(ledger: Ledger, lost: Sequence[str], *, dry_run: bool) -> tuple[Reaping, ...]:
    """End every rented host of ours that no living run uses, and verify that it has ended.

    Args:
        lost: tokens of state folders that are lost, whose pods count as ours.
        dry_run: only tell what would be done.

    Raises:
        ReapError: a pod may still be billed.
    """
    timeouts, owners = Timeouts(), [checked_owner(token) for token in lost]
    return reap_everywhere(
        clouds_at_hand(),
        ledger,
        lambda cloud: (
            [reap(cloud, ledger, timeouts, dry_run=True, lost=owners)]
            if dry_run
            else reap_until_done(cloud, ledger, timeouts, owners)
        ),
    )


@dataclass(frozen=True)
class Examination:
    """Whether renting would work, and what is billed already.

    Attributes:
        accounts: one for each cloud whose API key is set.
    """

    diagnoses: tuple[Diagnosis, ...]
    accounts: tuple[Account, ...]

    @property
    def is_well(self) -> bool:
        """Whether nothing was found that would keep a training from starting."""
        return all(diagnosis.ok for diagnosis in self.diagnoses)


def examine_gpu(gpu: Gpu) -> Examination:
    """Look at all that a training needs, and at all that the accounts are billed for."""
    ledger = Ledger(gpu.paths.state.gpu)
    return Examination(
        diagnose(gpu, gpu.paths.state.gpu),
        tuple(account_of(cloud, ledger) for cloud in clouds_at_hand()),
    )
