"""`outpost play correct`: what it says, and what it leaves as it was."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from assets.cli.app import app
from assets.operations.playing import corrected_policies
from pipeline.play.corrections.correcting import CorrectedPolicies

DONE = {
    "settings": {},
    "lines": {
        "lines": 9, "learned": 5, "without_correction": 1, "unsure": 1, "contradicted": 2,
        "conflicts": [
            {"action": "FIGHT", "corrections": {"FLEE": 1, "LOOT": 1}, "kept": None},
        ],
    },
    "opponent": "scripted_l3",
    "games": 100,
    "decisions_before": 900,
    "decisions_after": 950,
    "mistakes": [
        {"action": "FIGHT", "correction": "FLEE", "lines": 5, "before": 70, "after": 2},
    ],
    "wins_before": 40,
    "wins_after": 44,
    "return_lead": {"mean": 0.25, "interval": {"low": -0.5, "high": 1}},
    "history": [{"step": 400, "loss": 0.1, "learned": 1, "divergence": 0.01, "kept": 0.987}],
    "seconds": 12,
}  # fmt: skip


def outpost(*arguments: str):
    return CliRunner().invoke(app, ["play", "correct", *arguments])


def test_it_says_what_was_learned_and_what_came_of_it(monkeypatch, tmp_path):
    asked = []

    def corrected(*arguments):
        asked.append(arguments)
        return CorrectedPolicies.model_validate(DONE)

    monkeypatch.setattr(corrected_policies, "correct_policies", corrected)
    told = outpost(str(tmp_path), "--out", "new", "--games", "6", "--seed", "3").stdout
    told = " ".join(told.split())
    for text in (
        "5 of 9 lines are learned from: 1 correct nothing, 1 are unsure, 2 are contradicted.",
        "like states, FIGHT corrected to FLEE in 1, LOOT in 1: neither is learned",
        "won: 40 before, 44 after",
        "return: +0.25 (-0.50 to +1.00), in the same games",
        "as before in 98.7% of other moments; fine-tuned in 12 seconds",
        "corrected.svg",
    ):
        assert text in told
    done = outpost(str(tmp_path), "--lines", "a.jsonl", "--lines", "b.jsonl", "--json")
    assert json.loads(done.stdout)["wins_after"] == 44
    (_, _, rules, play, _, written, _), (_, _, files, _, _, none, _) = asked
    assert type(rules).__name__ == "RuleCorrector"
    assert (play.games, play.seed, written.name) == (6, 3, "corrections.jsonl")
    assert ([file.name for file in files], none) == (["a.jsonl", "b.jsonl"], None)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nowhere"], "clone.json cannot be read"),
        (["nowhere", "--games", "5000"], "5000 games are too many at once"),
        (["nowhere", "--written", ".."], "it is a folder"),
    ],
)
def test_bad_input_is_explained_and_leaves_nothing(tmp_path, monkeypatch, arguments, says):
    monkeypatch.chdir(tmp_path)
    done = outpost(*arguments)
    assert done.exit_code == 1
    assert says in " ".join(done.stderr.split())
    assert "What to do:" in done.stderr
    assert list(tmp_path.iterdir()) == []
