"""`outpost deploy`: a model where a program finds it, the way back, and what runs where."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from assets.cli.context import resources_of
from assets.cli.output import Json, as_word, errors, explained, note, plain, print_json, print_table

if TYPE_CHECKING:
    from assets.operations.publishing.deploying import Deployment, TargetReport
    from resources.deployment.deployment import DeployedModel

DEPLOY = "to"
"""The command that is meant where none is named: `outpost deploy TARGET`."""


class TargetFirst(TyperGroup):
    """Commands, beside which the group itself takes a target."""

    default_command = DEPLOY

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """As click does, with the name of the command that is meant."""
        if args and args[0] not in {*self.commands, "--help"}:
            args = [self.default_command, *args]
        return super().parse_args(ctx, args)


deploy_app = typer.Typer(
    cls=TargetFirst,
    no_args_is_help=True,
    help="Put a model where a program finds it: `outpost deploy TARGET`, the same as `outpost "
    "deploy to TARGET`. `outpost deploy to --help` shows its options.",
)
TargetWord = Annotated[
    str,
    typer.Argument(
        metavar="TARGET",
        help="A folder, user@host:/folder over SSH, or a name in deploy.yaml of the state folder.",
    ),
]
Python = Annotated[
    str | None,
    typer.Option(help="The program's own Python, which has detector_runtime; at the SSH host."),
]
SshKey = Annotated[str | None, typer.Option(help="Private key; ~/.ssh/id_ed25519 if left out.")]
KnownHosts = Annotated[
    str | None, typer.Option(help="Knows the host's key; ~/.ssh/known_hosts if left out.")
]


@deploy_app.command(DEPLOY)
def deploy_to(
    context: typer.Context,
    target: TargetWord,
    game: Annotated[str | None, typer.Option(help="Game pack; demo if nothing says.")] = None,
    model: Annotated[
        Path | None, typer.Option(help="A bundle; the newest runtime_package if left out.")
    ] = None,
    release: Annotated[
        str | None, typer.Option(help="champion, challenger, or a published version instead.")
    ] = None,
    python: Python = None,
    ssh_key: SshKey = None,
    known_hosts: KnownHosts = None,
    as_json: Json = False,
) -> None:
    """Put a model there, try it out in the target's own Python, and have it used.

    Until it has looked at an image there, and after any failure, the model before stays. The word
    *to* may be left out.

    Example: `outpost deploy user@gaming-pc:/home/user/bot/models --game aoe2`
    """
    from assets.core.terminal import progress_shown
    from assets.operations.publishing.deploying import DeployRequest, deploy

    if model is not None and release is not None:
        errors.print("Name either a --model or a --release.")
        raise typer.Exit(2)
    given = _given(game=game, python=python, ssh_key=ssh_key, ssh_known_hosts=known_hosts)
    with explained(), progress_shown(errors):
        found = deploy(resources_of(context), DeployRequest(target, given, model, release))
    _print_deployment(found, as_json)


@deploy_app.command()
def rollback(
    context: typer.Context,
    target: TargetWord,
    python: Python = None,
    ssh_key: SshKey = None,
    known_hosts: KnownHosts = None,
    as_json: Json = False,
) -> None:
    """Have a target use the model that worked before.

    Example: `outpost deploy rollback user@gaming-pc:/home/user/bot/models`
    """
    from assets.operations.publishing.deploying import roll_back_target

    given = _given(python=python, ssh_key=ssh_key, ssh_known_hosts=known_hosts)
    with explained():
        found = roll_back_target(resources_of(context), target, given)
    _print_deployment(found, as_json)


@deploy_app.command("list")
def list_targets(context: typer.Context, as_json: Json = False) -> None:
    """Ask every target which model it uses, since when and by whom, and verify its files there.

    Exits with 1 when one is not reached, or does not use what was deployed to it from here.

    Example: `outpost deploy list`
    """
    from assets.operations.publishing.deploying import deployed_targets

    with explained():
        reports = deployed_targets(resources_of(context))
    if as_json:
        print_json(reports)
    elif not reports:
        plain("Nothing was deployed from here, and deploy.yaml names no target.")
    else:
        columns = ("target", "is", "model", "digest", "since (UTC)", "by", "before")
        print_table(columns, map(_row, reports))
        for one in reports:
            if one.problem:
                note(f"{one.name}: {one.problem} {one.fix}")
    raise typer.Exit(1 if any(_needs_a_look(one) for one in reports) else 0)


@deploy_app.command()
def forget(context: typer.Context, target: TargetWord) -> None:
    """Leave a target out of the list; what it uses stays there.

    Example: `outpost deploy forget user@gaming-pc:/home/user/bot/models`
    """
    from assets.operations.publishing.deploying import forget_target

    with explained():
        name = forget_target(resources_of(context), target)
    plain(f"{name} is forgotten here; nothing was changed there.")


def _given(**words: str | None) -> dict[str, str]:
    return {name: value for name, value in words.items() if value is not None}


def _needs_a_look(report: TargetReport) -> bool:
    if report.verdict == "nothing":
        return report.record is not None
    return report.verdict != "live"


def _row(report: TargetReport) -> tuple[str, ...]:
    live = report.state.current if report.state else None
    if report.state is None or live is None:
        return (report.name, report.verdict, "", "", "", "", "")
    return (
        report.name,
        report.verdict,
        f"{live.name} ({live.version})",
        _digest(live),
        f"{live.installed_at:%Y-%m-%d %H:%M}",
        live.installed_by or f"({live.origin})",
        ", ".join(one.version for one in report.state.earlier),
    )


def _digest(model: DeployedModel) -> str:
    """Of the model's own file, as `outpost audit` shows it."""
    return next((one[:12] for name, one in (model.files or {}).items() if ".onnx" in name), "")


def _print_deployment(found: Deployment, as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    state, live = found.state, found.state.current
    if live is not None:
        again = " already" if found.was_live else ""
        plain(f"{found.target.name} uses {live.name} ({live.version}){again}: {found.origin}.")
    if state.smoke is not None:
        plain(
            f"There, {state.smoke.source} looked at 1280x720 pixels in "
            f"{state.smoke.milliseconds:.0f} ms ({state.python}, detector_runtime "
            f"{state.runtime}, onnxruntime {state.onnxruntime})."
        )
    plain(f"In the program: get_detector({state.folder!r})")
    if state.earlier:
        plain(f"Back again: outpost deploy rollback {as_word(found.target.name)}")
