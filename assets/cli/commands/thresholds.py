"""`outpost thresholds`: from which confidence on each class should count."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from assets.cli.context import Game, resources_of
from assets.cli.output import Json, errors, explained, note, plain, print_json, print_table

if TYPE_CHECKING:
    from assets.operations.models.class_thresholds import ThresholdProposal

thresholds_app = typer.Typer(
    no_args_is_help=True,
    help="From which confidence on each class should count, as the newest evaluation suggests.",
)


@thresholds_app.command()
def show(context: typer.Context, game: Game = "demo", as_json: Json = False) -> None:
    """Show for every class whether another confidence is known to be better, and why not.

    Example: `outpost thresholds show --game aoe2`
    """
    from assets.operations.models.class_thresholds import proposed

    with explained():
        proposal = proposed(resources_of(context), game)
    if as_json:
        print_json(_document(proposal))
    else:
        _print_proposal(proposal)


@thresholds_app.command()
def promote(
    context: typer.Context,
    game: Game = "demo",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: Json = False,
) -> None:
    """Write the suggested thresholds into the pack, after showing what would be different.

    Only a pack in a folder of your own is written to; one that comes with Outpost is not.

    Example: `outpost thresholds promote --game packs/my_game`
    """
    from assets.operations.models.class_thresholds import plan_promotion, proposed

    if as_json and not yes:
        errors.print("Add --yes: with --json nobody is asked.")
        raise typer.Exit(2)
    with explained():
        proposal = proposed(resources_of(context), game)
        if not as_json:
            _print_proposal(proposal)
        edit = plan_promotion(proposal)
        if not yes:
            typer.confirm(f"Write {_changes(proposal)} into {edit.file}?", abort=True)
        edit.write()
    if as_json:
        print_json(_document(proposal) | {"written": edit.file})
        return
    plain(f"{edit.file} has {_changes(proposal)}.")
    plain("Materialize real_evaluation and runtime_package again: models ship with these then.")


def _document(proposal: ThresholdProposal) -> dict[str, object]:
    return {
        "version": proposal.version,
        "outdated": proposal.outdated,
        "changes": proposal.changes,
        "suggestion": proposal.suggestion,
    }


def _print_proposal(proposal: ThresholdProposal) -> None:
    from pipeline.evaluation.class_thresholds import COLUMNS

    suggestion = proposal.suggestion
    if suggestion.classes:
        print_table(COLUMNS, suggestion.rows())
    plain(f"Judged on {suggestion.basis}.")
    overall = suggestion.overall
    if overall is None:
        plain("No class is known to be better from another confidence on.")
    else:
        plain(
            f"Micro-F1 of all classes: {overall.f1:.3f} now, {overall.cross_fitted_f1:.3f} with "
            f"{', '.join(overall.classes)} changed, {overall.gain.text}, cross-fitted."
        )
    if proposal.outdated is not None:
        note(f"{proposal.outdated} Materialize real_evaluation and class_thresholds again.")


def _changes(proposal: ThresholdProposal) -> str:
    return ", ".join(f"{one.name} {one.old:g} -> {one.new:g}" for one in proposal.changes)
