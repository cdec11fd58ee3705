"""Installs that label icons, with the truth: what voting is measured on, without an image.

An icon is a perceptual hash and the colours of its windows (`pipeline.community.votes.grouping`);
each upload of it has a bit and noise of its own, as crops of two players have, so that no two
uploads are equal byte for byte.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from hashlib import sha256
from uuid import UUID

import numpy as np

from pipeline.community.staged_crops import Contributions, StagedCrop
from pipeline.community.voted_crops import VotedCrop, Votes
from pipeline.community.votes.grouping import SIDE, WINDOW, Colours
from pipeline.community.votes.voting import VotingSources

FIRST_DAY = date(2026, 1, 1)
DAYS = 60
NOISE = 5
"""Largest difference of a window's colour between two uploads of one icon."""


@dataclass(frozen=True)
class Crowd:
    """Who uploads, and how wrongly.

    Attributes:
        votes: uploads of each icon, by as many installs.
        hostile: share of installs that name one wrong icon whatever they see.
        colluding: whether all of those name the same one.
        targets: share of icons that hostile installs lie about; of all others they are honest.
        careless: share of installs that take every fifth icon for one that looks like it.
        slips: how often the others do.
    """

    icons: int = 3000
    installs: int = 100
    votes: int = 3
    hostile: float = 0.2
    colluding: bool = False
    targets: float = 1.0
    careless: float = 0.0
    slips: float = 0.01


@dataclass(frozen=True)
class Uploads:
    """What was uploaded, and what it shows."""

    contributions: tuple[Contributions, ...]
    truth: Mapping[str, str]
    """Names by the digest of an upload."""
    looks: Mapping[str, Colours]

    @property
    def sources(self) -> VotingSources:
        return VotingSources(self._windows, lambda _: np.zeros(0, dtype=np.float32))

    def _windows(self, digest: str) -> Colours:
        look = self.looks[self.truth[digest]].astype(int)
        noise = np.random.default_rng(int(digest[:8], 16)).integers(-NOISE, NOISE + 1, look.shape)
        return np.clip(look + noise, 0, 255).astype(np.uint8)


def label_icons(crowd: Crowd, seed: int) -> Uploads:
    """Have every icon uploaded by some installs."""
    rng = np.random.default_rng(seed)
    names = [f"Icon {number}" for number in range(crowd.icons)]
    installs = [str(UUID(int=number + 1)) for number in range(crowd.installs)]
    kinds = _kinds(crowd, rng)
    wrong = rng.integers(crowd.icons, size=crowd.installs)
    if crowd.colluding:
        wrong[:] = wrong[0]
    side = SIDE - WINDOW + 1
    looks = {name: rng.integers(0, 256, (side, side, 3), dtype=np.uint8) for name in names}
    hashes = rng.integers(0, 2**64, crowd.icons, dtype=np.uint64)
    crops: dict[str, list[StagedCrop]] = {install: [] for install in installs}
    truth = dict[str, str]()
    for icon, name in enumerate(names):
        for who in rng.choice(crowd.installs, crowd.votes, replace=False).tolist():
            digest = sha256(f"{seed} {icon} {who}".encode()).hexdigest()
            truth[digest] = name
            said = _label(icon, kinds[who], int(wrong[who]), crowd, rng)
            flipped = int(hashes[icon]) ^ (1 << int(rng.integers(64)))
            crops[installs[who]].append(
                StagedCrop(
                    sha256=digest,
                    phash=f"{flipped:016x}",
                    kind="icon",
                    slot="weapon",
                    name=names[said],
                    date=FIRST_DAY + timedelta(days=int(rng.integers(DAYS))),
                    width=64,
                    height=64,
                )
            )
    contributions = tuple(
        Contributions(contributor=install, crops=tuple(sent)) for install, sent in crops.items()
    )
    return Uploads(contributions, truth, looks)


def _kinds(crowd: Crowd, rng: np.random.Generator) -> Sequence[str]:
    hostile = round(crowd.hostile * crowd.installs)
    careless = round(crowd.careless * crowd.installs)
    kinds = ["hostile"] * hostile + ["careless"] * careless
    kinds += ["honest"] * (crowd.installs - len(kinds))
    return [kinds[place] for place in rng.permutation(crowd.installs)]


def _label(icon: int, kind: str, wrong: int, crowd: Crowd, rng: np.random.Generator) -> int:
    if kind == "hostile" and icon < crowd.targets * crowd.icons:
        return wrong if wrong != icon else (wrong + 1) % crowd.icons
    slips = 0.2 if kind == "careless" else crowd.slips
    # Icons look alike in threes, so that two who err agree every other time.
    family = [one for one in range(icon // 3 * 3, icon // 3 * 3 + 3) if one != icon]
    return int(rng.choice(family)) % crowd.icons if rng.random() < slips else icon


@dataclass(frozen=True)
class Accuracy:
    """How right labels are, of all groups and of those that are accepted.

    Attributes:
        voted: share of right labels.
        accepted: share of right ones among accepted ones.
        coverage: share of groups that are accepted.
        mixed: groups with images of several icons.
        calibration: largest difference between the mean confidence and the share of right labels
            in the groups of one of ten ranges of confidence; ranges with few groups say nothing.
    """

    voted: float
    accepted: float
    coverage: float
    mixed: int
    calibration: float


LEAST_IN_RANGE = 50


def judge(votes: Votes, truth: Mapping[str, str]) -> Accuracy:
    """Compare votes with what images really show; of a mixed group, with what most of them do."""
    right = np.array([one.label == shown(one, truth) for one in votes.crops], dtype=float)
    accepted = np.array([one.status == "accepted" for one in votes.crops], dtype=bool)
    sure = np.array([one.confidence for one in votes.crops])
    places = np.minimum((sure * 10).astype(int), 9)
    off = [
        abs(sure[places == place].mean() - right[places == place].mean())
        for place in range(10)
        if (places == place).sum() >= LEAST_IN_RANGE
    ]
    return Accuracy(
        float(right.mean()),
        float(right[accepted].mean()) if accepted.any() else 1.0,
        float(accepted.mean()),
        sum(len({truth[one.sha256] for one in crop.members}) > 1 for crop in votes.crops),
        float(max(off, default=0.0)),
    )


def shown(crop: VotedCrop, truth: Mapping[str, str]) -> str:
    """What most images of a group really show."""
    names = Counter(truth[member.sha256] for member in crop.members)
    return min(names, key=lambda name: (-names[name], name))
