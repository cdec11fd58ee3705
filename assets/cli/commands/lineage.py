"""`outpost audit` and `outpost reproduce`: where a model comes from, and making its data again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from assets.cli.context import resources_of
from assets.cli.output import Json, console, errors, explained, note, plain, print_json
from pipeline.progress import seconds_in_words

if TYPE_CHECKING:
    from pipeline.release.lineage.audit import AuditedVersion, AuditReport
    from pipeline.release.lineage.reproduction import Reproduction
    from pipeline.release.lineage.training_job import JobCost, JobHost, RentedPart, TrainingJob

PRINTED = "cyclonedx"
"""Instead of a file's name: the bill goes where the audit's result would."""
SHOWN_HYPERPARAMETERS = ("seed", "epochs", "imgsz", "batch", "optimizer", "lr0", "rate")
"""In the text; the JSON has all of them."""
UNVERIFIED = 3
"""Exit code: nothing differs, and not everything could be verified. 2 is a wrong command."""


def audit(
    context: typer.Context,
    path: Annotated[
        Path, typer.Argument(help="A model, a wheel, or the folder of a bundle or community model.")
    ],
    pack: Annotated[
        str | None, typer.Option(help="Name or folder of the game's pack, if it is your own.")
    ] = None,
    bom: Annotated[
        str | None,
        typer.Option(
            help="File for a bill of materials (CycloneDX 1.6, JSON); 'cyclonedx' prints it."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Walk from a model back to every file that it came from, and verify each digest.

    Exits with 0 when all of it is verified, with 1 when a byte differs anywhere, and with 3 when
    nothing differs and something could not be verified: an unsigned record, a key that is not
    trusted here, files that this machine has no way to find. Each is named, with what to do.

    Example: `outpost audit model.onnx`
    """
    from assets.core.terminal import progress_shown
    from assets.operations.lineage.audit import audit_model, bill_of_materials, write_bill

    if bom == PRINTED and as_json:
        errors.print("--json and --bom cyclonedx would both print; give --bom a file.")
        raise typer.Exit(2)
    with explained(), progress_shown(errors):
        resources = resources_of(context)
        report = audit_model(path, resources, pack)
        bill = bill_of_materials(report, resources) if bom else ""
        if bom and bom != PRINTED:
            write_bill(Path(bom), bill)
            plain(f"Bill of materials: {bom}", errors)
    if bom == PRINTED:
        print(bill, end="")
    elif as_json:
        print_json({"unverified": report.unverified, **vars(report)})
    else:
        _print_audit(report)
    raise typer.Exit(_exit_code(report))


def reproduce(
    context: typer.Context,
    version: Annotated[
        str,
        typer.Argument(
            help="A cvat_merge or synthetic_set: game/asset for the newest, game/asset:version, or "
            "the version's first digits."
        ),
    ],
    as_json: Json = False,
) -> None:
    """Make a training set again from its record, and compare the digests.

    Nothing in the store is changed, and what is made is removed again. Exits with 1 when the bytes
    differ or it cannot be made, and names what differs first: an input, a setting, the code, a
    library, a file.

    Example: `outpost reproduce demo/cvat_merge`
    """
    from assets.core.terminal import progress_shown
    from assets.operations.lineage.reproduce import reproduce as make_again

    with explained(), progress_shown(errors):
        made = make_again(resources_of(context), version)
    if as_json:
        print_json({"version": made.version, "is_equal": made.is_equal, **vars(made)})
    else:
        _print_reproduction(made)
    raise typer.Exit(0 if made.is_equal else 1)


