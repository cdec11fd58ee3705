"""The head as an artifact, with how well it tells owners on scenes that it did not learn from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from detector_runtime.errors import BundleError
from detector_runtime.owners.head import OwnerHead
from detector_runtime.owners.head_file import read_head, write_head
from pydantic import Field

from pipeline.errors import OutpostError
from pipeline.files import read_json, write_json, write_text
from pipeline.formats.palette import Colour
from pipeline.manifests import Record
from pipeline.owners.examples import OwnerExamples, examples_of
from pipeline.owners.training import OwnerTraining, judged, train_head, with_threshold
from pipeline.progress import Report, silent
from pipeline.scenes.dataset.synthetic_set import SyntheticSet

HEAD_FILE = "owners.json"
SUMMARY_FILE = "owners_summary.json"
TRAIN_AGAIN = "Materialize owner_model again."


class OwnerModelError(OutpostError):
    """A folder that holds no head, or not all of it."""


class OwnerTrainingError(OutpostError):
    """A set from which nobody can learn whose things are."""


class OwnerSummary(Record):
    """What was learned, and how well."""

    examples: int = Field(description="Objects of the set that were learned from.")
    judged: int = Field(description="Objects of validation scenes that show whose they are.")
    accuracy: float = Field(description="Share of these whose likeliest owner is the true one.")
    named: float = Field(description="Share of these whose owner is likely enough to be named.")
    accuracy_of_named: float = Field(description="Share of the named that is right.")
    threshold: float
    confusion: dict[str, dict[str, int]] = Field(
        description="Of these, by true owner and likeliest owner."
    )


@dataclass(frozen=True)
class OwnerModel:
    """The artifact of `owner_model`.

    owners.json             the head, as the runtime reads it
    owners_summary.json     how well it tells owners
    """

    folder: Path
    summary: OwnerSummary

    @classmethod
    def open(cls, folder: Path) -> OwnerModel:
        """Read what `write` wrote.

        Raises:
            OwnerModelError: a file is missing or damaged.
        """
        model = cls(folder, read_json(folder / SUMMARY_FILE, OwnerSummary, _damaged))
        model.head()
        return model

    @classmethod
    def write(
        cls,
        folder: Path,
        drawn: SyntheticSet,
        players: Sequence[tuple[str, Colour]],
        training: OwnerTraining,
        report: Report = silent,
    ) -> OwnerModel:
        """Train a head on a set's training scenes and judge it on its validation scenes.

        Args:
            folder: empty.
            players: name and RGB of each player's colour.

        Raises:
            OwnerTrainingError: no object is labelled in the training scenes. Without any in the
                validation scenes the head names an owner only where it is all but certain.
            SceneSetError: the set cannot be read.
        """
        size, most, seed = len(players), training.most_images, training.seed
        learned = examples_of(drawn, "train", size, most, seed)
        if not len(learned):
            raise OwnerTrainingError(
                f"No object is labelled in the training scenes of {drawn.folder}.",
                "Draw more images: scenes.images of the pack.",
            )
        held_out = examples_of(drawn, "val", size, most, seed)
        trained = train_head(learned, players, drawn.summary.classes, training, report)
        head = with_threshold(trained, held_out)
        summary = _summary(head, len(learned), held_out)
        write_text(folder / HEAD_FILE, write_head(head))
        write_json(folder / SUMMARY_FILE, summary.model_dump(mode="json"), indent=2)
        return cls(folder, summary)

    @property
    def file(self) -> Path:
        """The head, as a bundle carries it."""
        return self.folder / HEAD_FILE

    def head(self) -> OwnerHead:
        """The head.

        Raises:
            OwnerModelError: it is missing or damaged.
        """
        try:
            return read_head(self.file.read_bytes(), str(self.file))
        except (OSError, BundleError) as error:
            raise _damaged(self.file, error) from error


def _summary(head: OwnerHead, examples: int, held_out: OwnerExamples) -> OwnerSummary:
    told = held_out.told
    found = judged(head, held_out)[told]
    truth, best = held_out.targets[told].argmax(axis=1), found.argmax(axis=1)
    right, named = best == truth, found.max(axis=1) >= head.threshold
    confusion: dict[str, dict[str, int]] = {owner: {} for owner in head.owners}
    for true, guess in zip(truth.tolist(), best.tolist(), strict=True):
        row = confusion[head.owners[true]]
        row[head.owners[guess]] = row.get(head.owners[guess], 0) + 1
    return OwnerSummary(
        examples=examples,
        judged=int(told.sum()),
        accuracy=round(float(right.mean()), 4) if len(right) else 0.0,
        named=round(float(named.mean()), 4) if len(right) else 0.0,
        accuracy_of_named=round(float(right[named].mean()), 4) if named.any() else 0.0,
        threshold=head.threshold,
        confusion=confusion,
    )


def _damaged(file: Path, why: Exception) -> OwnerModelError:
    return OwnerModelError(f"{file} is no part of an owner model: {why}", TRAIN_AGAIN)
