"""`outpost gpu`: what is rented, whether renting would work, and ending what was left behind."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from assets.cli.output import Json, console, escaped, explained
from pipeline.errors import OutpostError
from resources.state import StateFolder

if TYPE_CHECKING:
    from resources.gpu.clouds.base import Finding
    from resources.gpu.leases.inventory import Account, Entry
    from resources.gpu.leases.reaper import Reaping


class LeaseInUseError(OutpostError):
    """A lease that a living run holds."""


gpu_app = typer.Typer(
    no_args_is_help=True, help="Look at rented GPUs, end what was left behind, check the setup."
)


@gpu_app.command("list")
def list_leases(as_json: Json = False) -> None:
    """Show every lease with what it has cost so far, the newest first.

    What the provider has billed replaces the estimate where its API tells it and its key is set
    (`RUNPOD_API_KEY`); it is asked for ten seconds at most.

    Example: `outpost gpu list`
    """
    from assets.automation.gpu_reaper import LEASE_COLUMNS, lease_cells
    from resources.gpu.factory import clouds_at_hand
    from resources.gpu.leases.charges import reconcile_everywhere
    from resources.gpu.leases.ledger import Ledger
    from resources.gpu.signals import bounded
    from resources.gpu.timeouts import Pace

    with explained():
        ledger = Ledger(StateFolder.from_environment().gpu)
        if ledger.exists():
            bounded(lambda: reconcile_everywhere(clouds_at_hand(), ledger), Pace().bill)
        rows, month = ledger.rows(), ledger.usd_this_month()
        now = ledger.clock()
    if as_json:
        leases = [
            asdict(row) | {"usd": row.usd(now), "usd_is": row.usd_is, "seconds": row.seconds(now)}
            for row in rows
        ]
        print(json.dumps({"leases": leases, "usd_this_month": month}, indent=1))
        return
    if not rows:
        console.print("Nothing was ever rented.")
        return
    table = Table(*LEASE_COLUMNS)
    for row in rows:
        table.add_row(*map(escaped, lease_cells(row, now)))
    console.print(table)
    console.print(f"This month (UTC): ${month:.2f}.")


@gpu_app.command()
def reap(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only tell what would be done.")
    ] = False,
    lost: Annotated[
        list[str] | None,
        typer.Option(
            "--lost",
            metavar="TOKEN",
            help="Of a state folder that is lost: its pods count as ours. The eight digits that "
            "follow `outpost-` in their names.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """End every rented host of ours that no living run uses, and verify that it has ended.

    Only pods that were rented from this state folder are touched; those of other state folders are
    shown. Needs the API key of each provider (`RUNPOD_API_KEY`, `LAMBDA_API_KEY`). Exits with 1
    when a pod may still be billed.

    Example: `outpost gpu reap --dry-run`
    """
    from assets.automation.gpu_reaper import other_pod, reap_everywhere
    from resources.gpu.factory import clouds_at_hand
    from resources.gpu.leases.ledger import Ledger
    from resources.gpu.leases.reaper import reap as look_once
    from resources.gpu.leases.reaper import reap_until_settled
    from resources.gpu.pod_names import checked_owner
    from resources.gpu.timeouts import Pace

    with explained():
        ledger, pace, clouds = Ledger(StateFolder.from_environment().gpu), Pace(), clouds_at_hand()
        tokens = [checked_owner(token) for token in lost or ()]
        looks = reap_everywhere(
            clouds,
            ledger,
            lambda cloud: (
                [look_once(cloud, ledger, pace, dry_run=True, lost=tokens)]
                if dry_run
                else reap_until_settled(cloud, ledger, pace, tokens)
            ),
        )
    if as_json:
        print(json.dumps([_as_json(look) for look in looks], indent=1))
        return
    if not looks:
        console.print("No cloud's API key is set, and no lease is open.")
    for look in looks:
        console.print(f"{look.provider}: {look.pods} pods of ours.")
        for verdict in look.verdicts:
            console.print(f"  {verdict.action.value}  {verdict.name}  ({escaped(verdict.reason)})")
        for pod in look.others:
            said = other_pod(pod, ledger.clock())
            console.print(f"  left alone  {escaped(said)}", soft_wrap=True)


@gpu_app.command()
def forget(
    lease: Annotated[str, typer.Argument(help="Its id, as `outpost gpu list` shows it.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Close a lease that can be looked after no more, because its account or its key is gone.

    Look at the provider's own console first: this ends nothing. Should the host be there after all,
    `outpost gpu reap` ends it as soon as there is a key again.

    Example: `outpost gpu forget 1a2b3c4d`
    """
    from resources.gpu.leases.file_lock import is_held
    from resources.gpu.leases.ledger import Ledger

    with explained():
        ledger = Ledger(StateFolder.from_environment().gpu)
        row = ledger.row(lease)
        if row.state.is_end:
            console.print(f"Lease {lease} is {row.state.value} already.")
            return
        if is_held(ledger.lock_file(lease)):
            raise LeaseInUseError(
                f"A run uses lease {lease}.", "Cancel the run: that ends its host in order."
            )
        what = f"{row.gpu}, pod {row.pod_id or 'unknown'}, {row.name}"
        if not yes:
            typer.confirm(f"Has the host ended on {row.provider} ({what})?", abort=True)
        ledger.draining(lease, "closed by hand, not verified")
        ledger.terminated(lease)
        console.print(f"Lease {lease} is closed, not verified.")


