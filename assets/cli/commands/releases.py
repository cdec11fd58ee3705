"""`outpost release`: what is published, promoting it, rolling it back, and the keys."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from assets.cli.context import Game, resources_of
from assets.cli.output import Json, console, errors, explained, note, plain, print_json, print_table

if TYPE_CHECKING:
    from detector_runtime.updates.documents import KeySet

    from assets.operations.publishing.promotion import ChannelState, Promotion
    from resources.releases.release_store import PublishedVersion

release_app = typer.Typer(
    no_args_is_help=True,
    help="Models that are published in the folder or bucket that OUTPOST_RELEASES names. Begin "
    "with `outpost release keys init`. Then the asset published_model publishes, and "
    "`outpost release promote` offers what was published to everybody. A game's community model "
    "and its policies are called by the game's name with -community or -policies after it.",
)
keys_app = typer.Typer(
    no_args_is_help=True,
    help="Make, rotate and revoke keys. Private ones lie in your own folder, or where OUTPOST_KEYS "
    "says; OUTPOST_RELEASE_KEY and OUTPOST_ROOT_KEY may hold their text instead.",
)
release_app.add_typer(keys_app, name="keys")
Reason = Annotated[str, typer.Option(help="Why, for the history.")]


@release_app.command("list")
def list_releases(context: typer.Context, game: Game = "demo", as_json: Json = False) -> None:
    """Show every version, what each channel offers, and every move: who, when, why.

    Example: `outpost release list --game aoe2`
    """
    from assets.operations.publishing.promotion import published

    with explained():
        found = published(resources_of(context), game)
    if as_json:
        print_json(found)
        return
    plain(f"{found.place}, keys of epoch {found.keys.epoch}: {', '.join(found.keys.release_keys)}")
    offered = {state.name: state.moves[-1].version for state in found.channels if state.moves}
    if not found.versions and not offered:
        plain(
            "Nothing is published yet: set OUTPOST_RELEASES for `outpost dev` too, and materialize"
        )
        plain(f"{found.kind.asset}.")
        return
    figure = found.kind.figure
    columns = ("version", "bundle", "made (UTC)", figure, "MB", "signed by", "offered in")
    print_table(columns, (_version_row(one, offered) for one in found.versions))
    for state in found.channels:
        _print_channel(state, game)


@release_app.command()
def promote(
    context: typer.Context,
    version: Annotated[
        str | None, typer.Argument(help="Its name or number; the challenger if left out.")
    ] = None,
    game: Game = "demo",
    reason: Reason = "passed the gates",
    force: Annotated[
        bool, typer.Option("--force", help="Although gates refuse it; needs a --reason.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show the gates.")] = False,
    margin: Annotated[
        float, typer.Option(help="By how much real F1 may be below the champion's.", min=0.0)
    ] = 0.01,
    class_floor: Annotated[
        float, typer.Option(help="Lowest F1 of a class with enough objects.", min=0.0, max=1.0)
    ] = 0.2,
    latency_factor: Annotated[
        float, typer.Option(help="How many times the champion's time is allowed.", min=0.0)
    ] = 1.5,
    as_json: Json = False,
) -> None:
    """Offer a version to everybody, as the champion, if it passes every gate.

    Exits with 1 when a gate refuses it. What is forced says so in the history.

    Example: `outpost release promote --game aoe2 --reason "finds boats"`
    """
    from assets.core.terminal import progress_shown
    from assets.operations.publishing.promotion import promote as promote_version
    from pipeline.release.gates import GateRules

    if force and reason == "passed the gates":
        errors.print("Add --reason: why gates may be passed over is written into the history.")
        raise typer.Exit(2)
    rules = GateRules(margin, class_floor, latency_factor)
    with explained(), progress_shown(errors):
        found = promote_version(
            resources_of(context), game, version, reason, rules, force=force, dry_run=dry_run
        )
    if as_json:
        print_json(found)
    else:
        _print_promotion(found, game)
    raise typer.Exit(1 if found.refused_by and found.move is None else 0)


@release_app.command()
def rollback(
    context: typer.Context,
    game: Game = "demo",
    to: Annotated[
        str | None, typer.Option(help="A version; the one before the present one if left out.")
    ] = None,
    channel: Annotated[str, typer.Option(help="champion or challenger.")] = "champion",
    reason: Reason = "rolled back",
    as_json: Json = False,
) -> None:
    """Offer an earlier version again; the history gets one more entry, and loses none.

    Example: `outpost release rollback --game aoe2 --reason "sees ghosts at night"`
    """
    from assets.operations.publishing.promotion import roll_back

    with explained():
        move = roll_back(resources_of(context), game, channel, to, reason)
    if as_json:
        print_json(move)
    else:
        plain(f"{move.channel} offers {move.version} again (move {move.sequence}).")


@release_app.command()
def renew(
    context: typer.Context, game: Game = "demo", reason: Reason = "renewed", as_json: Json = False
) -> None:
    """Offer what the channels offer for another year; without, clients stop believing it.

    Example: `outpost release renew --game aoe2`
    """
    from assets.operations.publishing.promotion import renew as renew_offers

    with explained():
        moves = renew_offers(resources_of(context), game, reason)
    if as_json:
        print_json({"moves": moves})
        return
    for move in moves:
        plain(f"{move.channel} offers {move.version} until {move.expires_at:%Y-%m-%d}.")


@release_app.command()
def doctor(context: typer.Context, game: Game = "demo", as_json: Json = False) -> None:
    """Ask the folder or bucket what it can do, and complete what a killed writer left half-way.

    Exits with 1 when two writers could overwrite each other there.

    Example: `outpost release doctor --game aoe2`
    """
    from assets.operations.publishing.promotion import examined

    with explained():
        found = examined(resources_of(context), game)
    if as_json:
        print_json(found)
    else:
        plain(found.place)
        for finding in found.findings:
            plain(f"  {'NO ' if finding.problem else 'yes'}  {finding.what}")
            if finding.problem:
                plain(f"       {finding.problem}; needed for {finding.needed_for}")
        for name in found.completed:
            plain(f"  {name} was brought up to its history: a writer had been killed.")
        for offer in found.expiring:
            note(
                f"What {offer.channel} offers is believed until {offer.expires_at:%Y-%m-%d}. "
                f"Renew it: outpost release renew --game {game}"
            )
        if not found.has_keys:
            note(f"There are no keys yet: outpost release keys init --game {game}")
    raise typer.Exit(0 if found.is_fit else 1)


@release_app.command()
def sign(
    context: typer.Context,
    bundle: Annotated[Path, typer.Argument(help="A bundle: its folder, or a zip.")],
    folder: Annotated[Path, typer.Argument(help="To make: the bundle, manifest.json, keys.json.")],
    game: Game = "demo",
    openssf: Annotated[
        bool, typer.Option("--openssf", help="Also model.sig, of OpenSSF Model Signing.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Sign a bundle that is handed over and not published.

    Example: `outpost release sign bundle signed --game aoe2`
    """
    from assets.operations.publishing.release_keys import sign_bundle
    from pipeline.release.openssf import SIGNATURE_FILE

    with explained():
        made = sign_bundle(resources_of(context), game, bundle, folder, openssf=openssf)
    if as_json:
        print_json({"folder": made})
        return
    plain(f"{made} holds the bundle, its signed manifest, and the keys that count.")
    if openssf:
        plain(
            f"{SIGNATURE_FILE} is of OpenSSF Model Signing. It is verified with the public key that"
        )
        plain(f"`outpost release keys openssf FILE --game {game}` writes:")
        plain(f"  model_signing verify key {folder} --signature {folder / SIGNATURE_FILE} \\")
        plain("    --no-ignore-git-paths --public_key FILE")


