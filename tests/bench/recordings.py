"""What recording a game costs: the same games of scripted players, recorded and not.

`play_us` and `record_us` are processor microseconds of a tick, a twentieth of a second of one game;
`record_us` has the playing in it, and the writing of the finished session. `times_playing` is their
ratio. `share_of_a_tick` is how much of a tick's 50 ms recording takes at the pace of a person, of
which `longest_write_ms` is the longest that one event has held up the game (wall clock).
`kilobytes_a_minute` is the finished session, `part_kilobytes_a_minute` what is on the disk while
it is recorded. `replay_times_real` is how many seconds of play a second of playing again has.

Run with `outpost bench recordings --json`; a quarter of a minute on one core.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from pipeline.play.recordings.events import Event
from pipeline.play.recordings.reader import open_session
from pipeline.play.recordings.replay import replay
from pipeline.play.recordings.simulated_play import planned_games, record_games
from pipeline.play.recordings.writer import SessionWriter
from pipeline.play.simulator.games import Games
from pipeline.play.simulator.rules import Result
from pipeline.play.simulator.scripted import ScriptedPlayers

PLAYER, OPPONENT, GAMES = "scripted_l5", "scripted_l4", 6


def measure() -> dict[str, float]:
    """Figures by name; a unit ends the name, ratios have none."""
    planned = planned_games(PLAYER, OPPONENT, range(GAMES + 1))
    _play(planned[0].seed, planned[0].actors)
    sizes, waits = [], list[float]()
    write = SessionWriter.write

    def timed(writer: SessionWriter, at: int, event: Event) -> None:
        began = time.perf_counter()
        write(writer, at, event)
        waits.append(time.perf_counter() - began)

    with tempfile.TemporaryDirectory() as folder:
        # The first game compiles what is compiled.
        replay(open_session(next(record_games(Path(folder, "first"), planned[:1]))))
        began = time.process_time()
        ticks = sum(_play(game.seed, game.actors) for game in planned[1:])
        played = time.process_time() - began
        began = time.process_time()
        files = list(record_games(Path(folder), planned[1:]))
        recorded = time.process_time() - began
        sessions = [open_session(file) for file in files]
        began = time.process_time()
        assert all(replay(session).is_equal for session in sessions)
        replayed = time.process_time() - began
        SessionWriter.write = timed  # type: ignore[method-assign]
        try:
            for session in sessions[:1]:
                with SessionWriter(Path(folder, "again"), session.info) as writer:
                    for at, event in session.events():
                        writer.write(at, event)
                    sizes.append(writer.part.stat().st_size / session.seconds)
        finally:
            SessionWriter.write = write  # type: ignore[method-assign]
        finished = sum(file.stat().st_size for file in files)
    seconds = ticks / 20
    return {
        "games": float(GAMES),
        "play_us": played / ticks * 1e6,
        "record_us": recorded / ticks * 1e6,
        "times_playing": recorded / played,
        "share_of_a_tick": (recorded - played) / ticks / 0.05,
        "longest_write_ms": max(waits) * 1e3,
        "kilobytes_a_minute": finished / seconds * 60 / 1e3,
        "part_kilobytes_a_minute": sizes[0] * 60 / 1e3,
        "replay_times_real": seconds / replayed,
    }


def _play(seed: int, actors: tuple[str, str]) -> int:
    """Ticks of a game that is played and not recorded."""
    games, players = Games.start([seed]), ScriptedPlayers.start([seed], actors)
    while games.clocks["result"][0] == Result.RUNNING:
        games.step(players.act(games))
    return int(games.clocks["tick"][0])
