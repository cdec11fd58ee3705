"""`outpost artifacts`: where what was materialized lies, and bringing it to other machines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from assets.cli.context import resources_of
from assets.cli.output import Json, console, errors, explained, plain, print_json, print_table

if TYPE_CHECKING:
    from assets.operations.kept_artifacts import Uploads

artifacts_app = typer.Typer(
    no_args_is_help=True,
    help="Artifacts on this machine, and in the folder or bucket that OUTPOST_ARTIFACTS names.",
)


@artifacts_app.command("list")
def list_artifacts(context: typer.Context, as_json: Json = False) -> None:
    """Show the newest version of everything that was materialized, and where it lies.

    Example: `outpost artifacts list`
    """
    from assets.operations.kept_artifacts import kept_artifacts
    from pipeline.provenance import asset_name

    with explained():
        rows = kept_artifacts(resources_of(context))
    if as_json:
        print_json(rows)
    elif rows:
        print_table(
            ("asset", "version", "MB", "here", "bucket"),
            (
                (
                    asset_name(row.asset, row.partition),
                    row.version[:12],
                    "" if row.bytes is None else f"{row.bytes / 1e6:.1f}",
                    "yes" if row.here else "no",
                    "" if row.remote is None else "yes" if row.remote else "no",
                )
                for row in rows
            ),
        )
    else:
        console.print("Nothing has been materialized yet.")


@artifacts_app.command()
def upload(context: typer.Context, as_json: Json = False) -> None:
    """Bring to the bucket what is only on this machine: what was made before there was one.

    What was interrupted goes on where it was. What has changed since it was made is left out and
    named at the end, with exit code 1.

    Example: `outpost artifacts upload`
    """
    from assets.core.terminal import progress_shown
    from assets.operations.kept_artifacts import upload_artifacts

    with explained(), progress_shown(errors):
        uploads = upload_artifacts(resources_of(context))
    if as_json:
        print_json(uploads)
    else:
        _print_uploads(uploads)
    if uploads.failed:
        raise typer.Exit(1)


def _print_uploads(uploads: Uploads) -> None:
    for version in uploads.uploaded:
        plain(f"uploaded {version}")
    for one in uploads.failed:
        plain(f"not uploaded: {one.version or 'of several'}: {one.problem} {one.fix}", errors)
    if not uploads.uploaded and not uploads.failed:
        console.print("Nothing to upload: all that is here is there.")