@keys_app.command("init")
def init(context: typer.Context, game: Game = "demo", as_json: Json = False) -> None:
    """Make the first keys of a game, and say where the private ones lie.

    Example: `outpost release keys init --game aoe2`
    """
    from assets.operations.publishing.release_keys import init_keys

    with explained():
        keys, folder = init_keys(resources_of(context), game)
    if as_json:
        print_json({"keys": keys, "private_keys": folder})
        return
    _print_keys(keys)
    plain(f"The private keys are in {folder}. Keep a copy of them where nobody else comes; the")
    plain("root key is needed for rotate and revoke alone, so take it off this computer.")


@keys_app.command()
def rotate(
    context: typer.Context,
    game: Game = "demo",
    root: Annotated[
        bool, typer.Option("--root", help="Replace the root key that is here instead.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Make another release key, which signs from now on; those of before count until revoked.

    Example: `outpost release keys rotate --game aoe2`
    """
    from assets.operations.publishing.release_keys import rotate_keys

    with explained():
        keys = rotate_keys(resources_of(context), game, root=root)
    if as_json:
        print_json(keys)
    else:
        _print_keys(keys)


@keys_app.command()
def revoke(
    context: typer.Context,
    key: Annotated[str, typer.Argument(help="Id of a release key, as `list` shows it.")],
    game: Game = "demo",
    as_json: Json = False,
) -> None:
    """Have a release key count no more, for nothing that it has ever signed.

    Example: `outpost release keys revoke 3f2a9c0011223344 --game aoe2`
    """
    from assets.operations.publishing.published_kinds import kind_of
    from assets.operations.publishing.release_keys import revoke_key

    with explained():
        keys, left = revoke_key(resources_of(context), game, key)
    if as_json:
        print_json({"keys": keys, "channels_without_offer": left})
        return
    _print_keys(keys)
    for channel in left:
        note(
            f"Nothing that {channel} has offered is signed by a key that counts. Materialize "
            f"{kind_of(keys.name).asset} again, then promote it."
        )


@keys_app.command()
def openssf(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="To write: the public key, in PEM.")],
    game: Game = "demo",
    new: Annotated[
        bool, typer.Option("--new", help="Make another key, which signs from now on.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Write the public key for `sign --openssf`; the private one is made if there is none.

    Example: `outpost release keys openssf aoe2.pub --game aoe2`
    """
    from assets.operations.publishing.release_keys import write_openssf_key

    with explained():
        key = write_openssf_key(resources_of(context), game, file.absolute(), new=new)
    if as_json:
        print_json({"id": key.id, "file": file.absolute(), "public_key": key.public_pem})
    else:
        plain(f"{file} holds the public key {key.id}, for those who verify `sign --openssf`.")


def _print_keys(keys: KeySet) -> None:
    plain(f"Keys of {keys.name}, epoch {keys.epoch}:")
    for role, ids in (("root", keys.root_keys), ("release", keys.release_keys)):
        for key_id in ids:
            plain(f"  {role:8}  {key_id}")


def _version_row(one: PublishedVersion, offered: dict[str, str]) -> tuple[str, ...]:
    manifest = one.manifest
    figure = manifest.metrics.main
    return (
        one.id,
        manifest.version,
        _moment(manifest.created_at),
        f"{figure.value:.3f}" if figure else "",
        f"{manifest.total_bytes / 1e6:.1f}",
        one.signed_by or "nobody who counts",
        ", ".join(name for name, version in offered.items() if version == one.id),
    )


def _print_channel(state: ChannelState, game: str) -> None:
    rows = (
        (
            str(move.sequence),
            move.version,
            _moment(move.issued_at),
            move.actor,
            move.reason,
        )
        for move in state.moves
    )
    if not state.moves:
        plain(f"{state.name} offers nothing.")
        return
    print_table(("move", "version", "when (UTC)", "who", "why"), rows, state.name)
    if state.is_behind:
        note(
            f"Clients do not see the last move of {state.name} yet: its writer was killed. "
            f"`outpost release doctor --game {game}` completes it."
        )


def _moment(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M}"


def _print_promotion(found: Promotion, game: str) -> None:
    rows = (
        (gate.name, "passed" if gate.passed else "REFUSED", gate.figure, gate.limit)
        for gate in found.gates
    )
    print_table(("gate", "", "figure", "must be"), rows, found.version)
    if found.move is not None:
        plain(f"champion offers {found.version} (move {found.move.sequence}).")
        plain(f"Back again: outpost release rollback --game {game}")
    elif found.refused_by:
        names = ", ".join(gate.name for gate in found.refused_by)
        console.print(f"Not promoted: {names}. --force with a --reason passes over it.")
