"""`outpost dev` on a terminal: what it says, and that it ends with everything that it started."""

import os
import re
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from doubles.outpost_dev import OutpostDev

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(os.name == "nt", reason="signals of POSIX"),
]
ALARMING = re.compile(
    r"warn|error|deprecat|supersed|traceback|critical|preview|beta", re.IGNORECASE
)
SLOW_SCENES = {
    "ops": {"demo__synthetic_set": {"config": {"images": 50_000, "shard_images": 25_000}}}
}


@pytest.fixture(scope="module")
def outpost(new_outpost: Callable[[str], Any]) -> Any:
    return new_outpost("dev")


def started(outpost: Any, *ignoring: signal.Signals) -> OutpostDev:
    server = OutpostDev(outpost.environment, outpost.home.parent / "dev.log", ignoring)
    try:
        server.wait_until_up()
    except BaseException:
        server.stop()
        raise
    return server


def test_a_first_start_and_a_materialization_are_told_without_a_warning(outpost: Any) -> None:
    server = started(outpost)
    try:
        run = server.launch("demo/game_files", "demo/sprites", "demo/terrain_backgrounds")
        server.wait_for(lambda: server.status(run) in ("SUCCESS", "FAILURE"))
        server.wait_for(lambda: "succeeded after" in server.log.read_text(), 20)
    finally:
        server.stop()
    said, log = server.log.read_text(), Path(outpost.home / "dagster/dev.log").read_text()
    assert f"Run {run[:8]} started: demo/game_files, demo/sprites" in said
    assert re.search(r"demo/game_files made in [1-9]", said), "with the time that drawing took"
    assert re.search(r"demo/sprites made in ", said)
    assert re.search(rf"Ready after .*: {server.address}", said)
    assert f"Run {run[:8]} succeeded after" in said
    assert said.rstrip().endswith("Stopped; nothing runs any more.")
    assert len(log) > 1000, "Dagster's own lines, which are looked through"
    assert [line for line in (said + log).splitlines() if ALARMING.search(line)] == []


def test_started_in_the_background_one_signal_ends_it_with_the_runs_that_go_on(
    outpost: Any,
) -> None:
    server = started(outpost, signal.SIGINT)
    try:
        made = server.launch("demo/sprites", "demo/terrain_backgrounds", "demo/water_backgrounds")
        server.wait_for(lambda: server.status(made) == "SUCCESS")
        run = server.launch("demo/synthetic_set", config=SLOW_SCENES)
        server.wait_for(lambda: "drawing scenes" in (outpost.home / "dagster/dev.log").read_text())
    finally:
        server.stop(signal.SIGTERM)
    said = server.log.read_text()
    assert f"Ending run {run[:8]}" in said
    assert f"Run {run[:8]} was canceled" in said
    assert f"Run {made[:8]} succeeded" in said
