"""How fast the sprites of a whole game are extracted, and how much memory that takes.

The game is made up: a file for each of the 1,726 stock names that the classes of the aoe2 pack
take, in the folders of the real game. Units have 960 or 480 frames, buildings one to ten; every
file differs from all others in its hotspots. Extraction runs as its asset does, with a process per
core and a cache, in a process of its own: first everything is new, then nothing is, then one file
in a hundred.

Run with `outpost bench extraction`, or `python tests/bench/extraction.py`.
"""

import csv
import json
import os
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pipeline.formats.sld import PlacedLayer, SldFrame, encode
from pipeline.games.pack import PACKS_FOLDER, load_pack
from pipeline.sprites.extract import ExtractionOptions, extract_library
from pipeline.sprites.library import LibraryWriter

PACK = "aoe2"
HOTSPOT_AT = 16 + 4
CHANGED_OF = 100
MEGABYTE = 1 << 20


class Look(NamedTuple):
    """What files of a kind look like: frames, and the box around the figure in pixels."""

    frames: int
    width: int
    height: int


LOOKS = {
    "u": (Look(960, 28, 40), Look(480, 64, 60), Look(480, 40, 44)),
    "a": (Look(480, 40, 28),),
    "b": (Look(1, 220, 200), Look(10, 160, 140), Look(1, 404, 452)),
    "n": (Look(7, 80, 100),),
}


def measure() -> dict[str, float]:
    """Figures by name."""
    with tempfile.TemporaryDirectory() as folder:
        game = Path(folder) / "game"
        count = write_game(game)
        runs = {name: run(game, Path(folder) / name) for name in ("first", "unchanged")}
        touch_some(game)
        runs["changed"] = run(game, Path(folder) / "changed")
        game_bytes = sum(file.stat().st_size for file in game.rglob("*.sld"))
    return {
        "files": count,
        "game_megabytes": game_bytes / MEGABYTE,
        "workers": os.cpu_count() or 1,
        "sprites": runs["first"]["sprites"],
        "files_per_second": count / runs["first"]["seconds"],
        "files_per_second_of_processor": count / runs["first"]["processor_seconds"],
        "seconds": runs["first"]["seconds"],
        "unchanged_seconds": runs["unchanged"]["seconds"],
        "one_in_a_hundred_changed_seconds": runs["changed"]["seconds"],
        "peak_mb_of_main_process": max(each["peak_mb"] for each in runs.values()),
        "peak_mb_of_a_worker": runs["first"]["worker_peak_mb"],
    }


def run(game: Path, library: Path) -> dict[str, float]:
    """Extract in a fresh process, whose memory is all that it reports."""
    command = [sys.executable, str(Path(__file__)), str(game), str(library)]
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


def extract(game: Path, library: Path) -> dict[str, float]:
    """What `run` runs; the time of the processor is that of this process and all its workers."""
    writer = LibraryWriter(library)
    began = time.perf_counter()
    options = ExtractionOptions(os.cpu_count() or 1, game.parent / "cache")
    report = extract_library(game, load_pack(PACK), writer.add, options=options)
    writer.finish()
    seconds = time.perf_counter() - began

    spent = sum(os.times()[:4])
    return {
        "seconds": seconds,
        "processor_seconds": spent,
        "sprites": sum(report.sprites.values()),
        **peaks(),
    }


def peaks() -> dict[str, float]:
    """The most memory that this process and any of its workers had, in MB; 0 on Windows."""
    try:
        import resource
    except ImportError:
        return {"peak_mb": 0.0, "worker_peak_mb": 0.0}
    unit = 1 if sys.platform == "darwin" else 1024
    own, workers = (
        resource.getrusage(who).ru_maxrss * unit / MEGABYTE
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    return {"peak_mb": own, "worker_peak_mb": workers}


# --- The game --------------------------------------------------------------------------------


def write_game(game: Path) -> int:
    """Write a file for every name; returns how many."""
    rules = load_pack(PACK).sprites
    folder = game / rules.folder
    folder.mkdir(parents=True)
    drawn = {look: encode(list(frames_of(look))) for looks in LOOKS.values() for look in looks}
    names = stock_names()
    for number, name in enumerate(names):
        looks = LOOKS.get(name[0], LOOKS["n"])
        data = with_hotspot(drawn[looks[number % len(looks)]], number)
        (folder / f"{name}{rules.suffix}").write_bytes(data)
    return len(names)


def stock_names() -> list[str]:
    """The names that the classes of the pack take, from its committed table."""
    table = (PACKS_FOLDER / PACK / "matches.tsv").read_text("utf-8").splitlines()
    rows = csv.DictReader(table, delimiter="\t")
    return sorted(name for row in rows if row["kind"] == "class" for name in row["stems"].split())


def with_hotspot(data: bytes, x: int) -> bytes:
    """A file whose first frame has another hotspot, and which is therefore another file."""
    hotspot = struct.pack("<h", x % 30_000)
    return data[:HOTSPOT_AT] + hotspot + data[HOTSPOT_AT + len(hotspot) :]


def touch_some(game: Path) -> None:
    """Change one file in a hundred, as an update of the game does."""
    for file in sorted(game.rglob("*.sld"))[::CHANGED_OF]:
        file.write_bytes(with_hotspot(file.read_bytes(), 29_999))


def frames_of(look: Look) -> Iterator[SldFrame]:
    """Ovals with grain, a new one for every second frame."""
    rng = np.random.default_rng(look.frames)
    height, width = look.height, look.width
    y, x = np.mgrid[:height, :width]
    opaque = (2 * x / width - 1) ** 2 + (2 * y / height - 1) ** 2 <= 1
    canvas = 4 * max(height, width)
    left, top = (canvas - width) // 2, canvas // 2 - height
    for number in range(look.frames):
        if number % 2 == 0:
            grain = rng.integers(40, 220, (height, width, 3), dtype=np.uint8)
            pixels = np.dstack([grain, np.where(opaque, 255, 0).astype(np.uint8)])
        else:
            pixels = pixels.copy()
            pixels[height // 2 :] = np.roll(pixels[height // 2 :], 4, axis=1)
        yield SldFrame(
            canvas,
            canvas,
            (canvas // 2, canvas // 2),
            main=PlacedLayer(left, top, pixels),
            shadow=PlacedLayer(left + 8, top + height // 2, pixels[height // 2 :, :, 3] // 2),
            outline=PlacedLayer(left, top, opaque),
            player=PlacedLayer(left, top, pixels[: height // 4, :, 3]),
        )


if __name__ == "__main__":
    is_worker = len(sys.argv) > 1
    print(json.dumps(extract(*map(Path, sys.argv[1:])) if is_worker else measure(), indent=2))
