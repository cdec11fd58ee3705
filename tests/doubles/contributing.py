"""A player whose program contributes, with a clock that can be set."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from detector_runtime.contribute.contributor import Contributor, UploadPolicy
from detector_runtime.contribute.records import ContributionRecord
from detector_runtime.contribute.rules import ContributionRules

RULES = ContributionRules(
    game="toy",
    icon_slots=frozenset({"weapon"}),
    text_slots=frozenset({"title"}),
    private_slots=frozenset({"player_name"}),
    screen_types=frozenset({"ARMOUR", "TRADE"}),
)


class Player:
    """A program of a player, with a clock of its own and a folder to send to."""

    def __init__(self, home: Path) -> None:
        self.home, self.place, self.now = home, home / "sent", 1_773_000_000.0
        self.options: dict[str, Any] = {"consent": True}
        self.policy: dict[str, Any] = {}

    def contributor(self, **options: Any) -> Contributor:
        policy = UploadPolicy(clock=lambda: self.now, **self.policy)
        given = {"store": self.place, "policy": policy, **self.options, **options}
        store = given.pop("store")
        found = Contributor(self.home / "kept", RULES, store, **given)
        found.start = lambda: None  # type: ignore[method-assign]  # tests upload by themselves
        return found

    def later(self, seconds: float = 301.0) -> None:
        self.now += seconds

    @property
    def files(self) -> dict[str, bytes]:
        """What was sent, below the install's folder."""
        files = sorted(file for file in self.place.rglob("*") if file.is_file())
        parts = {file.relative_to(self.place).as_posix(): file.read_bytes() for file in files}
        return {path.split("/", 3)[3]: content for path, content in parts.items()}

    @property
    def records(self) -> list[ContributionRecord]:
        lines = self.files.get("annotations.jsonl", b"").splitlines()
        return [ContributionRecord.model_validate_json(line) for line in lines]


def shot(seed: int = 0, width: int = 640, height: int = 360) -> np.ndarray[Any, Any]:
    """A screenshot of noise."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
