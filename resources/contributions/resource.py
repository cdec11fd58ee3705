"""The contributions of a game's players, as a resource."""

from __future__ import annotations

import os

import dagster as dg
from pydantic import Field

from pipeline.community.votes.decisions import Decisions
from pipeline.community.withdrawn_installs import WithdrawnInstalls
from resources.contributions.maintainer_list import MaintainerList
from resources.contributions.staging import StagingPlace
from resources.object_store.opening import open_store
from resources.paths import Paths

LOCATION_VARIABLE = "OUTPOST_CONTRIBUTIONS"


class Contributions(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Where players' programs upload, and which of them count no longer."""

    paths: Paths
    location: str = Field(
        default="",
        description="A folder, s3://bucket or s3://bucket/prefix into which players' programs "
        f"upload, below the game's name. Empty: what {LOCATION_VARIABLE} says, else contributions/ "
        "in the state folder. Credentials are found by boto3 alone: AWS_ACCESS_KEY_ID, "
        "AWS_SECRET_ACCESS_KEY, or ~/.aws.",
    )

    def staging(self, game: str) -> StagingPlace:
        """What players have sent of a game.

        Raises:
            ObjectStoreError: the location is written otherwise than it should be.
        """
        location = self.location or os.environ.get(LOCATION_VARIABLE, "")
        return StagingPlace(open_store(location or str(self.paths.state.contributions)), game)

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
