"""Three policies as a folder that is published: what they play, and the digests of their files.

policies.json            what they are: `PolicyManifest`
strategist.onnx          see `networks`
tactician.onnx
executor.onnx
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, field_validator

from detector_runtime.bundle import FileDigest, Version
from detector_runtime.errors import PolicyModelError
from detector_runtime.folders.described import Described
from detector_runtime.models.onnx import OnnxOptions
from detector_runtime.policies.known import (
    COLUMNS,
    HIT_POINTS,
    ID,
    KEEP,
    KIND,
    KINDS,
    KNOWN,
    MAP_SIDE,
    OWN,
    OWNER,
    OWNERS,
    Numbers,
    X,
    Y,
)
from detector_runtime.policies.networks import FEATURES_VERSION, FILES, MOST_DELAY, PolicyNetworks
from detector_runtime.policies.player import STRATEGIST_TICKS, PolicyPlayer

POLICIES_FILE = "policies.json"
TRIAL_ENTITIES = 12
FETCH_AGAIN = "Fetch the policies again."


class GameRules(BaseModel):
    """What policies play: which game, by which rules."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    game: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")
    rules: str = Field(pattern=r"^[0-9a-f]{64}$", description="Digest of all their figures.")

    def __str__(self) -> str:
        return f"{self.game} by the rules {self.rules[:12]}"


class PolicyManifest(BaseModel):
    """The content of `policies.json`."""

    model_config = ConfigDict(frozen=True, extra="ignore", protected_namespaces=())

    schema_version: Literal[1] = 1
    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")
    version: str = Field(min_length=1, max_length=100)
    plays: GameRules
    features: int = Field(ge=1, description="Version of what they are told.")
    delay: int = Field(ge=0, le=MOST_DELAY, description="Ticks by which they see late.")
    goals: tuple[str, ...] = Field(min_length=1, description="In the strategist's order.")
    trained_at: AwareDatetime
    sessions: int = Field(ge=1, description="Sessions of play that they learned from.")
    minutes: float = Field(ge=0, description="Of play in these.")
    files: dict[str, FileDigest]
    lineage: dict[str, str] = Field({}, description="Asset to data version.")
    min_runtime: Version = Field("0.2.0", description="Oldest detector_runtime that reads it.")

    @field_validator("files")
    @classmethod
    def _whole(cls, files: dict[str, FileDigest]) -> dict[str, FileDigest]:
        if set(files) != set(FILES.values()):
            raise ValueError(f"files lists something else than {', '.join(FILES.values())}")
        return files

    def to_json(self) -> str:
        """The text of `policies.json`: sorted keys, newline at the end, the same anywhere."""
        return json.dumps(self.model_dump(mode="json"), indent=2, sort_keys=True) + "\n"


@dataclass(frozen=True)
class PolicyModel:
    """Three verified policies, opened."""

    manifest: PolicyManifest
    networks: PolicyNetworks

    @classmethod
    def load(cls, folder: Path, options: OnnxOptions | None = None) -> PolicyModel:
        """Verify every file of a folder, and open it.

        Raises:
            PolicyModelError: a file is absent or altered, or they were made for something else
                than they say.
            ModelLoadError: one cannot be opened by this runtime.
        """
        manifest = DESCRIBED.read(folder)
        if manifest.features != FEATURES_VERSION:
            raise PolicyModelError(
                f"{folder} is given version {manifest.features} of the features, and this runtime "
                f"makes version {FEATURES_VERSION}",
                "Update the runtime, or have the policies trained and published again.",
            )
        contents = DESCRIBED.contents(folder, manifest.files)
        networks = PolicyNetworks.open(contents, options)
        found = (networks.game, networks.rules, networks.delay)
        said = (manifest.plays.game, manifest.plays.rules, manifest.delay)
        if found != said:
            networks.close()
            raise PolicyModelError(
                f"{folder / POLICIES_FILE} names another game, other rules or another delay than "
                "its networks do",
                FETCH_AGAIN,
            )
        return cls(manifest, networks)

    def try_out(self) -> None:
        """Have all three decide for a second of play that was made up.

        Raises:
            DetectorError: one of them cannot, or gives what is no number.
        """
        entities, status = _made_up()
        player = PolicyPlayer(self.networks)
        for _tick in range(STRATEGIST_TICKS):
            player.act(entities, status)

    def require_plays(self, expected: GameRules) -> None:
        """See that they play what a program plays.

        Raises:
            PolicyModelError: they play something else.
        """
        if self.manifest.plays != expected:
            raise PolicyModelError(
                f"{self.manifest.name} {self.manifest.version} plays {self.manifest.plays}, and "
                f"this program plays {expected}",
                "Have policies of this game and these rules published, or update the program.",
            )

    def close(self) -> None:
        """Frees the networks."""
        self.networks.close()


DESCRIBED = Described(POLICIES_FILE, PolicyManifest, "policies", PolicyModelError, FETCH_AGAIN)


def _made_up() -> tuple[Numbers, Numbers]:
    """What might be known at a moment of a game: int [rows, 12] and [4]."""
    drawn = np.random.default_rng(0)
    entities = np.zeros((TRIAL_ENTITIES, COLUMNS), np.int32)
    entities[:, ID] = np.arange(TRIAL_ENTITIES)
    entities[:, KIND] = drawn.integers(0, KINDS, TRIAL_ENTITIES)
    entities[:, OWNER] = drawn.integers(0, OWNERS, TRIAL_ENTITIES)
    entities[:, [X, Y]] = drawn.integers(0, MAP_SIDE, (TRIAL_ENTITIES, 2))
    entities[:, HIT_POINTS] = 1
    entities[:, KNOWN] = 1
    entities[0, [KIND, OWNER]] = KEEP, OWN
    return entities, np.zeros(4, np.int32)
