"""How often a few stray pixels decide how large a label is.

A label is the box around every pixel that is seen of an object, so a leaf of a tree that shows
beside the house before it widens the tree's box as far as itself. Counted on the drawn scenes of
the built-in game, and of Battle for Wesnoth where that is installed: labels of which a side becomes
more than a fifth shorter, when at each of its ends as many rows or columns are left out as hold one
in a hundred of the object's seen pixels.

Run with `python tests/bench/stray_pixels.py`.
"""

import json
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pipeline.backgrounds.sets import BackgroundSet
from pipeline.backgrounds.textures import Kind
from pipeline.demo_game.game_folder import draw_game
from pipeline.games.files import files_in
from pipeline.games.installed import find_installed
from pipeline.games.pack import GamePack, load_pack
from pipeline.labels.boxes import LabelledBox
from pipeline.scenes.dataset.shard_writer import ShardWriter, Sources, open_shard_writer
from pipeline.scenes.planning.planner import plan
from pipeline.scenes.rendering.measuring import export, label
from pipeline.scenes.rendering.renderer import draw
from pipeline.sprites.extract import extract_library
from pipeline.sprites.library import LibraryWriter

IMAGES = 250
"""Of each game, spread evenly over its set."""
STRAY, SHORTER = 0.01, 0.2
KINDS: tuple[Kind, ...] = ("land", "water", "shore")


def measure() -> dict[str, float]:
    """Figures by name; shares are of all labels."""
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as name:
        for game in ("demo", "wesnoth"):
            pack = load_pack(game)
            files = Path(name) / "demo_files" if game == "demo" else find_installed(pack)
            if game == "demo" and files is not None:
                draw_game(files)
            if files is not None:
                sources = build_sources(Path(name) / game, files, pack)
                found = counted(open_shard_writer(pack, sources))
                figures |= {
                    f"{game}_labels": found["labels"],
                    f"{game}_partly_covered": found["covered"] / found["labels"],
                    f"{game}_widened_if_covered": found["covered widened"] / found["labels"],
                    f"{game}_widened_if_not": found["whole widened"] / found["labels"],
                }
    return figures


def build_sources(folder: Path, game: Path, pack: GamePack) -> Sources:
    """Sprites and backgrounds of a game."""
    folder.mkdir()
    library = LibraryWriter(folder / "sprites")
    extract_library(game, pack, library.add)
    library.finish(tuple(pack.sprites.team_colours or ()) or None)
    files = files_in(game, pack.terrain).items()
    terrain = [file for name, file in files if name.endswith(pack.terrain.suffix)]
    size = (pack.scenes.width, pack.scenes.height)
    kinds = KINDS if pack.scenes.shore_fraction > 0 else KINDS[:2]
    for kind in kinds:
        (folder / kind).mkdir()
        BackgroundSet.write(folder / kind, kind, (game, terrain), pack.terrain, size)
    return Sources(*(folder / part for part in ("sprites", *kinds)))


def counted(shard_writer: ShardWriter) -> Counter[str]:
    """Labels, those of partly covered objects, and those of either that strays widen."""
    found: Counter[str] = Counter()
    for covered, seen in seen_pixels(shard_writer):
        kind = "covered" if covered else "whole"
        found["labels"] += 1
        found[kind] += 1
        found[f"{kind} widened"] += is_widened(seen)
    return found


def seen_pixels(shard_writer: ShardWriter) -> Iterator[tuple[bool, npt.NDArray[np.bool_]]]:
    """Of every label: whether something covers a part of its object, and which pixels are seen."""
    rules = shard_writer.rules
    for image in range(IMAGES):
        scene = plan(image * rules.images // IMAGES, shard_writer.rule_table)
        drawing = draw(
            scene, shard_writer.sprites, shard_writer.backgrounds, shard_writer.team_colours
        )
        numbers = [n for n, item in enumerate(scene.placements, 1) if item.class_name is not None]
        decisions = export(label(scene, drawing), rules.labels, shard_writer.class_names)
        for number, (item, outcome) in zip(numbers, decisions, strict=True):
            if isinstance(outcome, LabelledBox) and item.visible is not None:
                x1, y1, x2, y2 = (int(side) for side in item.visible)
                yield bool(item.covered_by), drawing.ids[y1:y2, x1:x2] == number


def is_widened(seen: npt.NDArray[np.bool_]) -> bool:
    """Whether a side of the box around the true pixels hangs on a hundredth of them."""
    return any(
        core_of(counts) < (1 - SHORTER) * len(counts)
        for counts in (seen.sum(axis=0), seen.sum(axis=1))
    )


def core_of(counts: npt.NDArray[np.int64]) -> int:
    """Rows or columns that are left when at each end those with the strays are taken away."""
    least = STRAY * int(counts.sum())
    before, after = np.cumsum(counts), np.cumsum(counts[::-1])
    return len(counts) - int((before <= least).sum()) - int((after <= least).sum())


if __name__ == "__main__":
    print(json.dumps(measure(), indent=2))
