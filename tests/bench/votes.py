"""How right the labels are that votes come to, by who votes; and how long counting takes.

Each crowd of 100 installs uploads 3,000 icons, each by three installs and with bytes of its own.
`voted` is the share of right labels of all groups of near duplicates, `accepted` that of the
accepted ones, `coverage` how many are accepted. On the same uploads: `plain` is the majority on
images of equal bytes, where nearly nobody meets; `majority` the same rule on our groups. The mean
of three seeds. With `model` a classifier that is right nine times in ten speaks, too.

`inventory` is the built-in game: 120 simulated players, a tenth hostile, a tenth colluding and a
tenth careless, upload real images, which are received, grouped and counted. Their figures are
shares of images, and `mixed` counts groups with images of different icons.
"""

from __future__ import annotations

import io
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from uuid import UUID

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
from doubles.voters import Crowd, Uploads, judge, label_icons, shown
from PIL import Image

from pipeline.community.receiving.receive import Reading, receive
from pipeline.community.receiving.staged_files import StagedFile
from pipeline.community.staged_crops import Contributions
from pipeline.community.voted_crops import VotedCrop, Votes
from pipeline.community.votes.ballots import ballots_of, majority_of_first
from pipeline.community.votes.grouping import window_means
from pipeline.community.votes.neighbours import layout_of
from pipeline.community.votes.voting import Opinion, VotingRules, VotingSources, count_votes
from pipeline.demo_game.contributors import ContributorMix, simulate_contributions
from pipeline.games.pack import load_pack

SEEDS = range(1, 4)
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
    "one_vote_hostile_20": Crowd(votes=1),
}
MODEL_RIGHT = 0.9
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
    figures |= {f"two_votes_hostile_20_model_{name}": value for name, value in _with_model()}
    figures |= {f"inventory_{name}": value for name, value in _inventory()}
    uploads = label_icons(Crowd(icons=33_000), 1)
    began = time.process_time()
    count_votes(uploads.contributions, VotingRules(), uploads.sources)
    return {**figures, "count_99000_crops_seconds": time.process_time() - began}


def _figures(crowd: Crowd) -> Iterator[tuple[str, float]]:
    plain, majority, ours = [], [], []
    for seed in SEEDS:
        uploads = label_icons(crowd, seed)
        votes = count_votes(uploads.contributions, VotingRules(), uploads.sources)
        ours.append(judge(votes, uploads.truth))
        rules = VotingRules(rule="plain")
        counted = count_votes(uploads.contributions, rules, uploads.sources)
        plain.append(judge(counted, uploads.truth).voted)
        majority.append(_majority_of_groups(uploads, votes))
    yield "voted", statistics.mean(one.voted for one in ours)
    yield "voted_least", min(one.voted for one in ours)
    yield "accepted", statistics.mean(one.accepted for one in ours)
    yield "coverage", statistics.mean(one.coverage for one in ours)
    yield "calibration_error", statistics.mean(one.calibration for one in ours)
    yield "plain", statistics.mean(plain)
    yield "majority", statistics.mean(majority)


def _with_model() -> Iterator[tuple[str, float]]:
    """Two votes an icon, a fifth hostile, and a classifier that is asked."""
    found = []
    for seed in SEEDS:
        uploads = label_icons(Crowd(votes=2), seed)
        sources = replace(uploads.sources, opinions=partial(_opinions, uploads.truth, seed))
        votes = count_votes(uploads.contributions, VotingRules(), sources)
        found.append(judge(votes, uploads.truth))
    yield "voted", statistics.mean(one.voted for one in found)
    yield "accepted", statistics.mean(one.accepted for one in found)
    yield "coverage", statistics.mean(one.coverage for one in found)


def _opinions(
    truth: Mapping[str, str], seed: int, _kind: str, digests: Sequence[str]
) -> dict[str, Opinion]:
    """Those of a classifier that takes every tenth icon for another, and knows how often."""
    names = sorted({*truth.values()})
    rng = np.random.default_rng(seed)
    wrong = rng.random(len(digests)) < 1 - MODEL_RIGHT
    others = rng.integers(len(names), size=len(digests))
    return {
        digest: Opinion(names[other] if is_wrong else truth[digest], MODEL_RIGHT)
        for digest, is_wrong, other in zip(digests, wrong, others, strict=True)
    }


def _inventory() -> Iterator[tuple[str, float]]:
    objects: dict[str, bytes] = {}
    mix = ContributorMix(careless=0.1, hostile=0.1, colluding=0.1)
    truth = simulate_contributions(objects.__setitem__, 120, 7, mix).names
    with tempfile.TemporaryDirectory() as folder:
        contributions, images = _received(objects, Path(folder))
        sources = VotingSources(
            lambda digest: window_means(_opened(images[digest])),
            lambda digest: layout_of(_opened(images[digest])),
        )
        votes = count_votes(contributions, VotingRules(), sources)
        plain = count_votes(contributions, VotingRules(rule="plain"), sources)
    for kind in ("icon", "screen"):
        crops = [crop for crop in votes.crops if crop.kind == kind]
        sizes = np.array([len(crop.members) for crop in crops])
        right = np.array([crop.label == shown(crop, truth) for crop in crops])
        accepted = np.array([crop.status == "accepted" for crop in crops])
        yield f"{kind}_images", float(sizes.sum())
        yield f"{kind}_groups", float(len(crops))
        yield f"{kind}_mixed", float(sum(_names(crop, truth) > 1 for crop in crops))
        yield f"{kind}_accepted", float((sizes * right)[accepted].sum() / sizes[accepted].sum())
        yield f"{kind}_coverage", float(sizes[accepted].sum() / sizes.sum())
        of_kind = [crop for crop in plain.crops if crop.kind == kind]
        yield f"{kind}_plain", statistics.mean(one.label == shown(one, truth) for one in of_kind)


def _names(crop: VotedCrop, truth: Mapping[str, str]) -> int:
    return len({truth[member.sha256] for member in crop.members})


def _received(
    objects: Mapping[str, bytes], folder: Path
) -> tuple[list[Contributions], dict[str, bytes]]:
    """What is taken of uploads, by install, and the files of all images by digest."""
    rules = load_pack("demo").community
    assert rules is not None
    sent: dict[UUID, dict[str, bytes]] = defaultdict(dict)
    for key, content in objects.items():
        _, install, path = key.split("/", 2)
        sent[UUID(install)][path] = content
    contributions, images = [], dict[str, bytes]()
    for install, files in sent.items():
        target = folder / str(install)
        target.mkdir()
        listed = (StagedFile(path, len(content), path) for path, content in files.items())
        reading = Reading(rules, datetime.now(UTC).date())
        got = receive(install, listed, partial(_content, files), reading, target)
        contributions.append(got.content)
        images |= {crop.sha256: got.files[crop.sha256] for crop in got.content.crops}
    return contributions, images


def _opened(content: bytes) -> Image.Image:
    return Image.open(io.BytesIO(content))


def _content(files: Mapping[str, bytes], file: StagedFile) -> bytes:
    return files[file.path]


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
        for crop in count_votes(uploads.contributions, VotingRules(), uploads.sources).crops:
            truth = shown(crop, uploads.truth)
            if truth in names:
                all_of_them += 1
                left += crop.status != "accepted"
                wrong += crop.status == "accepted" and crop.label != truth
    yield "accepted_wrongly", wrong / all_of_them
    yield "not_accepted", left / all_of_them
