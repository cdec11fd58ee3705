"""`outpost artifacts`: where what was materialized lies, and bringing it to other machines."""

from __future__ import annotations

from typing import Annotated

import typer

from assets.cli.context import resources_of
from assets.cli.output import Json, console, errors, explained, plain, print_json, print_table

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

    What was interrupted goes on where it was.

    Example: `outpost artifacts upload`
    """
    from assets.core.terminal import progress_shown
    from assets.operations.kept_artifacts import upload_artifacts

    with explained(), progress_shown(errors):
        uploaded = upload_artifacts(resources_of(context))
    if as_json:
        print_json(uploaded)
        return
    for version in uploaded:
        plain(f"uploaded {version}")
    if not uploaded:
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
