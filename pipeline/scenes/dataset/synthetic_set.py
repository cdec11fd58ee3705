"""The synthetic set as an artifact: what it says of itself, its scenes, its labels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from pipeline.files import read_json, write_json
from pipeline.labels.formats.yolo import LabelFileError, YoloRow, read_rows
from pipeline.labels.synthetic import SUBSETS, Subset, SyntheticImage
from pipeline.scenes.dataset.layout import SUFFIXES, Part, SceneSetError, explain_write_errors
from pipeline.scenes.dataset.reader import WrittenScene, read_scene, record_of
from pipeline.subsampling import spread_over

SUMMARY_FILE = "set.json"
DRAW_AGAIN = "Materialize synthetic_set again."


class SetSummary(BaseModel):
    """What a set holds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    game: str
    classes: tuple[str, ...] = Field(description="Names by class id.")
    images: int
    gated: bool = Field(
        True,
        description="Whether every class was kept in its own kind of scene. Sets of before they "
        "said so count as gated, which asks more of them.",
    )
    counts: dict[str, int] = Field(description="Labels of every class, also of those with none.")
    dropped: dict[str, dict[str, int]] = Field(
        description="Objects without a label, by class and reason."
    )
    scenes: dict[str, int] = Field(description="Images by kind of scene.")


@dataclass(frozen=True)
class SyntheticSet:
    """The artifact of `synthetic_set`.

    images/{train,val}/synth_000000.jpg
    labels/{train,val}/synth_000000.txt
    objects/{train,val}/synth_000000.json   every object with its measurements, labelled or not
    set.json                                the summary
    """

    folder: Path
    summary: SetSummary

    @classmethod
    def open(cls, folder: Path) -> SyntheticSet:
        """Read the summary; scenes and labels are left for later.

        Raises:
            SceneSetError: the folder holds no set.
        """
        return cls(folder, read_json(folder / SUMMARY_FILE, SetSummary, _no_set))

    @classmethod
    def write(cls, folder: Path, summary: SetSummary) -> SyntheticSet:
        """Write the summary of a set whose images, labels and objects lie in the folder.

        Raises:
            SceneSetError: it cannot be written.
        """
        content = summary.model_dump(mode="json")
        with explain_write_errors(folder):
            write_json(folder / SUMMARY_FILE, content, indent=2, ascii_only=True)
        return cls(folder, summary)

    @staticmethod
    def is_in(folder: Path) -> bool:
        """Whether a folder looks like a set; `open` says whether it is one."""
        return (folder / SUMMARY_FILE).is_file()

    def scenes(self) -> Iterator[WrittenScene]:
        """Every scene, by subset and name.

        Raises:
            SceneSetError: the record of one is missing or cannot be read.
        """
        for subset, name in self._names():
            yield read_scene(self.folder, subset, name)

    def some_scenes(self, count: int) -> Iterator[WrittenScene]:
        """At most that many scenes, spread evenly over the set; raises as `scenes`."""
        for name in spread_over(self._names(), count):
            yield read_scene(self.folder, *name)

    def scene_named(self, name: str) -> WrittenScene | None:
        """The scene of that name, or None where the set has none; raises as `scenes`."""
        for subset in SUBSETS:
            if record_of(self.folder, subset, name).is_file():
                return read_scene(self.folder, subset, name)
        return None

    def labelled_images(self, class_names: Sequence[str]) -> tuple[SyntheticImage, ...]:
        """Images with their labels, sorted by name within each subset.

        Raises:
            SceneSetError: the set was drawn for other classes, is empty, or lacks labels.
        """
        if self.summary.classes != tuple(class_names):
            raise SceneSetError(
                f"{self.folder} was drawn for {len(self.summary.classes)} classes that are not the "
                f"game pack's {len(class_names)} in their order.",
                DRAW_AGAIN,
            )
        images = tuple(self._labelled(len(class_names)))
        if not images:
            raise SceneSetError(f"{self.folder} holds no images.", DRAW_AGAIN)
        self._require_all("images", len(images))
        return images

    def _names(self) -> list[tuple[Subset, str]]:
        names = [
            (subset, file.stem)
            for subset in SUBSETS
            for file in sorted((self.folder / "objects" / subset).glob(f"*{SUFFIXES['objects']}"))
        ]
        self._require_all("objects", len(names))
        return names

    def _require_all(self, part: Part, found: int) -> None:
        if found != self.summary.images:
            raise SceneSetError(
                f"{self.folder / part} has {found} files instead of {self.summary.images}.",
                DRAW_AGAIN,
            )

    def _labelled(self, class_count: int) -> Iterator[SyntheticImage]:
        for subset in SUBSETS:
            folder = self.folder / "images" / subset
            for image in sorted(folder.glob(f"*{SUFFIXES['images']}")):
                labels = self.folder / "labels" / subset / f"{image.stem}{SUFFIXES['labels']}"
                yield SyntheticImage(subset, image, labels, _rows(labels, class_count))


def _rows(labels: Path, class_count: int) -> tuple[YoloRow, ...]:
    try:
        return read_rows(labels, class_count)
    except LabelFileError as error:
        raise SceneSetError(error.problem, DRAW_AGAIN) from error


def _no_set(file: Path, why: Exception) -> SceneSetError:
    return SceneSetError(f"{file} describes no synthetic set: {why}", DRAW_AGAIN)
