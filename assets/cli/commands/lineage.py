"""`outpost audit` and `outpost reproduce`: where a model comes from, and making its data again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from assets.cli.context import resources_of
from assets.cli.output import Json, console, errors, explained, note, plain, print_json
from pipeline.progress import seconds_in_words

if TYPE_CHECKING:
    from pipeline.release.lineage.audit import AuditReport
    from pipeline.release.lineage.reproduction import Reproduction

PRINTED = "cyclonedx"
"""Instead of a file's name: the bill goes where the audit's result would."""


def audit(
    context: typer.Context,
    path: Annotated[Path, typer.Argument(help="A model, a wheel, or a bundle's folder.")],
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

    Exits with 1 when a byte differs anywhere, and names it. Files that this machine has no way
    to find are noted, with what to do.

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
        print_json(report)
    else:
        _print_audit(report)
    raise typer.Exit(0 if report.is_clean else 1)


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
        made = link.provenance
        how = f"made {made.made_at} by run {made.run_id[:8]}" if made else "no record"
        console.print(f"  {mark}  {escape(str(link.version))}  {how}", soft_wrap=True)
    for problem in report.problems:
        errors.print(f"[bold red]Differs:[/] {escape(problem)}", soft_wrap=True)
    for text in report.notes:
        note(text, errors)
    if report.is_clean:
        sources = "the sources that could be compared" if report.notes else "their sources"
        console.print(f"Every digest of {len(report.chain)} artifacts and of {sources} agrees.")


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
