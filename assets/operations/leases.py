"""`outpost gpu`: what is rented and billed, and ending what was left behind."""

from __future__ import annotations

from collections.abc import Sequence

from resources.gpu.factory import clouds_at_hand
from resources.gpu.leases.charges import reconcile_everywhere
from resources.gpu.leases.inventory import Account, account_of
from resources.gpu.leases.ledger import Ledger
from resources.gpu.leases.reaper import Reaping, reap, reap_until_done
from resources.gpu.maintenance import reap_everywhere
from resources.gpu.pod_names import checked_owner
from resources.gpu.signals import with_time_limit
from resources.gpu.timeouts import Timeouts


def update_bills(ledger: Ledger) -> None:
    """Write down what clouds have billed for leases, as far as they tell it in ten seconds."""
    if ledger.exists():
        with_time_limit(lambda: reconcile_everywhere(clouds_at_hand(), ledger), Timeouts().billing)


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


def known_accounts(ledger: Ledger) -> tuple[Account, ...]:
    """All that is billed in the account at each cloud whose API key is set."""
    return tuple(account_of(cloud, ledger) for cloud in clouds_at_hand())
