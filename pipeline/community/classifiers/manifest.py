"""Which images a classifier was made from."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field

from pipeline.manifests import Record


class TrainingManifest(Record):
    """What `training_manifest.json` holds: which images were used, and as what."""

    images: dict[str, str] = Field(description="Label by the digest of each contributed image.")
    trained: tuple[str, ...] = Field(description="Digests that trained or ended the training.")

    def no_longer(self, believed: Mapping[str, str]) -> int:
        """How many of its images are not believed any more to show what was learned of them.

        Args:
            believed: label by digest.
        """
        return sum(believed.get(digest) != label for digest, label in self.images.items())
