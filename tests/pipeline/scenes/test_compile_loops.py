"""After the loops were compiled beforehand, drawing a set compiles none anew."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

DRAWN = """
import sys
from pathlib import Path
from numba.core import event
from pipeline.games.pack import load_pack
from pipeline.scenes.dataset.compile_loops import compile_loops

class Told(event.Listener):
    def on_start(self, seen): print(seen.data["dispatcher"].py_func.__name__)
    def on_end(self, seen): pass

event.register("numba:compile", Told())
compile_loops(Path(sys.argv[1]), load_pack("demo"))
"""


@pytest.mark.slow
def test_loops_that_were_compiled_beforehand_are_not_compiled_again(tmp_path: Path) -> None:
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "cache")}

    def compiled(*arguments: str) -> list[str]:
        done = subprocess.run(
            [sys.executable, *arguments],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.split()

    assert compiled("-m", "pipeline.scenes.dataset.compile_loops") == []
    assert any((tmp_path / "cache").rglob("*draw_sprites*"))
    assert compiled("-c", DRAWN, str(tmp_path / "set")) == []