def _print_audit(report: AuditReport) -> None:
    subject = escape(str(report.subject))
    console.print(f"{subject}  sha256 {report.subject_sha256}", soft_wrap=True)
    for link in report.chain:
        mark = "[red]differs[/]" if link.problems else "[green]verified[/]"
        console.print(f"  {mark}  {escape(str(link.version))}  {_how_made(link)}", soft_wrap=True)
        for line in _job_lines(link.job) if link.job else ():
            plain(f"            {line}")
    for problem in report.problems:
        errors.print(f"[bold red]Differs:[/] {escape(problem)}", soft_wrap=True)
    for text in report.notes:
        note(text, errors)
    count = len(report.unverified)
    if report.is_clean and count:
        plain(f"Nothing differs; {count} {'thing' if count == 1 else 'things'} not verified.")
    elif report.is_clean:
        console.print(
            f"Every digest of {len(report.chain)} artifacts and of their sources agrees, and every "
            "record is signed by a trusted key."
        )


def _how_made(link: AuditedVersion) -> str:
    from pipeline.release.lineage.signed_records import SignatureState

    made = link.provenance
    if made is None:
        return "no record"
    signed = {
        SignatureState.TRUSTED: f"signed by {link.signed_by}",
        SignatureState.UNKNOWN_KEY: f"signed by the unknown key {link.signed_by}",
    }
    by = signed.get(link.signature or SignatureState.UNSIGNED, "unsigned")
    return f"made {made.made_at} by run {made.run_id[:8]}, {by}"


def _job_lines(job: TrainingJob) -> Iterator[str]:
    """What was recorded of a training, for people."""
    digest = f"sha256 {job.program_sha256}" if job.program_sha256 else "digest not recorded"
    yield f"program   {job.program}, {digest}, code {job.code_version}"
    shown = (name for name in SHOWN_HYPERPARAMETERS if name in job.hyperparameters)
    chosen = ", ".join(f"{name} {job.hyperparameters[name]}" for name in shown)
    stages = ", then ".join(stage["name"] for stage in job.stages)
    yield f"training  {chosen}; {stages}; began with {_beginning(job)}"
    yield f"time      {job.began_at or 'not recorded'} to {job.ended_at}"
    yield f"host      {_host_in_words(job.host) if job.host else 'not recorded'}"
    if job.cost is None:
        yield "cost      not recorded"
        return
    yield f"cost      {_cost_in_words(job.cost)}, {job.cost.provider}"
    for part in job.cost.rented:
        yield f"          {_cost_in_words(part)}, {part.gpu}, {part.place}"


def _host_in_words(host: JobHost) -> str:
    versions = {"torch": host.torch, "CUDA": host.cuda, "driver": host.driver}
    known = [f"{name} {version}" for name, version in versions.items() if version]
    if host.platform:
        known.insert(0, host.platform)
    return ", ".join((host.device, *known))


def _cost_in_words(cost: JobCost | RentedPart) -> str:
    paid = f"{seconds_in_words(cost.seconds)} at USD {cost.usd_per_hour:.4f}/h"
    return f"USD {cost.usd:.4f} ({cost.usd_is}), {paid}"


def _beginning(job: TrainingJob) -> str:
    if not job.began_with:
        return "weights that were not recorded"
    if job.base is None:
        return f"nothing ({job.architecture} from scratch)"
    if job.base.artifact is not None:
        return f"{job.base.name}, {job.base.artifact}"
    return f"{job.base.name}, sha256 {job.base.sha256 or 'not recorded'}"


def _exit_code(report: AuditReport) -> int:
    if report.is_verified:
        return 0
    return UNVERIFIED if report.is_clean else 1


def _print_reproduction(made: Reproduction) -> None:
    record = made.record
    plain(f"{made.version}  made {record.made_at} by run {record.run_id[:8]}")
    plain(f"  recorded  {record.data_version}")
    if made.rebuilt is None:
        plain("  not made again")
    else:
        plain(f"  rebuilt   {made.rebuilt}  in {seconds_in_words(made.seconds)}")
    for position, difference in enumerate(made.differences):
        word = "Differs:" if position == 0 else "Also:"
        errors.print(f"[bold red]{word}[/] {escape(difference)}", soft_wrap=True)
    for text in made.notes:
        note(text, errors)
    if made.is_equal:
        console.print("Equal: its record makes the same bytes again.")
