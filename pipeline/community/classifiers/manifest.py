"""Which images a classifier was made from."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field

from pipeline.manifests import Record


class TrainingManifest(Record):
    """What `training_manifest.json` holds: which images were used, and as what.

    A classifier that starts from the weights of an earlier one has learned from its images, too.
    """

    images: dict[str, str] = Field(description="Label by the digest of each contributed image.")
    trained: tuple[str, ...] = Field(description="Digests that trained or ended the training.")

    def after(self, earlier: TrainingManifest) -> TrainingManifest:
        """That of a classifier which starts from the weights of an earlier one."""
        return TrainingManifest(
            images={**earlier.images, **self.images},
            trained=tuple(sorted({*earlier.trained, *self.trained})),
        )

    def no_longer(self, believed: Mapping[str, str]) -> int:
        """How many of its images are not believed any more to show what was learned of them.

        Args:
            believed: label by digest.
        """
        return sum(believed.get(digest) != label for digest, label in self.images.items())
