"""The `outpost` command: parses, calls, prints."""

from __future__ import annotations

import time
import webbrowser
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from assets.cli.commands.annotate import annotate_app
from assets.cli.commands.artifacts import artifacts_app, print_remote_garbage, print_removals
from assets.cli.commands.batches import batches_app
from assets.cli.commands.community import community_app
from assets.cli.commands.cvat import cvat_app
from assets.cli.commands.deploy import deploy_app
from assets.cli.commands.gpu import gpu_app
from assets.cli.commands.lineage import audit, reproduce
from assets.cli.commands.play import (
    benchmarking,
    cloning,
    correcting,
    leagues,
    learning,
    online,
    shadowing,
    watching,
)
from assets.cli.commands.play.desktop import record
from assets.cli.commands.play.playing import play_app
from assets.cli.commands.releases import release_app
from assets.cli.commands.simulation import simulate
from assets.cli.commands.thresholds import thresholds_app
from assets.cli.context import Game, resources_of
from assets.cli.output import Json, console, errors, explained, note, plain, print_json, print_table
from pipeline.progress import seconds_in_words

if TYPE_CHECKING:
    from assets.core.runs import Outcome
    from assets.operations.demo import DemoResult
    from pipeline.evaluation.comparison.modes import ModeScore
    from pipeline.games.installed import CoverageReport
    from pipeline.labels.merge import MergeSummary
    from pipeline.scenes.reports.scale_fit import ScaleFit

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    help="Turns a game's own files into a trained, measured and shipped object detector.",
)
game_app = typer.Typer(no_args_is_help=True, help="Look at installed games.")
app.add_typer(game_app, name="game")
app.add_typer(artifacts_app, name="artifacts")
app.add_typer(gpu_app, name="gpu")
app.add_typer(batches_app, name="batches")
app.add_typer(cvat_app, name="cvat")
app.add_typer(annotate_app, name="annotate")
app.add_typer(release_app, name="release")
app.add_typer(deploy_app, name="deploy")
app.add_typer(thresholds_app, name="thresholds")
app.add_typer(community_app, name="community")
app.add_typer(play_app, name="play")
play_app.command()(cloning.clone)
play_app.command()(cloning.evaluate)
play_app.command()(watching.watch)
play_app.command()(learning.train)
play_app.command()(leagues.league)
play_app.command()(shadowing.shadow)
play_app.command()(online.online)
play_app.command()(correcting.correct)
play_app.add_typer(benchmarking.benchmark_app, name="benchmark")
community_app.command()(simulate)


@app.command()
def demo(
    context: typer.Context,
    images: Annotated[int | None, typer.Option(help="Synthetic images to draw.", min=1)] = None,
    epochs: Annotated[int | None, typer.Option(help="Epochs to train.", min=1)] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of scenes and training.", min=0)] = None,
    oversample: Annotated[
        int | None, typer.Option(help="Times a real screenshot is listed to train on.", min=1)
    ] = None,
    pack: Annotated[str, typer.Option(help="A changed copy of the built-in game's pack.")] = "demo",
    as_json: Json = False,
) -> None:
    """Materialize everything for the built-in game and say where to look.

    Says first about how long it will take on this computer; seconds when nothing has changed.

    Example: `outpost demo --epochs 3`
    """
    from assets.core.terminal import progress_shown
    from assets.operations.demo import DemoOptions, run_demo

    resources, began = resources_of(context), time.monotonic()
    shown = errors if as_json else console
    plain(
        f"Everything is made in {resources.state.root}; what is finished is kept, so that you can "
        "interrupt this and run it again.",
        shown,
    )

    options = DemoOptions(pack, images, epochs, seed, oversample)
    with explained(), progress_shown(shown):
        result = run_demo(resources, options, lambda expected: plain(str(expected), shown))
    if as_json:
        parts = {"assets": result.outcomes, "evaluation": result.evaluation}
        print_json({**parts, "bundle": result.bundle})
        return
    _print_outcomes(result.outcomes)
    console.print(f"All of it took {seconds_in_words(time.monotonic() - began)}.")
    _print_evaluation(result)
    console.print(f"\nBundle: [bold]{escape(str(result.bundle))}[/]", soft_wrap=True)
    console.print("Use it:\n")
    plain(
        f"    from detector_runtime import get_detector\n"
        f"    detector = get_detector({str(result.bundle)!r})\n"
        f'    entities = detector.detect_fast("screenshot.png")\n'
    )
    outpost = _outpost()
    console.print(f"Look at every step, with its images: [bold]{outpost} dev[/]")
    plain(f"Ask where the model comes from: {outpost} audit {result.bundle}")