@gpu_app.command()
def doctor(as_json: Json = False) -> None:
    """Check key, balance, SSH key, price and capacity of the chosen provider; costs nothing.

    The provider is the one that `OUTPOST_GPU` names. Also lists all that the accounts are billed
    for whose API keys are set, no matter who made it: pods, disks of stopped ones, volumes. Exits
    with 1 when something would keep a training from starting.

    Example: `OUTPOST_GPU=runpod outpost gpu doctor`
    """
    from resources.gpu.doctor import examine
    from resources.gpu.factory import clouds_at_hand
    from resources.gpu.leases.inventory import account_of
    from resources.gpu.leases.ledger import Ledger
    from resources.gpu.resource import gpu_from_environment

    with explained():
        gpu, folder = gpu_from_environment(), StateFolder.from_environment().gpu
        findings = examine(gpu, folder)
        accounts = [account_of(cloud, Ledger(folder)) for cloud in clouds_at_hand()]
    if as_json:
        document = {
            "provider": gpu.provider.value,
            "findings": [asdict(item) for item in findings],
            "billed": [_entry_as_json(entry) for item in accounts for entry in item.entries],
            "billed_unknown": [
                f"{item.provider}: {one}" for item in accounts for one in item.unknown
            ],
            "billed_usd_per_hour": sum(account.usd_per_hour for account in accounts),
        }
        print(json.dumps(document, indent=1))
    else:
        _print_findings(findings)
        for account in accounts:
            _print_account(account)
    raise typer.Exit(0 if all(finding.well for finding in findings) else 1)


def _as_json(look: Reaping) -> dict[str, Any]:
    return {
        "provider": look.provider,
        "pods": look.pods,
        "verdicts": [
            {
                "action": verdict.action.value,
                "name": verdict.name,
                "pod": verdict.pod.id if verdict.pod else None,
                "reason": verdict.reason,
            }
            for verdict in look.verdicts
        ],
        "others": [{"name": pod.name, "pod": pod.id} for pod in look.others],
    }


def _entry_as_json(entry: Entry) -> dict[str, Any]:
    item = asdict(entry.item)
    del item["created_at"]
    return {
        "provider": entry.provider,
        **item,
        "whose": entry.whose.value,
        "lease": entry.lease or None,
        "age_seconds": entry.age_seconds,
    }


def _print_account(account: Account) -> None:
    """A table of what an account is billed for, and what to do about it."""
    from resources.gpu.leases.inventory import Whose

    if account.entries:
        table = Table("billed", "name", "id", "status", "age", "USD/h", "whose")
        for entry in account.entries:
            item = entry.item
            price = "not told" if item.usd_per_hour is None else f"{item.usd_per_hour:.4f}"
            price = f"about {price}" if item.price_is == "estimated" else price
            cells = (item.kind, item.name, item.id, item.status, _age(entry.age_seconds), price)
            table.add_row(*map(escaped, (*cells, entry.whose.value)))
        console.print(table)
    known = f"{account.provider} bills USD {account.usd_per_hour:.4f}/h"
    console.print(f"{known} for {len(account.entries)} things, as far as prices are told.")
    for said in account.unknown:
        console.print(f"[red]Could not be looked at[/]: {escaped(said)}", soft_wrap=True)
    if any(entry.whose is Whose.LEFT_BEHIND for entry in account.entries):
        console.print("What was left behind of ours is ended by `outpost gpu reap`.")


def _age(seconds: float | None) -> str:
    if seconds is None:
        return "not told"
    for size, unit in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def _print_findings(findings: tuple[Finding, ...]) -> None:
    for finding in findings:
        mark = "[green]well[/]   " if finding.well else "[red]trouble[/]"
        console.print(f"{mark}  {finding.what}: {escaped(finding.said)}", soft_wrap=True)
        if finding.fix:
            console.print(f"         What to do: {escaped(finding.fix)}", soft_wrap=True)
