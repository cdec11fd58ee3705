"""A program that contributes is killed at any moment; its next run goes on as if nothing was."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
from doubles.contributing import Player

PROGRAM = """
import os, sys, time
from pathlib import Path
import numpy as np
from doubles.contributing import RULES
from detector_runtime.contribute.contributor import Contributor, UploadPolicy
from detector_runtime.contribute.stores.folder_store import ContributionFolder
from detector_runtime.errors import ContributionStoreError

home, first = Path(sys.argv[1]), int(sys.argv[2])

class Logged(ContributionFolder):
    def publish(self, new, replaced):
        missing = [key for key in new if not (home / "sent" / key).exists()]
        tag = super().publish(new, replaced)
        for key in missing:
            os.write(log, (key + chr(10)).encode())
        return tag

log = os.open(home / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
policy = UploadPolicy(seconds_between=0.0, most_a_day=60)
contributor = Contributor(home / "kept", RULES, Logged(home / "sent"), consent=True, policy=policy)
print("started", flush=True)
contributor.start()
for number in range(first, first + 1000):
    shot = np.random.default_rng(number).integers(0, 256, (80, 80, 3), dtype=np.uint8)
    contributor.confirm(shot, (0, 0, 64, 64), "weapon", f"number {number}")
    print(number, flush=True)
"""


@pytest.mark.slow
def test_kill_9_loses_nothing_and_sends_nothing_twice(tmp_path: Path) -> None:
    chance, confirmed = random.Random(5), set[int]()
    for run in range(12):
        program = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(tmp_path), str(run * 1000)],
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[3] / "tests",
        )
        assert program.stdout is not None
        assert program.stdout.readline() == "started\n"
        time.sleep(chance.uniform(0.0, 0.4))
        program.kill()
        said, _ = program.communicate()
        confirmed |= {int(line) for line in said.splitlines() if line}
    assert len(confirmed) > 20
    player = Player(tmp_path)
    player.policy["most_a_day"] = 60
    player.now = time.time() + 3600
    contributor = player.contributor()
    for _ in range(5):
        contributor.upload_now()
        player.later()
    with closing(sqlite3.connect(tmp_path / "kept" / "contributions.sqlite")) as database:
        kept = {name for (name,) in database.execute("select name from items")}
        counted = dict(database.execute("select day, count from days"))
    assert {f"number {number}" for number in confirmed} <= kept
    assert len(kept) <= len(confirmed) + 12, "at most the call in progress, which was not told"
    written = (tmp_path / "log").read_text("utf-8").split()
    assert len(written) == len(set(written)), "something was sent twice"
    crops = [path for path in player.files if path.startswith("crops/") and "/." not in path]
    assert len(crops) == len(player.records) == sum(counted.values())
    assert all(count <= 60 for count in counted.values())
    left = [path.name for path in player.place.rglob("*.tmp")]
    assert all(name.startswith(".") for name in left), "what a kill leaves is no contribution"