@app.command()
def dev(
    context: typer.Context,
    port: Annotated[int, typer.Option(help="Port of the web interface.")] = 3000,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
) -> None:
    """Open the Dagster UI.

    The built-in game's annotated screenshots are put into the exports folder first, so that
    *Materialize all* has everything it needs.

    Example: `outpost dev --port 3001`
    """
    from assets.operations.dev import prepare_to_serve, require_free_port, what_is_where

    with explained():
        require_free_port(host, port)
        resources = resources_of(context)
        server = prepare_to_serve(resources, host, port)
        for line in what_is_where(server, resources):
            plain(line)
        server.run(plain)


app.command()(record)
app.command()(audit)
app.command()(reproduce)


@app.command()
def gc(
    context: typer.Context,
    delete: Annotated[bool, typer.Option("--delete", help="Remove what is listed.")] = False,
    local: Annotated[bool, typer.Option("--local", help="Leave the bucket alone.")] = False,
    unknown_runs: Annotated[
        bool,
        typer.Option(
            "--unknown-runs",
            help="In the bucket, also what was made by runs that this Dagster does not know.",
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """List the artifacts that no materialization refers to; remove them with `--delete`.

    Here, and where OUTPOST_ARTIFACTS says.

    Example: `outpost gc --delete`
    """
    from assets.core.terminal import progress_shown
    from assets.operations.kept_artifacts import collect_garbage, collect_remote_garbage
    from resources.run_log import reporter

    with explained():
        resources = resources_of(context)
        removals = collect_garbage(resources, delete=delete)
        if not as_json:
            print_removals(removals, deleted=delete)
        remote = None
        if not local:
            with progress_shown(errors):
                remote = collect_remote_garbage(
                    resources, delete=delete, unknown_runs=unknown_runs, report=reporter()
                )
    if as_json:
        print_json({"here": removals, "bucket": remote})
    elif remote is not None:
        print_remote_garbage(remote, deleted=delete)
    if remote is not None and (remote.uploads or not remote.is_complete):
        raise typer.Exit(1)


@app.command()
def merge(
    context: typer.Context,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Required: the merge itself is an asset.")
    ] = False,
    game: Game = "demo",
    oversample: Annotated[
        int | None, typer.Option(help="How often a real frame is listed.", min=1)
    ] = None,
    as_json: Json = False,
) -> None:
    """Show what a training set would hold, class by class; nothing is written.

    To merge for real, materialize `cvat_merge`.

    Example: `outpost merge --dry-run --oversample 20`
    """
    from assets.operations.merge import planned_merge

    if not dry_run:
        errors.print("Add --dry-run to see the plan; materialize cvat_merge to carry it out.")
        raise typer.Exit(2)
    with explained():
        summary = planned_merge(resources_of(context), game, oversample)
    if as_json:
        print(summary.model_dump_json(indent=1))
    else:
        _print_summary(summary)


@app.command("retrain")
def retrain(
    context: typer.Context,
    why: Annotated[
        bool, typer.Option("--why", help="Required: a training itself is a run of assets.")
    ] = False,
    game: Game = "demo",
    as_json: Json = False,
) -> None:
    """Say whether the sensor of exports would start a training now, and why or why not.

    Nothing is started. To train whatever the rules say, launch the job `<game>_retrain`.

    Example: `outpost retrain --why --game aoe2`
    """
    from assets.operations.annotating.retrain_check import explained_retrain

    if not why:
        errors.print("Add --why to see what would be done; launch <game>_retrain to train.")
        raise typer.Exit(2)
    with explained():
        answer = explained_retrain(resources_of(context), game)
    if as_json:
        print_json(answer)
        return
    plain("A training would start." if answer.start else "No training would start.")
    for reason in answer.reasons:
        plain(f"  {reason}")
    for problem in answer.unreachable:
        note(problem)


@app.command("fit-scale")
def fit_scale(
    context: typer.Context,
    game: Annotated[str, typer.Argument(help="Name or folder of a game pack.")],
    against: Annotated[
        list[Path] | None,
        typer.Option(help="An export batch: a zip, its folder, or a cvat_export artifact."),
    ] = None,
    synthetic: Annotated[
        Path | None, typer.Option(help="A synthetic set's folder; the newest one if left out.")
    ] = None,
    frame_scale: Annotated[
        float | None,
        typer.Option(
            help="Scene pixels for one of a frame; longer sides alike if left out.", min=0.01
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Compare the sizes of drawn and real objects, and propose the zoom and sizes of a pack.

    Without `--against` all materialized batches that serve training are compared; held-out ones
    never are.

    Example: `outpost fit-scale demo --against exports/demo/session_harbour.zip`
    """
    from assets.operations.fit_scale import fitted_scale

    with explained():
        fit = fitted_scale(resources_of(context), game, against or (), synthetic, frame_scale)
    if as_json:
        print_json({**asdict(fit), "write": fit.lines()})
    else:
        _print_fit(fit)


@app.command()
def bench(
    name: Annotated[str, typer.Argument(help="A file of tests/bench, without its ending.")],
    full: Annotated[
        bool, typer.Option("--full", help="Measure also what takes longer than minutes.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Measure something beside a peer or a physical floor, all in one run.

    Example: `outpost bench sld --json`
    """
    from assets.operations.bench import run_benchmark

    with explained():
        measurement = run_benchmark(name, full)
    if as_json:
        print_json(measurement)
        return
    machine = ", ".join(str(part) for part in measurement.machine.values())
    rows = ((figure, f"{value:.4g}") for figure, value in measurement.figures.items())
    print_table((name, ""), rows, machine)


@app.command()
def gallery(
    context: typer.Context,
    artifact: Annotated[
        str,
        typer.Argument(help="An image set: game/asset, with @partition and :version where needed."),
    ],
    out: Annotated[
        Path | None, typer.Option(help="Folder to write; below the state folder if left out.")
    ] = None,
    show: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
) -> None:
    """Write a page to look through a synthetic_set, cvat_export, cvat_merge or real_evaluation.

    It opens without a server, and filters by class, split, source and error.

    Example: `outpost gallery demo/synthetic_set --open`
    """
    from assets.core.terminal import progress_shown
    from assets.operations.gallery import make_gallery

    with explained(), progress_shown(errors):
        page = make_gallery(resources_of(context), artifact, out)
    plain(str(page))
    if show:
        webbrowser.open(page.resolve().as_uri())


@app.command()
def evaluate(
    model: Annotated[Path, typer.Argument(help="An ONNX file, weights, or a bundle.")],
    data: Annotated[
        Path,
        typer.Argument(
            help="Labelled frames: an export from CVAT or YOLO, or a folder of cvat_export or "
            "cvat_merge."
        ),
    ],
    out: Annotated[Path, typer.Option(help="New or empty folder for the report.")],
    game: Game = "demo",
    against: Annotated[
        Path | None, typer.Option(help="Another model, to be compared with on the same frames.")
    ] = None,
    confidence: Annotated[
        float | None,
        typer.Option(
            help="From which detections count; the bundle's or the pack's if left out.",
            min=0,
            max=1,
        ),
    ] = None,
    modes: Annotated[
        bool,
        typer.Option(
            "--modes", help="Also run it in each mode of the runtime: sizes, tiles, adaptive tiles."
        ),
    ] = False,
    show: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
    as_json: Json = False,
) -> None:
    """Judge a model on labelled frames, and say whether it is better than another one.

    Example: `outpost evaluate best.onnx heldout_may.zip --out report --against older_bundle`
    """
    from assets.core.terminal import progress_shown
    from assets.operations.models.evaluate import EvaluationRequest, run_evaluation

    request = EvaluationRequest(model, data, game, out, against, confidence, modes)
    with explained(), progress_shown(errors):
        report, page = run_evaluation(request)
    if as_json:
        print(report.model_dump_json(indent=1))
    else:
        real = report.real
        plain(
            f"Real micro-F1 {real.micro.f1 or 0.0:.3f} ({real.micro_f1_interval} "
            f"{real.interval_basis}) on {real.frames} frame{'s' * (real.frames != 1)}"
        )
        if report.champion is not None:
            of_record = report.champion.comparison.of_record
            plain(f"Beside {report.champion.version}: {of_record.explanation}")
        if report.modes:
            print_table(
                ("mode", "micro-F1", "AP50", "ms", "times", "beside the first"),
                map(_mode_row, report.modes),
            )
        plain(str(page))
    if show:
        webbrowser.open(page.resolve().as_uri())


def _mode_row(one: ModeScore) -> tuple[str, ...]:
    figures = ("" if figure is None else f"{figure:.3f}" for figure in (one.f1, one.ap50))
    compared = one.beside_shipped
    verdict = compared.of_record.explanation if compared else "ships"
    return (one.name, *figures, f"{one.ms:.1f}", f"{one.times:.2f}", verdict)


@game_app.command("check")
def check_game(
    context: typer.Context,
    game: Annotated[str, typer.Argument(help="Name or folder of a game pack.")],
    folder: Annotated[
        Path | None, typer.Option("--dir", help="The installed game; found by itself if left out.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Compare an installed game with a pack: which classes get files, which miss them, and why.

    Exits with 1 when a class that needs sprites gets none.

    Example: `outpost game check aoe2 --dir "D:/SteamLibrary/steamapps/common/AoE2DE"`
    """
    from assets.operations.merge import game_coverage

    with explained():
        report = game_coverage(resources_of(context), game, folder)
    if as_json:
        print(report.model_dump_json(indent=1))
    else:
        _print_coverage(report)
    raise typer.Exit(0 if report.covered else 1)


def _outpost() -> str:
    """How this program is started."""
    from resources.state import is_checkout

    return "uv run outpost" if is_checkout() else "outpost"


def _print_outcomes(outcomes: tuple[Outcome, ...]) -> None:
    from pipeline.provenance import asset_name

    rows = []
    for outcome in outcomes:
        name = asset_name(outcome.asset, outcome.partition)
        what = "unchanged" if outcome.skipped else "made"
        rows.append((name, outcome.data_version[:12], f"{outcome.seconds:.1f}", what))
    print_table(("asset", "data version", "seconds", ""), rows)
    if all(outcome.skipped for outcome in outcomes):
        console.print("Nothing has changed since the last run: no work was done.")


def _print_summary(summary: MergeSummary) -> None:
    rows = (
        (name, str(c.real_train), str(c.real_val), str(c.synthetic_train), str(c.synthetic_val))
        for name, c in summary.per_class.items()
    )
    print_table(("class", "real train", "real val", "synthetic train", "synthetic val"), rows)
    console.print(
        f"Training: {summary.real_train} real images listed {summary.oversample_real} times and "
        f"{summary.synthetic_train} synthetic ones; validation: {summary.real_val} real and "
        f"{summary.synthetic_val} synthetic.",
        soft_wrap=True,
    )
    print_table(("rule", "what it did"), ((one.rule, one.effect) for one in summary.rules))
    for warning in summary.warnings:
        note(warning)


def _print_fit(fit: ScaleFit) -> None:
    def shown(value: float | None) -> str:
        return "" if value is None else f"{value:.2f}"

    table = Table(box=None, padding=(0, 1, 0, 0))
    for head in ("class", "real", "drawn", "px real", "px drawn", "ratio", "95%", "size", "write"):
        table.add_column(head, no_wrap=True)
    for known in fit.classes:
        table.add_row(
            escape(known.name),
            str(known.real),
            str(known.synthetic),
            shown(known.real_side),
            shown(known.synthetic_side),
            shown(known.ratio),
            "" if known.interval is None else f"{known.interval[0]:.2f}-{known.interval[1]:.2f}",
            shown(known.size),
            f"[bold]{known.proposed:.2f}[/]" if known.changes else "",
        )
    console.print(table)
    console.print(
        "\nHow many boxes, and the median of their sides in pixels of a drawn scene at zoom 1. "
        f"The middle class is as large as in real frames at zoom {fit.middle:.2f}; the pack has "
        f"{list(fit.current)}. The range is that of nine in ten of {fit.frames} real frames.\n\n"
        "Write in scenes.yaml:\n",
        soft_wrap=True,
    )
    plain("\n".join(fit.lines()))


def _print_coverage(report: CoverageReport) -> None:
    plain(f"{report.folder}: {report.sprite_files} sprite files")
    classes = (
        (str(known.id), known.name, str(known.files), known.state, known.meaning)
        for known in report.classes
    )
    print_table(("id", "class", "files", "state", "meaning"), classes)
    mods = [
        (mod.name, mod.title, mod.state, str(mod.files), str(mod.shown), str(mod.older_files))
        for mod in report.mods
    ]
    if mods:
        print_table(("mod", "title", "state", "files", "shown", "in an older format"), mods)
    for text in report.notes:
        note(text)


def _print_evaluation(result: DemoResult) -> None:
    real = result.evaluation.real
    seen = "that the model has never seen" if result.is_held_out else "that chose the checkpoint"
    console.print(
        f"\nReal micro-F1 [bold]{real.micro.f1 or 0.0:.3f}[/] ({real.micro_f1_interval}) on "
        f"{real.frames} frame{'s' * (real.frames != 1)} {seen}",
        soft_wrap=True,
    )


if __name__ == "__main__":
    app()
