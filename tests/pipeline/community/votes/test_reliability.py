"""Labels and reliabilities from votes, judged by the truth and by crowd-kit."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from pipeline.community.votes.reliability import Assumptions, LabelEstimate, VoteTable, estimate

REFERENCE = ("crowd-kit==1.4.2",)
UNREACHABLE = ("error sending request", "Failed to fetch", "network was disabled", "dns error")


def table(rows: list[tuple[int, int, int]], known: dict[int, float] | None = None) -> VoteTable:
    items, voters, labels = np.array(rows, dtype=np.intp).reshape(-1, 3).T
    reliability = [(known or {}).get(row, np.nan) for row in range(len(rows))]
    return VoteTable(items, voters, labels, np.array(reliability, dtype=np.float64))


def labels_of(found: LabelEstimate) -> dict[int, int]:
    """The most probable label of each item."""
    best: dict[int, tuple[float, int]] = {}
    columns = (found.items, found.probabilities, found.labels)
    for item, probability, label in zip(*(one.tolist() for one in columns), strict=True):
        best[item] = max(best.get(item, (0.0, 0)), (probability, label))
    return {item: label for item, (_, label) in best.items()}


def votes_of(items: int, accuracies: list[float], labels: int, seed: int) -> list[list[int]]:
    """Everybody votes on everything; errors are spread over all labels."""
    rng = np.random.default_rng(seed)
    rows = []
    for item in range(items):
        for voter, accuracy in enumerate(accuracies):
            wrong = (item + 1 + int(rng.integers(labels - 1))) % labels
            rows.append([item, voter, item % labels if rng.random() < accuracy else wrong])
    return rows


def test_whoever_always_names_one_label_weighs_nothing() -> None:
    rows = [(item, voter, item) for item in range(30) for voter in range(3)]
    rows += [(item, voter, 99) for item in range(30) for voter in (3, 4)]
    rows += [(30, 3, 99), (30, 4, 99), (30, 1, 30)]
    found = estimate(table(rows), Assumptions())
    assert (found.reliability[:3] > 0.9).all()
    assert (found.reliability[3:] < 0.1).all()
    assert labels_of(found) == {item: item for item in range(31)}


def test_one_vote_of_a_newcomer_is_worth_what_newcomers_are_worth() -> None:
    found = estimate(table([(0, 0, 7)]), Assumptions(right=2, wrong=1))
    assert found.probabilities == pytest.approx([2 / 3])
    assert found.reliability == pytest.approx([2 / 3])


def test_a_known_reliability_is_used_and_not_estimated() -> None:
    found = estimate(table([(0, 0, 1), (0, 1, 2)], known={1: 0.999}), Assumptions())
    assert labels_of(found) == {0: 2}
    assert found.reliability[1] == pytest.approx(2 / 3)


def test_no_votes_come_to_nothing() -> None:
    assert not len(estimate(table([]), Assumptions()).probabilities)


def test_the_order_of_votes_decides_nothing() -> None:
    rows = [tuple(row) for row in votes_of(40, [0.9, 0.7, 0.6, 0.3], 5, seed=1)]
    first = estimate(table(rows), Assumptions())
    second = estimate(table(rows[::-1]), Assumptions())
    assert (first.probabilities == second.probabilities).all()
    assert (first.reliability == second.reliability).all()


JUDGE = """
import json, sys
import pandas
from crowdkit.aggregation import DawidSkene, OneCoinDawidSkene
answers = {}
for name, rows in json.load(open(sys.argv[1])).items():
    data = pandas.DataFrame(rows, columns=["task", "worker", "label"])
    one_coin = OneCoinDawidSkene(n_iter=200, tol=1e-9)
    labels = one_coin.fit_predict(data)
    whole = DawidSkene(n_iter=100).fit_predict(data)
    answers[name] = {
        "labels": {str(k): int(v) for k, v in labels.items()},
        "skills": {str(k): float(v) for k, v in one_coin.skills_.items()},
        "dawid_skene": {str(k): int(v) for k, v in whole.items()},
    }
json.dump(answers, open(sys.argv[2], "w"))
"""


@pytest.mark.slow
def test_crowd_kit_estimates_the_same(tmp_path: Path) -> None:
    """With its assumptions: nothing known before, errors spread over all labels."""
    labels, accuracies = 6, [0.95, 0.9, 0.8, 0.6, 0.3]
    cases = {str(seed): votes_of(300, accuracies, labels, seed) for seed in range(3)}
    for name, answer in judged_by_crowd_kit(tmp_path, cases).items():
        rows = [(item, voter, label) for item, voter, label in cases[name]]
        found = estimate(table(rows), Assumptions(0, 0, labels - 1))
        same = [answer["labels"][str(item)] == label for item, label in labels_of(found).items()]
        assert np.mean(same) > 0.99
        skills = [answer["skills"][str(voter)] for voter in range(len(accuracies))]
        # It estimates how common each label is, too, which changes little here.
        assert found.reliability == pytest.approx(skills, abs=0.01)


@pytest.mark.slow
def test_matrices_of_confusions_need_more_votes_than_there_are(tmp_path: Path) -> None:
    """Why one parameter a voter is enough: Dawid-Skene whole is worse on few votes of each."""
    rng = np.random.default_rng(4)
    icons, installs = 200, 25
    hostile = {*range(5)}
    rows = []
    for icon in range(icons):
        for who in rng.choice(installs, 3, replace=False).tolist():
            rows.append([icon, who, (who * 7) % icons if who in hostile else icon])
    answer = judged_by_crowd_kit(tmp_path, {"few": rows})["few"]
    theirs = np.mean([answer["dawid_skene"][str(icon)] == icon for icon in range(icons)])
    found = labels_of(estimate(table([(a, b, c) for a, b, c in rows]), Assumptions()))
    ours = np.mean([found[icon] == icon for icon in range(icons)])
    assert ours >= 0.98
    assert ours >= theirs


def judged_by_crowd_kit(
    place: Path, cases: dict[str, list[list[int]]]
) -> dict[str, dict[str, dict[str, float]]]:
    uv = shutil.which("uv")
    assert uv is not None, "uv makes the environment of crowd-kit"
    subprocess.run([uv, "venv", "--quiet", "--python", "3.11", place / "venv"], check=True)
    python = place / "venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    install = [uv, "pip", "install", "--quiet", "--python", python, *REFERENCE]
    done = subprocess.run(install, capture_output=True, text=True)
    if any(sign in done.stderr for sign in UNREACHABLE):
        pytest.skip(f"the registry cannot be reached: {done.stderr.strip()[-300:]}")
    assert done.returncode == 0, done.stderr
    (place / "cases.json").write_text(json.dumps(cases))
    command = [python, "-c", JUDGE, place / "cases.json", place / "answers.json"]
    ran = subprocess.run(command, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    answers: dict[str, dict[str, dict[str, float]]] = json.loads(
        (place / "answers.json").read_text()
    )
    return answers
