"""`outpost play record`, `replay`, `recover`, `quality` and `export`: sessions of play."""

from __future__ import annotations

import webbrowser
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from assets.cli.context import resources_of
from assets.cli.output import (
    Json,
    console,
    errors,
    explained,
    plain,
    print_json,
    print_table,
)

if TYPE_CHECKING:
    from assets.operations.playing.recorded_sessions import (
        JudgedSession,
        RecordRequest,
        ReplayedSession,
        SessionSummary,
    )

Place = Annotated[
    Path | None,
    typer.Argument(help="A session or a folder of them; recordings/demo in the state folder."),
]


class Form(StrEnum):
    """How sessions are written for other programs."""

    PARQUET = "parquet"
    MINARI = "minari"


def record(
    context: typer.Context,
    player: Annotated[str, typer.Argument(help="person, random, or scripted_l1 to scripted_l5.")],
    opponent: Annotated[
        str, typer.Argument(help="Its opponent: random, or scripted_l1 to scripted_l5.")
    ],
    games: Annotated[int, typer.Option(min=1, max=10_000, help="How many games.")] = 1,
    seed: Annotated[int, typer.Option(min=0, help="Of the first game; the others follow it.")] = 0,
    out: Annotated[
        Path | None, typer.Option(help="Folder to write; recordings/demo in the state folder.")
    ] = None,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Of a person's page; a free one if left out.")
    ] = 0,
    browser: Annotated[bool, typer.Option(help="Open a person's page in the browser.")] = True,
    as_json: Json = False,
) -> None:
    """Record games of the built-in game: what the first player knows and does.

    It plays on the first side in every other game. A file is written for each game. A person plays
    on a page in a browser of this computer, with mouse and keys, those games that are not recorded
    yet.

    Example: `outpost play record person scripted_l1 --games 4`
    """
    from assets.core.terminal import progress_shown
    from assets.operations.playing.recorded_sessions import RecordRequest, record_sessions
    from pipeline.play.recordings.events import PERSON

    wanted = RecordRequest(player, opponent, games, seed, out)
    if player == PERSON:
        recorded = _record_person(context, wanted, port, browser, errors if as_json else console)
    else:
        with explained(), progress_shown(errors):
            recorded = record_sessions(resources_of(context), wanted)
    if as_json:
        print_json(recorded)
        return
    _print_sessions(recorded)
    plain(str(recorded[0].file.parent))


def _record_person(
    context: typer.Context, wanted: RecordRequest, port: int, browser: bool, shown: Console
) -> list[SessionSummary]:
    """Say where to play, and each game that has been."""
    from assets.operations.playing.recorded_sessions import record_person
    from pipeline.play.recordings.events import ENDED

    def tell(address: str) -> None:
        plain(f"Play in a browser of this computer: {address}", shown)
        if browser:
            webbrowser.open(address)

    recorded: list[SessionSummary] = []
    with explained():
        for session in record_person(resources_of(context), wanted, port, tell):
            plain(f"{session.name}: {session.seconds:.0f} s, {ENDED[session.outcome]}", shown)
            recorded.append(session)
    return recorded


def replay(context: typer.Context, place: Place = None, as_json: Json = False) -> None:
    """Play recorded sessions again, and compare every state of the game with the recorded one.

    Ends with 1 where one differs or cannot be read to its end.

    Example: `outpost play replay recordings`
    """
    from assets.core.terminal import progress_shown
    from assets.operations.playing.recorded_sessions import replay_sessions

    with explained(), progress_shown(errors):
        replayed = replay_sessions(resources_of(context), place)
    if as_json:
        print_json(replayed)
    else:
        print_table(("session", "states", "result"), map(_replay_row, replayed))
    if not all(one.is_good for one in replayed):
        raise typer.Exit(1)


def recover(context: typer.Context, place: Place = None, as_json: Json = False) -> None:
    """Finish sessions whose recording was interrupted, with what there is of them.

    Example: `outpost play recover`
    """
    from assets.operations.playing.recorded_sessions import recover_sessions

    with explained():
        recoveries = recover_sessions(resources_of(context), place)
    if as_json:
        print_json(recoveries)
    else:
        _print_sessions([one.session for one in recoveries if one.session is not None])
        for one in recoveries:
            if one.problem is not None:
                plain(one.problem, errors)
        if not recoveries:
            plain("No recording was interrupted.")
    if any(one.problem is not None for one in recoveries):
        raise typer.Exit(1)


def quality(context: typer.Context, place: Place = None, as_json: Json = False) -> None:
    """Say what recorded sessions are like: length, goals, gaps, rates, copies of each other.

    Example: `outpost play quality recordings`
    """
    from assets.core.terminal import progress_shown
    from assets.operations.playing.recorded_sessions import judge_sessions

    with explained(), progress_shown(errors):
        judged = judge_sessions(resources_of(context), place)
    if as_json:
        print_json(judged)
        return
    print_table(("session", "seconds", "goals", "problems"), map(_quality_row, judged))


def export(
    context: typer.Context,
    place: Place = None,
    form: Annotated[Form, typer.Option("--format", help="parquet or minari.")] = Form.PARQUET,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder to write, exported or exported-v0; of minari the data set's id is its "
            "name, which ends in a version."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Write recorded sessions for other programs.

    Parquet has every event, a folder for each session; minari is a data set to learn from.

    Example: `outpost play export --format minari --out sets/skirmish-v0`
    """
    from assets.core.terminal import progress_shown
    from assets.operations.playing.recorded_sessions import export_sessions

    with explained(), progress_shown(errors):
        target = out or Path("exported" if form is Form.PARQUET else "exported-v0")
        written = export_sessions(resources_of(context), place, form.value, target)
    if as_json:
        print_json(written)
        return
    for folder in written:
        plain(str(folder))


def _quality_row(one: JudgedSession) -> tuple[str, ...]:
    problems = "; ".join(one.problems) or "none"
    if one.quality is None:
        return (one.file.name, "", "", problems)
    goals = ", ".join(f"{goal} {share:.0%}" for goal, share in one.quality.goals.items())
    return (one.file.name, f"{one.quality.seconds:.0f}", goals, problems)


def _print_sessions(sessions: list[SessionSummary]) -> None:
    from pipeline.play.recordings.events import ENDED

    rows = ((one.name, f"{one.seconds:.0f}", ENDED[one.outcome]) for one in sessions)
    if sessions:
        print_table(("session", "seconds", "outcome"), rows)


def _replay_row(one: ReplayedSession) -> tuple[str, ...]:
    if one.replay is None:
        return (one.file.name, "", one.problem or "")
    result = "equal" if one.replay.is_equal else "no state is recorded"
    if one.replay.differs_at is not None:
        result = f"differs after {one.replay.differs_at:g} s"
    return (
        one.file.name,
        str(one.replay.compared),
        f"{result}; {one.damage}" if one.damage else result,
    )
