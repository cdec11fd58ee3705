"""`outpost artifacts`: where what was materialized lies, and bringing it to other machines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from assets.cli.context import resources_of
from assets.cli.output import Json, console, errors, explained, note, plain, print_json, print_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from assets.operations.kept_artifacts import KeptBytes, RemoteGarbage, Uploads
    from resources.artifacts import Removal

artifacts_app = typer.Typer(
    no_args_is_help=True,
    help="Artifacts on this machine, and in the folder or bucket that OUTPOST_ARTIFACTS names.",
)
keys_app = typer.Typer(
    no_args_is_help=True,
    help="Keys that sign records of how artifacts were made. They lie in your own folder, or where "
    "OUTPOST_KEYS says; OUTPOST_RECORD_KEY may hold the text of a private one instead.",
)
artifacts_app.add_typer(keys_app, name="keys")


@artifacts_app.command("list")
def list_artifacts(context: typer.Context, as_json: Json = False) -> None:
    """Show the newest version of everything that was materialized, and where it lies.

    Below that stands what all versions take, the old ones too.

    Example: `outpost artifacts list`
    """
    from assets.operations.kept_artifacts import kept_artifacts, kept_bytes
    from pipeline.provenance import asset_name

    with explained():
        rows = kept_artifacts(resources_of(context))
        kept = None if as_json else kept_bytes(resources_of(context))
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
    if kept is not None:
        _print_bytes(kept)


def _print_bytes(kept: KeptBytes) -> None:
    limit = "" if kept.limit is None else f", of at most {kept.limit / 1e6:.1f} MB"
    plain(f"All versions: {kept.here / 1e6:.1f} MB here{limit}.")
    if kept.place is not None:
        plain(f"{kept.remote / 1e6:.1f} MB in {kept.place}.")
    elif limit:
        note("There is a limit and no bucket: nothing is dropped without OUTPOST_ARTIFACTS.")


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


@keys_app.command("list")
def list_keys(as_json: Json = False) -> None:
    """Show the keys whose signatures count here, and which one signs; it is made if there is none.

    Example: `outpost artifacts keys list`
    """
    from assets.operations.lineage.record_keys import known_keys

    with explained():
        known = known_keys()
    if as_json:
        print_json(known)
        return
    rows = ((one.public, one.id, one.name, "yes" if one.signs else "no") for one in known)
    print_table(("public key", "id", "whose", "signs here"), rows)


@keys_app.command()
def trust(
    public: Annotated[
        str, typer.Argument(help="The public key, as `keys list` shows it on that machine.")
    ],
    name: Annotated[str, typer.Option(help="Whose it is.")],
    as_json: Json = False,
) -> None:
    """Have the records that another machine's key signs count here.

    Take the key from its owner, and from nowhere that others can write.

    Example: `outpost artifacts keys trust 11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo= --name lab`
    """
    from assets.operations.lineage.record_keys import trust_key

    with explained():
        trusted = trust_key(public, name)
    if as_json:
        print_json({"id": trusted, "name": name})
        return
    plain(f"Records that {name} has signed ({trusted}) count from now on.")


@keys_app.command()
def rotate(as_json: Json = False) -> None:
    """Make another key, which signs from now on; what the old one has signed still counts.

    Example: `outpost artifacts keys rotate`
    """
    from assets.operations.lineage.record_keys import rotate_key

    with explained():
        made = rotate_key()
    if as_json:
        print_json({"id": made})
        return
    plain(f"{made} signs from now on. Tell those who trust this machine.")


@keys_app.command()
def revoke(
    key_id: Annotated[str, typer.Argument(help="As `keys list` and `outpost audit` show it.")],
    as_json: Json = False,
) -> None:
    """Have a key count no more, nor anything that it has signed.

    Example: `outpost artifacts keys revoke 5f2b8c0d9e1a7346`
    """
    from assets.operations.lineage.record_keys import revoke_key

    with explained():
        revoke_key(key_id)
    if as_json:
        print_json({"revoked": key_id})
        return
    plain(f"{key_id} counts no more here; others who trust it have to be told.")


def print_removals(removals: Sequence[Removal], *, deleted: bool) -> None:
    """What `outpost gc` removes on this machine, or would."""
    for item in removals:
        plain(f"{item.bytes / 1e6:8.1f} MB  {item.path}  ({item.reason})")
    total = sum(item.bytes for item in removals) / 1e6
    if not removals:
        console.print("Nothing to remove: all is referred to, or younger than a day.")
    elif deleted:
        console.print(f"Removed {len(removals)} directories, {total:.1f} MB.")
    else:
        console.print(f"{total:.1f} MB would be freed; `outpost gc --delete` removes them.")


def print_remote_garbage(garbage: RemoteGarbage, *, deleted: bool) -> None:
    """What `outpost gc` removes from the bucket, or would."""
    for item in garbage.removals:
        what = f"{item.what}: " if item.what else ""
        plain(f"{item.bytes / 1e6:8.1f} MB  {garbage.place}/{item.key} ({what}{item.reason})")
    total = f"{sum(item.bytes for item in garbage.removals) / 1e6:.1f} MB"
    for one in garbage.uploads:
        note(
            f"An upload of {one.what} from {one.host} has been going on since {one.since}. Nothing "
            f"was removed from {garbage.place}: run this again when it is over. One that was "
            "killed counts for a day.",
            errors,
        )
    if not garbage.is_complete:
        note(f"It took too long for {garbage.place}: run this again for the rest.", errors)
    elif not garbage.removals and not garbage.uploads:
        plain(f"Nothing to remove from {garbage.place}.")
    elif garbage.removals and deleted:
        plain(f"Removed {total} from {garbage.place}.")
    elif garbage.removals:
        plain(f"{total} would be freed in {garbage.place}; `outpost gc --delete` removes them.")
    if garbage.unknown:
        note(
            "This Dagster instance does not know the runs that have made some of what is there "
            f"({garbage.unknown}). It stays: it may be another's. If this is the only instance, "
            "add --unknown-runs."
        )
