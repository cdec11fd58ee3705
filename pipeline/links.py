"""Second names for files instead of copies."""

from __future__ import annotations

import os
import shutil
from pathlib import Path


def link_file(source: Path, target: Path) -> None:
    """A second name for a file, or a copy where the file system refuses that."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
