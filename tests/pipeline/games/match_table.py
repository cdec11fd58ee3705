"""A table of what each class of a pack takes from a list of a game's file names.

It is committed beside the pack, so that a change of a rule shows what it gains and loses:

    python -m tests.pipeline.games.match_table aoe2 NAMES.txt > pipeline/games/aoe2/matches.tsv
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Iterable
from pathlib import Path

from pipeline.games.matching import by_prefix, match_files, stem_of
from pipeline.games.pack import GamePack, load_pack

HEADER = ("kind", "name", "files", "apart", "sha256", "stems")
"""`apart` counts what the class's rules would also take if no group were left aside."""


def read_names(file: Path, pack: GamePack) -> tuple[str, ...]:
    """Stems from a list of sprite files, one a line, with or without the file's extension."""
    extension = Path(pack.sprites.suffix).suffix
    lines = (line.strip().removesuffix(extension) for line in file.read_text("utf-8").splitlines())
    stems = (stem_of(f"{line}{extension}", pack.sprites) for line in lines if line)
    return tuple(stem for stem in stems if stem is not None)


def match_table(pack: GamePack, stems: Iterable[str]) -> str:
    """Tab-separated: a line per class, per group that is left aside, and for the rest.

    Classes list their stems; the others, whose files nobody takes, list counts by prefix.
    """
    every = tuple(stems)
    matches = match_files(pack.sprites, every)
    taken = matches.by_class
    claimed = match_files(pack.sprites.model_copy(update={"apart": {}}), every).by_class
    rows = [HEADER]
    for name in (*pack.class_names, "distractor"):
        found = taken.get(name, ())
        more = len(claimed.get(name, ())) - len(found)
        rows.append(("class", name, str(len(found)), str(more), _digest(found), " ".join(found)))
    others = {**matches.apart, "excluded": matches.excluded, "unmatched": matches.unmatched}
    for name, found in others.items():
        prefixes = " ".join(f"{prefix}:{len(alike)}" for prefix, alike in by_prefix(found).items())
        rows.append(("group", name, str(len(found)), "0", _digest(found), prefixes))
    return "".join("\t".join(row) + "\n" for row in rows)


def _digest(stems: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(stems).encode()).hexdigest()[:16]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pack", help="name of a game pack, or its folder")
    parser.add_argument("names", type=Path, help="file with one sprite file name a line")
    arguments = parser.parse_args()
    pack = load_pack(arguments.pack)
    sys.stdout.reconfigure(newline="\n")  # type: ignore[union-attr]
    sys.stdout.write(match_table(pack, read_names(arguments.names, pack)))


if __name__ == "__main__":
    main()
