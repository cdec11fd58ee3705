"""`outpost annotate`: what to label next."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from assets.cli.context import Game, resources_of
from assets.cli.output import (
    Json,
    console,
    errors,
    explained,
    note,
    plain,
    print_json,
    print_table,
)

if TYPE_CHECKING:
    from assets.operations.annotating.batch_choice import ChosenBatch

annotate_app = typer.Typer(
    no_args_is_help=True, help="Choose what to label next, and find boxes to correct in it."
)


@annotate_app.command()
def choose(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Of the batch; one that is there is chosen again.")],
    game: Game = "demo",
    boxes: Annotated[
        int | None, typer.Option(help="About how many boxes people are to draw or correct.", min=1)
    ] = None,
    blind_share: Annotated[
        float | None,
        typer.Option(help="Of the boxes, in frames chosen at random.", min=0.0, max=1.0),
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Of the random choice.", min=0)] = None,
    confusions: Annotated[
        bool,
        typer.Option("--confusions", help="Frames in which classes are taken for one another."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Choose a batch of screenshots to label next, each with its reasons.

    Screenshots lie in the state folder's `screenshots/<game>`. The page of the asset shows what was
    chosen and why.

    Example: `outpost annotate choose first_hundred --boxes 300 --game aoe2`
    """
    from assets.core.terminal import progress_shown
    from assets.operations.annotating.batch_choice import ChoiceOptions
    from assets.operations.annotating.batch_choice import choose as choose_batch

    options = ChoiceOptions(boxes, blind_share, seed, confusions)
    with explained(), progress_shown(errors):
        chosen = choose_batch(resources_of(context), game, name, options)
    if as_json:
        print_json(chosen)
        return
    for text in chosen.notes:
        note(text)
    _print_batches((chosen,))
    plain(f"Its images and the reasons (frames.json): {chosen.folder}")


@annotate_app.command()
def prelabel(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Of the batch.")],
    game: Game = "demo",
    backend: Annotated[
        Literal["runtime", "yoloe", "dinox"] | None,
        typer.Option(help="What finds them; runtime, the game's own model, if left out."),
    ] = None,
    confidence: Annotated[
        float | None, typer.Option(help="Leave out boxes of a lower score.", min=0.01, max=1.0)
    ] = None,
    tiles: Annotated[
        bool, typer.Option("--tiles", help="Look at overlapping tiles, which finds smaller things.")
    ] = False,
    yoloe_weights: Annotated[
        Path | None, typer.Option(help="Checkpoint for yoloe, such as yoloe-26s-seg.pt.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Find boxes to correct in the frames of a batch. `choose` does so where there is a model.

    Example: `outpost annotate prelabel first_hundred --confidence 0.4 --game aoe2`
    """
    from assets.core.terminal import progress_shown
    from assets.operations.annotating.prelabelling import PrelabelOptions
    from assets.operations.annotating.prelabelling import prelabel as prelabel_batch

    options = PrelabelOptions(backend, confidence, tiles, yoloe_weights)
    with explained(), progress_shown(errors):
        found = prelabel_batch(resources_of(context), game, name, options)
    if as_json:
        print_json(found)
        return
    plain(
        f"{found.model} found {found.boxes} boxes to correct in {found.frames - found.blind} "
        f"frames; {found.blind} more are labelled blind."
    )
    plain(f"To import by hand: {found.coco}")


@annotate_app.command("list")
def list_batches(context: typer.Context, game: Game = "demo", as_json: Json = False) -> None:
    """Show every batch that was chosen, and how far it has come.

    Example: `outpost annotate list --game aoe2`
    """
    from assets.operations.annotating.batch_choice import chosen_batches

    with explained():
        batches = chosen_batches(resources_of(context), game)
    if as_json:
        print_json(batches)
    elif batches:
        _print_batches(batches)
    else:
        console.print("No batch was chosen yet: `outpost annotate choose NAME`.")


@annotate_app.command("demo-screenshots")
def demo_screenshots(context: typer.Context, game: Game = "demo") -> None:
    """Draw unlabelled screenshots of the built-in game, to try `outpost annotate choose` with.

    Example: `outpost annotate demo-screenshots`
    """
    from assets.core.terminal import progress_shown
    from assets.operations.annotating.batch_choice import draw_screenshots

    with explained(), progress_shown(errors):
        files = draw_screenshots(resources_of(context), game)
    plain(f"{len(files)} screenshots are in {files[0].parent}.")


@annotate_app.command("demo-labels")
def demo_labels(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Of the batch.")],
    game: Game = "demo",
) -> None:
    """Label a batch of the built-in game as a person who never errs would, instead of in CVAT.

    Example: `outpost annotate demo-labels first_hundred`
    """
    from assets.core.terminal import progress_shown
    from assets.operations.annotating.batch_choice import label_batch

    with explained(), progress_shown(errors):
        file = label_batch(resources_of(context), game, name)
    plain(f"Its labels are in {file}.")


def _print_batches(batches: tuple[ChosenBatch, ...]) -> None:
    print_table(
        ("batch", "chosen by", "state", "frames", "blind", "boxes", "sessions"),
        (
            (
                one.batch,
                "confusions" if one.asset == "hard_negatives" else "uncertainty",
                one.state,
                str(one.frames),
                str(one.blind),
                str(one.expected_boxes),
                str(one.sessions),
            )
            for one in batches
        ),
    )
