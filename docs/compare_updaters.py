"""Writes the table of docs/how-to/update-models.md that has other updaters beside ours.

    uv run python docs/compare_updaters.py

Each case is tried on each of them: on `detector_runtime` here, on the others in environments that
uv makes, all against servers on the loopback. It takes two minutes, most of them for others to give
up. An exhaustive test compares the page with what this finds.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

PAGE = Path(__file__).parent / "how-to" / "update-models.md"
DOUBLES = Path(__file__).parents[1] / "tests" / "doubles"
BEGIN, END = "<!-- made by docs/compare_updaters.py -->\n", "<!-- end -->\n"
NOT_OFFERED = "not offered"

Outcomes = Mapping[str, str]


@dataclass(frozen=True)
class Updater:
    """One that is tried.

    Attributes:
        program: of `tests/doubles`, prints what came of each case.
        packages: of its environment; none for this one.
    """

    name: str
    program: str
    packages: tuple[str, ...] = ()


UPDATERS = (
    Updater("detector_runtime", "updater_peer.py"),
    Updater(
        "tufup 0.10.0",
        "tufup_peer.py",
        ("tufup==0.10.0", "tuf==4.0.0", "securesystemslib==0.31.0", "cryptography==50.0.2"),
    ),
    Updater("huggingface_hub 2.4.0", "hub_peer.py", ("huggingface_hub==2.4.0",)),
)
ATTACKS = {
    "altered_file": "other bytes, as many as there should be",
    "cut_file": "fewer bytes",
    "wrong_key": "a document signed with another key",
    "revoked_key": "a document signed with a key that was revoked",
    "rollback": "an older version, offered again by somebody else",
    "freeze": "nothing new for ever",
    "mix_and_match": "parts of several versions",
    "extraneous_file": "a file more than the version has",
    "endless_document": "a document without end",
    "endless_file": "a file without end",
    "fast_forward": "the highest number, with a stolen key; then there are new keys",
}
PLAYERS = {
    "offline": "60 days without a network",
    "clock_ahead": "the clock is five years ahead, and there is a newer model",
    "clock_behind": "the clock is five years behind, and there is a newer model",
    "cut_update": "the connection is lost during an update; the next start has none",
    "cut_update_of_a_folder": "the same, where the files are in a folder of one's own",
    "damaged_here": "a file of the model in use is damaged on the disk",
    "own_model": "the user has put a model of his own there, and there is a newer one",
    "back": "the user goes back to the version that worked",
    "publisher_goes_back": "the publisher goes back to the version that worked",
}
SAME_CASE = {"cut_update_of_a_folder": "cut_update"}
"""Where one has a single way to keep a model, both cases are the same."""


class UnreachableError(RuntimeError):
    """The registry that packages come from."""


def outcomes_of(updater: Updater) -> Outcomes:
    """What came of each case that it can be tried in.

    Raises:
        UnreachableError: its packages cannot be fetched.
    """
    with tempfile.TemporaryDirectory() as folder:
        python = _environment(Path(folder), updater.packages) if updater.packages else Path()
        command = [str(python) if updater.packages else sys.executable]
        command.append(str(DOUBLES / updater.program))
        done = subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{updater.program} failed:\n{done.stderr}")
    found: dict[str, str] = json.loads(done.stdout)
    return found


def table(found: Mapping[str, Outcomes]) -> str:
    """Attacks, then what users meet; a case that one knows nothing of is not offered.

    Raises:
        ValueError: a case has no row, as where its name is spelt otherwise here.
    """
    odd = {case for outcomes in found.values() for case in outcomes} - {*ATTACKS, *PLAYERS}
    if odd:
        raise ValueError(f"Cases that no row is for: {', '.join(sorted(odd))}.")
    rows = []
    for cases, head in ((ATTACKS, "what a server sends"), (PLAYERS, "what users meet")):
        rows += ["", f"| {head} | {' | '.join(one.name for one in UPDATERS)} |"]
        rows.append("|---" * (1 + len(UPDATERS)) + "|")
        for case, label in cases.items():
            cells = [_cell(case, found[one.name]) for one in UPDATERS]
            rows.append(f"| {label} | {' | '.join(cells)} |")
    return "\n".join([*rows, "", ""])


def with_table(page: str, made: str) -> str:
    """A page with its table replaced."""
    head, _, rest = page.partition(BEGIN)
    return f"{head}{BEGIN}{made}{END}{rest.partition(END)[2]}"


def _cell(case: str, outcomes: Outcomes) -> str:
    return outcomes.get(case) or outcomes.get(SAME_CASE.get(case, ""), NOT_OFFERED)


def _environment(folder: Path, packages: tuple[str, ...]) -> Path:
    """The Python of an environment with these packages."""
    subprocess.run(["uv", "venv", "--quiet", "--python", "3.11", str(folder / "env")], check=True)
    python = folder / "env" / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    install = ["uv", "pip", "install", "--quiet", "--python", str(python), *packages]
    done = subprocess.run(install, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise UnreachableError(done.stderr)
    return python


if __name__ == "__main__":
    made = table({updater.name: outcomes_of(updater) for updater in UPDATERS})
    page = with_table(PAGE.read_text(encoding="utf-8"), made)
    PAGE.write_text(page, encoding="utf-8", newline="\n")
