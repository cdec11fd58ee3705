"""Make `pipeline/play/arena/benchmarks/battles.json`: battles, and how games of them end.

The facts are of the CAA Database of Battles, version 1990, which is in the public domain. Its table
as text is src-data/CDB90/CDB90-orig.csv of https://github.com/jrnold/CDB90. Taken are battles
before 1900 of known strengths, of which one is at most three times the other, that one side won.

Run with `uv run python docs/record_battles.py`: it plays the battles of the file once more, which
takes half a minute on one core. `--database CDB90-orig.csv` takes the facts anew before.
The same database and the same version of the game make the same bytes.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterator, Mapping
from pathlib import Path

from pipeline.files import replacing, write_json
from pipeline.play.arena.benchmarks.battles import FILE, Battle, Battles, read_battles
from pipeline.play.arena.benchmarks.historical import play_battles

SOURCE = (
    "CAA Database of Battles, version 1990 (US Army Concepts Analysis Agency, public domain), as "
    "text by https://github.com/jrnold/CDB90"
)
PLAYERS, GAMES = ("scripted_l5", "scripted_l5"), 20
BEFORE, MOST_TIMES = 1900, 3
WINNERS = {"1": "attacker", "-1": "defender"}

Row = Mapping[str, str]


def battles_of(database: Path) -> Iterator[Battle]:
    """The battles that are taken, in the order of the database."""
    with database.open(encoding="latin-1", newline="") as file:
        for row in csv.DictReader(file):
            if is_taken(row):
                yield battle_of(row)


def is_taken(row: Row) -> bool:
    """Whether a battle is before 1900, won by one side, and of strengths that are known."""
    strengths = sorted(int(row[name]) for name in ("STRA", "STRD"))
    is_old = row["ATPBYR1"].isdigit() and int(row["ATPBYR1"]) < BEFORE
    is_alike = strengths[0] > 0 and strengths[1] <= MOST_TIMES * strengths[0]
    return is_old and is_alike and row["WINA"] in WINNERS


def battle_of(row: Row) -> Battle:
    """A row as a battle; what is unknown of cavalry (-1) counts as none."""
    armies = {
        side: {
            "name": row[f"NAM{letter}"],
            "strength": int(row[f"STR{letter}"]),
            "cavalry": int(row[f"CAV{letter}"]) > 0,
        }
        for side, letter in (("attacker", "A"), ("defender", "D"))
    }
    return Battle.model_validate(
        {
            "number": int(row["ISQNO"]),
            "name": row["NAME"],
            "year": int(row["ATPBYR1"]),
            "map": map_name(row["TERRA1"]),
            "winner": WINNERS[row["WINA"]],
            **armies,
        }
    )


def map_name(terrain: str) -> str:
    """The drawn map for three letters: how rugged, how wooded, and marsh, dunes or a town."""
    if terrain[2] == "M":
        return "marsh"
    if terrain[1] == "W":
        return "woods"
    return {"F": "plain", "G": "pass"}.get(terrain[0], "hills")


def recorded(battles: Battles) -> Battles:
    """The same battles, with how their games end."""
    played = zip(battles.battles, play_battles(battles, report=print), strict=True)
    known = tuple(battle.model_copy(update={"recorded": games}) for battle, games in played)
    return battles.model_copy(update={"battles": known})


def main() -> None:
    """Write the file again."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", type=Path)
    database = parser.parse_args().database
    taken = read_battles().battles if database is None else tuple(battles_of(database))
    battles = Battles(source=SOURCE, players=PLAYERS, games=GAMES, battles=taken)
    with replacing(FILE) as fresh:
        write_json(fresh, recorded(battles).model_dump(mode="json"))


if __name__ == "__main__":
    main()
