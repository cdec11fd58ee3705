"""The contributions of a game's players, as a resource."""

from __future__ import annotations

import os

import dagster as dg
from detector_runtime.contribute.stores.opening import REPOSITORY
from pydantic import Field

from pipeline.community.votes.decisions import Decisions
from pipeline.community.withdrawn_installs import WithdrawnInstalls
from resources.contributions.dataset_repository import DatasetRepository
from resources.contributions.maintainer_list import MaintainerList
from resources.contributions.staging import StagingPlace
from resources.object_store.base import ObjectStore
from resources.object_store.opening import open_store
from resources.paths import Paths

LOCATION_VARIABLE = "OUTPOST_CONTRIBUTIONS"


class Contributions(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Where players' programs upload, and which of them count no longer."""

    paths: Paths
    location: str = Field(
        default="",
        description="A folder, s3://bucket/prefix or hf://datasets/owner/name into which players' "
        f"programs upload, below the game's name. Empty: what {LOCATION_VARIABLE} says, else "
        "contributions/ in the state folder. Credentials are found by boto3 alone "
        "(AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, or ~/.aws), those of the Hugging Face hub in "
        "HF_TOKEN.",
    )

    def staging(self, game: str) -> StagingPlace:
        """What players have sent of a game.

        Raises:
            ObjectStoreError: the location is written otherwise than it should be.
        """
        repository = REPOSITORY.fullmatch(self._where)
        if repository is None:
            return StagingPlace(self.store(), game)
        prefix = (repository["prefix"] or "").strip("/")
        return StagingPlace(DatasetRepository(repository["name"], prefix), game)

    def store(self) -> ObjectStore:
        """The folder or bucket that contributions lie in, to write into.

        Raises:
            ObjectStoreError: it is neither, or written otherwise than it should be.
        """
        return open_store(self._where)

    def withdrawals(self, game: str) -> MaintainerList[WithdrawnInstalls]:
        """The list of a game's withdrawn installs."""
        return MaintainerList(
            self.paths.state.withdrawn_installs(game),
            WithdrawnInstalls,
            says="who is withdrawn",
            again="withdraw those installs again",
        )

    def decisions(self, game: str) -> MaintainerList[Decisions]:
        """What a maintainer has decided about a game's images."""
        return MaintainerList(
            self.paths.state.community_decisions(game),
            Decisions,
            says="what was decided",
            again="decide again",
        )

    @property
    def _where(self) -> str:
        set_outside = os.environ.get(LOCATION_VARIABLE, "")
        return self.location or set_outside or str(self.paths.state.contributions)
