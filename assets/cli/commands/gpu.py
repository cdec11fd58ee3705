"""`outpost gpu`: what is rented, whether renting would work, and ending what was left behind."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from assets.cli.context import resources_of
from assets.cli.output import Json, console, explained, print_json, print_table

if TYPE_CHECKING:
    from resources.gpu.clouds.base import Diagnosis
    from resources.gpu.leases.inventory import Account, Entry
    from resources.gpu.leases.ledger import Ledger
    from resources.gpu.leases.reaper import Reaping

gpu_app = typer.Typer(
    no_args_is_help=True, help="Look at rented GPUs, end what was left behind, check the setup."
)


@gpu_app.command("list")
def list_leases(context: typer.Context, as_json: Json = False) -> None:
    """Show every lease with what it has cost so far, the newest first.

    What the provider has billed replaces the estimate where its API tells it and its key is set
    (`RUNPOD_API_KEY`); it is asked for ten seconds at most.

    Example: `outpost gpu list`
    """
    from assets.core.lease_table import lease_cells
    from assets.operations.leases import update_bills

    with explained():
        ledger = _ledger(context)
        update_bills(ledger)
        rows, this_month, now = ledger.rows(), ledger.usd_this_month(), ledger.clock()
    if as_json:
        leases = [
            asdict(row) | {"usd": row.usd(now), "usd_is": row.usd_is, "seconds": row.seconds(now)}
            for row in rows
        ]
        print_json({"leases": leases, "usd_this_month": this_month})
    elif rows:
        shown = [lease_cells(row, now) for row in rows]
        print_table(shown[0], (cells.values() for cells in shown))
        console.print(f"This month (UTC): ${this_month:.2f}.")
    else:
        console.print("Nothing was ever rented.")


@gpu_app.command()
def reap(
    context: typer.Context,
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
    from assets.core.lease_table import other_pod
    from assets.operations.leases import reap_leases

    with explained():
        ledger = _ledger(context)
        looks = reap_leases(ledger, lost or (), dry_run=dry_run)
    if as_json:
        print_json([_as_json(look) for look in looks])
        return
    if not looks:
        console.print("No cloud's API key is set, and no lease is open.")
    for look in looks:
        console.print(f"{look.provider}: {look.pods} pods of ours.")
        for action in look.actions:
            console.print(f"  {action.kind.value}  {escape(f'{action.name}  ({action.reason})')}")
        for pod in look.others:
            said = other_pod(pod, ledger.clock())
            console.print(f"  left alone  {escape(said)}", soft_wrap=True)


@gpu_app.command()
def forget(
    context: typer.Context,
    lease: Annotated[str, typer.Argument(help="Its id, as `outpost gpu list` shows it.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Close a lease that can no longer be managed, because its account or its key is gone.

    Look at the provider's own console first: this ends nothing. Should the host be there after all,
    `outpost gpu reap` ends it as soon as there is a key again.

    Example: `outpost gpu forget 1a2b3c4d`
    """
    from resources.gpu.maintenance import close_by_hand, lease_to_close

    with explained():
        ledger = _ledger(context)
        row = lease_to_close(ledger, lease)
        if row.state.is_end:
            console.print(f"Lease {lease} is {row.state.value} already.")
            return
        what = f"{row.gpu}, pod {row.pod_id or 'unknown'}, {row.name}"
        if not yes:
            typer.confirm(f"Has the host ended on {row.provider} ({what})?", abort=True)
        close_by_hand(ledger, lease)
        console.print(f"Lease {lease} is closed, not verified.")


@gpu_app.command()
def doctor(context: typer.Context, as_json: Json = False) -> None:
    """Check key, balance, SSH key, price and capacity of the chosen provider; costs nothing.

    The provider is the one that `OUTPOST_GPU` names. Also lists all that the accounts are billed
    for whose API keys are set, no matter who made it: pods, disks of stopped ones, volumes. Exits
    with 1 when something would keep a training from starting.

    Example: `OUTPOST_GPU=runpod outpost gpu doctor`
    """
    from assets.operations.leases import known_accounts
    from resources.gpu.doctor import diagnose

    with explained():
        gpu, ledger = resources_of(context).gpu, _ledger(context)
        diagnoses, accounts = diagnose(gpu, ledger.folder), known_accounts(ledger)
    if as_json:
        unknown = [f"{account.provider}: {one}" for account in accounts for one in account.unknown]
        print_json(
            {
                "provider": gpu.provider,
                "findings": diagnoses,
                "billed": [_entry_as_json(entry) for item in accounts for entry in item.entries],
                "billed_unknown": unknown,
                "billed_usd_per_hour": sum(account.usd_per_hour for account in accounts),
            }
        )
    else:
        _print_diagnoses(diagnoses)
        for account in accounts:
            _print_account(account)
    raise typer.Exit(0 if all(diagnosis.ok for diagnosis in diagnoses) else 1)


def _ledger(context: typer.Context) -> Ledger:
    from resources.gpu.leases.ledger import Ledger

    return Ledger(resources_of(context).state.gpu)


def _as_json(look: Reaping) -> dict[str, Any]:
    return {
        "provider": look.provider,
        "pods": look.pods,
        "actions": [
            {
                "action": action.kind,
                "name": action.name,
                "pod": action.pod.id if action.pod else None,
                "reason": action.reason,
            }
            for action in look.actions
        ],
        "others": [{"name": pod.name, "pod": pod.id} for pod in look.others],
    }


def _entry_as_json(entry: Entry) -> dict[str, Any]:
    item = asdict(entry.item)
    del item["created_at"]
    return {
        "provider": entry.provider,
        **item,
        "ownership": entry.ownership,
        "lease": entry.lease or None,
        "age_seconds": entry.age_seconds,
    }


def _print_account(account: Account) -> None:
    """A table of what an account is billed for, and what to do about it."""
    from resources.gpu.leases.inventory import Ownership

    if account.entries:
        columns = ("billed", "name", "id", "status", "age", "USD/h", "whose")
        print_table(columns, map(_entry_cells, account.entries))
    known = f"{account.provider} bills USD {account.usd_per_hour:.4f}/h"
    console.print(f"{known} for {len(account.entries)} things, as far as prices are told.")
    for said in account.unknown:
        console.print(f"[red]Could not be looked at[/]: {escape(said)}", soft_wrap=True)
    if any(entry.ownership is Ownership.LEFT_BEHIND for entry in account.entries):
        console.print("Run `outpost gpu reap` to end what was left behind.")


def _entry_cells(entry: Entry) -> tuple[str, ...]:
    item = entry.item
    price = "not told" if item.usd_per_hour is None else f"{item.usd_per_hour:.4f}"
    price = f"about {price}" if item.price_is == "estimated" else price
    cells = (item.kind, item.name, item.id, item.status, _age(entry.age_seconds), price)
    return (*cells, entry.ownership.value)


def _age(seconds: float | None) -> str:
    if seconds is None:
        return "not told"
    for size, unit in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def _print_diagnoses(diagnoses: tuple[Diagnosis, ...]) -> None:
    for diagnosis in diagnoses:
        mark = "[green]ok[/]     " if diagnosis.ok else "[red]trouble[/]"
        console.print(f"{mark}  {diagnosis.check}: {escape(diagnosis.detail)}", soft_wrap=True)
        if diagnosis.fix:
            console.print(f"         What to do: {escape(diagnosis.fix)}", soft_wrap=True)
