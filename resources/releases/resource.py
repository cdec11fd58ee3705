"""Where a game's models are published, as a resource."""

from __future__ import annotations

import os

import dagster as dg
from pydantic import Field

from resources.keys.private_keys import PrivateKeys
from resources.object_store.opening import open_store
from resources.releases.publisher import Publisher, this_user
from resources.releases.release_store import ReleaseError, ReleaseStore

LOCATION_VARIABLE = "OUTPOST_RELEASES"


class Releases(dg.ConfigurableResource):  # type: ignore[type-arg]
    """The folder or bucket that models are published into."""

    location: str = Field(
        default="",
        description="A folder, s3://bucket or s3://bucket/prefix; models/<game> is made below it. "
        f"Empty: what {LOCATION_VARIABLE} says, else nothing is published. Credentials are found "
        "by boto3 alone: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, or ~/.aws.",
    )

    @property
    def is_configured(self) -> bool:
        """Whether there is a place to publish into."""
        return bool(self._location)

    def store(self, game: str) -> ReleaseStore:
        """The published versions of a game's model.

        Raises:
            ReleaseError: no place is configured.
            ObjectStoreError: it is written otherwise than it should be.
        """
        if not self.is_configured:
            raise ReleaseError(
                "Nobody has said where models are published.",
                f"Set {LOCATION_VARIABLE} to a folder, s3://bucket or s3://bucket/prefix.",
            )
        return ReleaseStore(open_store(self._location), game)

    def publisher(self, game: str) -> Publisher:
        """Who writes there, with the private keys of this user.

        Raises:
            ReleaseError: no place is configured.
            ObjectStoreError: it is written otherwise than it should be.
            PrivateKeyError: the private keys would lie in the repository.
        """
        return Publisher(self.store(game), PrivateKeys.of_this_user(), this_user())

    @property
    def _location(self) -> str:
        return self.location or os.environ.get(LOCATION_VARIABLE, "")
