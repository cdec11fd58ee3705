"""How right the labels are that votes come to, by who votes; and how long counting takes.

Each crowd of 100 installs uploads 3,000 icons, each by three installs and with bytes of its own.
`voted` is the share of right labels of all groups of near duplicates, `accepted` that of the
accepted ones, `coverage` how many are accepted. On the same uploads: `plain` is the majority on
images of equal bytes, where nearly nobody meets; `majority` the same rule on our groups. The mean
of five seeds, and for `voted` with a fifth hostile the worst of them.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from doubles.voters import Crowd, Uploads, judge, label_icons, shown

from pipeline.community.voted_crops import Votes
from pipeline.community.votes.ballots import ballots_of, majority_of_first
from pipeline.community.votes.voting import VotingRules, count_votes

SEEDS = range(1, 6)
CROWDS = {
    "honest": Crowd(hostile=0.0),
    "hostile_10": Crowd(hostile=0.1),
    "hostile_20": Crowd(),
    "hostile_30": Crowd(hostile=0.3),
    "hostile_40": Crowd(hostile=0.4),
    "hostile_60": Crowd(hostile=0.6),
    "colluding_20": Crowd(colluding=True),
    "colluding_40": Crowd(hostile=0.4, colluding=True),
    "colluding_60": Crowd(hostile=0.6, colluding=True),
    "careless_20": Crowd(hostile=0.0, careless=0.2),
    "hostile_20_careless_20": Crowd(careless=0.2),
    "two_votes_hostile_20": Crowd(votes=2),
    "five_votes_hostile_20": Crowd(votes=5),
    "few_icons_hostile_20": Crowd(icons=300),
}
TARGETED = Crowd(colluding=True, targets=0.02)
"""Of every fifty icons one is lied about, by installs that are honest otherwise."""


def measure() -> dict[str, float]:
    """Figures by name; shares have no unit."""
    figures = {
        f"{name}_{figure}": value
        for name, crowd in CROWDS.items()
        for figure, value in _figures(crowd)
    }
    figures |= {f"targeted_{name}": value for name, value in _targeted()}
    uploads = label_icons(Crowd(icons=33_000), 1)
    began = time.process_time()
    count_votes(uploads.contributions, VotingRules(), uploads.views)
    return {**figures, "count_99000_crops_seconds": time.process_time() - began}


def _figures(crowd: Crowd) -> Iterator[tuple[str, float]]:
    plain, majority, ours = [], [], []
    for seed in SEEDS:
        uploads = label_icons(crowd, seed)
        votes = count_votes(uploads.contributions, VotingRules(), uploads.views)
        ours.append(judge(votes, uploads.truth))
        rules = VotingRules(rule="plain")
        counted = count_votes(uploads.contributions, rules, uploads.views)
        plain.append(judge(counted, uploads.truth).voted)
        majority.append(_majority_of_groups(uploads, votes))
    yield "voted", statistics.mean(one.voted for one in ours)
    yield "voted_worst_of_5", min(one.voted for one in ours)
    yield "accepted", statistics.mean(one.accepted for one in ours)
    yield "coverage", statistics.mean(one.coverage for one in ours)
    yield "calibration_error", statistics.mean(one.calibration for one in ours)
    yield "plain", statistics.mean(plain)
    yield "majority", statistics.mean(majority)


def _majority_of_groups(uploads: Uploads, votes: Votes) -> float:
    ballots = defaultdict(list)
    group = {one.sha256: place for place, crop in enumerate(votes.crops) for one in crop.members}
    for ballot in ballots_of(uploads.contributions, "icon"):
        ballots[group[ballot.sha256]].append(ballot)
    right = [
        majority_of_first(ballots[place])[0] == shown(crop, uploads.truth)
        for place, crop in enumerate(votes.crops)
    ]
    return statistics.mean(right)


def _targeted() -> Iterator[tuple[str, float]]:
    """Of the icons that are lied about: accepted with a wrong label, and not accepted."""
    wrong, left, all_of_them = 0, 0, 0
    for seed in SEEDS:
        uploads = label_icons(TARGETED, seed)
        names = {f"Icon {icon}" for icon in range(round(TARGETED.targets * TARGETED.icons))}
        for crop in count_votes(uploads.contributions, VotingRules(), uploads.views).crops:
            truth = shown(crop, uploads.truth)
            if truth in names:
                all_of_them += 1
                left += crop.status != "accepted"
                wrong += crop.status == "accepted" and crop.label != truth
    yield "accepted_wrongly", wrong / all_of_them
    yield "not_accepted", left / all_of_them
