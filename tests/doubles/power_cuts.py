"""Cuts the power of a program that changes a folder of models, before its n-th change.

    python power_cuts.py TEMPLATE WORK SOURCE ACTION STEP

Of each `STEP`-th change that ACTION (check, rollback, or the path of a model to use) makes to a
copy of TEMPLATE, one copy is left in WORK, as it would be found after a power cut at that moment:
what was not flushed to the disk by then is empty. The last one is complete. Prints how many there
are.
"""

from __future__ import annotations

import itertools
import os
import shutil
import sys
import traceback
from pathlib import Path
from typing import Any

from detector_runtime.updates.updater import ModelUpdater

CHANGES = ("os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.truncate", "os.link")
DEAD = 9


class PowerCut:
    """Counts changes below a folder, and ends the process before one of them.

    That what was written reaches the disk is a change too.
    """

    def __init__(self, folder: Path, after: int) -> None:
        self._folder = folder
        self._left = after
        self._is_over = False
        self._flushed = {file.stat().st_ino for file in folder.rglob("*") if file.is_file()}
        self._fsync = os.fsync
        os.fsync = self._flush
        sys.addaudithook(self._count)

    def _flush(self, descriptor: int) -> None:
        self._change()
        self._fsync(descriptor)
        self._flushed.add(os.fstat(descriptor).st_ino)

    def _count(self, event: str, arguments: tuple[Any, ...]) -> None:
        changes = event in CHANGES
        if event == "open" and isinstance(arguments[2], int):
            changes = bool(arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
        if changes and str(self._folder) in str(arguments[0]):
            self._change()

    def _change(self) -> None:
        self._left -= 1
        if self._left < 0 and not self._is_over:
            self._cut()

    def _cut(self) -> None:
        self._is_over = True
        for file in self._folder.rglob("*"):
            if file.is_file() and file.stat().st_ino not in self._flushed:
                os.truncate(file, 0)
        os._exit(DEAD)


def act(folder: Path, source: str, action: str) -> None:
    updater = ModelUpdater(folder, source)
    if action == "check":
        result = updater.check(now=True)
        assert result.outcome == "updated", result
    elif action == "rollback":
        updater.rollback()
    else:
        updater.use(action)


def main(template: Path, work: Path, source: str, action: str, step: int) -> int:
    for number in itertools.count():
        folder = work / f"{number:03d}"
        shutil.copytree(template, folder)
        child = os.fork()
        if child == 0:
            code = 1
            try:
                PowerCut(folder, number * step)
                act(folder, source, action)
                code = 0
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(code)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if code == 0:
            print(number + 1)
            return 0
        if code != DEAD:
            return 1
    return 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], sys.argv[4], int(sys.argv[5])))
