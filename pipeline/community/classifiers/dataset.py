"""What a classifier learns from: accepted crops as arrays, with labels and subsets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from detector_runtime.classify.classifier import resized
from numpy.typing import NDArray
from PIL import Image
from pydantic import Field

from pipeline.community.classifiers.classifier_program.constants import (
    IMAGES_FILE,
    LABELS_FILE,
    SUBSETS_FILE,
    TEST,
    TRAIN,
    TRUST_FILE,
    VALIDATION,
)
from pipeline.community.classifiers.job import ClassifierKind
from pipeline.community.classifiers.split import (
    Example,
    ExampleSplit,
    SplitRules,
    Subset,
    fraction_of,
    split_examples,
    trained_groups,
)
from pipeline.community.voted_crops import VotedCrops
from pipeline.errors import OutpostError
from pipeline.manifests import Record
from pipeline.progress import Report, silent, track

Pixels = NDArray[np.uint8]
CODES: Mapping[Subset, int] = {"train": TRAIN, "validation": VALIDATION, "test": TEST}
REFERENCE_GROUP = "reference:"
LARGEST_SIDE = 8192


class ClassifierDataError(OutpostError):
    """Too little, or nothing that can be read, to train a classifier on."""


class TooFewImagesError(ClassifierDataError):
    """Fewer images or names than a classifier takes; more may come."""


class DatasetRules(Record):
    """Which crops are used."""

    least_images: int = Field(3, ge=1, description="Of a name; names with fewer are not learned.")
    least_total: int = Field(10, ge=2, description="Of all; with fewer nothing is trained.")
    cap: int | None = Field(
        None, ge=1, description="Most images of a name that are used, chosen by digest."
    )
    cap_from: int = Field(30, ge=1, description="Names with fewer images keep all in any case.")
    split: SplitRules = SplitRules()


RULES: Mapping[ClassifierKind, DatasetRules] = {
    "icon": DatasetRules(),
    "screen": DatasetRules(least_images=1, least_total=7, cap=150),
}


@dataclass(frozen=True)
class ReferenceArt:
    """Clean art of one name, as a wiki or the game's files have it: an entry of an icon cache."""

    name: str
    image: Pixels


@dataclass(frozen=True)
class Selection:
    """Which images of a kind are used, before any is read.

    Attributes:
        examples: those of names that are learned.
        split: where each stands.
        too_few: names that are not learned, with their number of images.
        capped: names of which images were left out, with the number of all.
    """

    examples: tuple[Example, ...]
    split: ExampleSplit
    too_few: Mapping[str, int]
    capped: Mapping[str, int]

    @property
    def classes(self) -> tuple[str, ...]:
        """Names that are learned, sorted."""
        return tuple(sorted({example.label for example in self.examples}))

    @property
    def digests(self) -> frozenset[str]:
        """Of all images that are used: what a training manifest lists."""
        return frozenset(example.sha256 for example in self.examples)

    def notes(self) -> Iterator[str]:
        """What a person should know of it."""
        if self.too_few:
            named = ", ".join(f"{name} ({count})" for name, count in sorted(self.too_few.items()))
            yield f"Too few images to learn {named}."
        for name, count in sorted(self.capped.items()):
            yield f"{name} has {count} images, of which a part is used."
        yield from self.split.notes


@dataclass(frozen=True, eq=False)
class ClassifierData:
    """Images of a selection in memory.

    Attributes:
        pixels: uint8 [n, side, side, 3], RGB, in the order of the selection's examples.
    """

    selection: Selection
    pixels: Pixels

    @property
    def labels(self) -> NDArray[np.int64]:
        """Index of each image's name among the classes, int64 [n]."""
        place = {name: index for index, name in enumerate(self.selection.classes)}
        return np.array([place[one.label] for one in self.selection.examples], dtype=np.int64)

    def rows(self, subset: Subset) -> NDArray[np.int64]:
        """Indices of the images of a subset."""
        wanted = [here == subset for here in self.selection.split.subsets]
        return np.flatnonzero(np.array(wanted, dtype=np.bool_))

    def is_new_group(self) -> NDArray[np.bool_]:
        """Whether no image of the group trains, bool [n]."""
        trained = trained_groups(self.selection.examples, self.selection.split)
        return np.array([one.group not in trained for one in self.selection.examples])

    def write(self, folder: Path) -> None:
        """Write what the program reads into a new folder; it learns of no contributor."""
        folder.mkdir(parents=True)
        kept = [index for index, side in enumerate(self.selection.split.subsets) if side]
        sides = [CODES[side] for side in self.selection.split.subsets if side]
        trust = [self.selection.examples[index].trust for index in kept]
        arrays: dict[str, NDArray[Any]] = {
            IMAGES_FILE: self.pixels[kept],
            LABELS_FILE: self.labels[kept],
            SUBSETS_FILE: np.array(sides, dtype=np.int8),
            TRUST_FILE: np.array(trust, dtype=np.float32),
        }
        for name, array in arrays.items():
            np.save(folder / name, array, allow_pickle=False)


def select_images(
    voted: VotedCrops,
    kind: ClassifierKind,
    rules: DatasetRules,
    reference: Sequence[ReferenceArt] = (),
) -> Selection:
    """Choose the images of a kind and part them.

    Args:
        reference: art of names, each an image more to train on; names without crops among them.

    Raises:
        TooFewImagesError: fewer images or names than a classifier takes.
    """
    crops = accepted_examples(voted, kind)
    counts = Counter(example.label for example in crops)
    drawn = {art.name for art in reference}
    few = {n: c for n, c in counts.items() if c < rules.least_images and n not in drawn}
    capped = {
        name: count
        for name, count in counts.items()
        if rules.cap is not None and count >= rules.cap_from and count > rules.cap
    }
    kept = [example for example in crops if example.label not in few]
    if capped and rules.cap is not None:
        kept = list(_capped(kept, capped, rules.cap))
    _require_enough(kind, kept, rules)
    examples = (*kept, *map(_reference_example, reference))
    return Selection(tuple(examples), split_examples(examples, rules.split), few, capped)


def read_images(
    voted: VotedCrops,
    kind: ClassifierKind,
    selection: Selection,
    side: int,
    reference: Sequence[ReferenceArt] = (),
    report: Report = silent,
) -> ClassifierData:
    """Decode the images of a selection, each once.

    Args:
        side: pixels; images are brought to squares as the runtime does it.
        reference: the same as for the selection.

    Raises:
        ClassifierDataError: an image cannot be read.
    """
    files = image_files(voted, kind)
    art = {_digest_of(one): one.image for one in reference}
    pixels = np.empty((len(selection.examples), side, side, 3), dtype=np.uint8)
    examples = track(selection.examples, len(selection.examples), f"reading {kind}s", report)
    for row, example in enumerate(examples):
        drawn = art.get(example.sha256)
        image = _read(files[example.sha256]) if drawn is None else drawn
        pixels[row] = resized(image, (side, side))
    return ClassifierData(selection, pixels)


def read_icon_cache(folder: Path) -> tuple[ReferenceArt, ...]:
    """The clean art in a folder of PNG files that are called as their icons are, by name.

    Raises:
        ClassifierDataError: there is no such folder, or a file in it is no image.
    """
    files = sorted(folder.glob("*.png")) if folder.is_dir() else []
    if not files:
        raise ClassifierDataError(
            f"There is no icon in {folder}.", "Name a folder of PNG files called as their icons."
        )
    return tuple(ReferenceArt(file.stem, _read(file)) for file in files)


def accepted_examples(voted: VotedCrops, kind: ClassifierKind) -> tuple[Example, ...]:
    """Each accepted image once: in several groups, as of one icon in several slots, everybody who
    sent it counts; under several labels it is not used."""
    found: dict[str, Example] = {}
    contradicted = set()
    for crop in voted.accepted(kind):
        group = min(member.sha256 for member in crop.members)
        for member in crop.members:
            known = found.get(member.sha256)
            if known is not None and known.label != crop.label:
                contradicted.add(member.sha256)
            who = {*member.contributors, *(known.contributors if known else ())}
            found[member.sha256] = Example(
                member.sha256,
                crop.label,
                known.group if known else group,
                tuple(sorted(who)),
                round(crop.confidence, 6),
            )
    return tuple(example for digest, example in found.items() if digest not in contradicted)


def image_files(voted: VotedCrops, kind: ClassifierKind) -> dict[str, Path]:
    """The file of every accepted image of a kind, by its digest."""
    return {
        member.sha256: voted.folder / place
        for crop in voted.accepted(kind)
        for member, place in zip(crop.members, crop.images, strict=True)
    }


def believed_labels(voted: VotedCrops, kind: ClassifierKind) -> dict[str, str]:
    """The label of every image of a kind that is accepted, by digest, whether it is used or not."""
    return {one.sha256: one.label for one in accepted_examples(voted, kind)}


def new_images(selection: Selection, before: Iterable[str]) -> int:
    """How many images a selection has that an earlier training did not."""
    return len(selection.digests - set(before))


def _capped(examples: Sequence[Example], capped: Mapping[str, int], most: int) -> Iterator[Example]:
    """All but what is beyond the cap; of a name those with the smallest digests stay."""
    beyond: set[str] = set()
    for name in capped:
        own = [example.sha256 for example in examples if example.label == name]
        beyond |= set(sorted(own, key=lambda digest: fraction_of(digest, 0))[most:])
    return (example for example in examples if example.sha256 not in beyond)


def _require_enough(kind: ClassifierKind, examples: Sequence[Example], rules: DatasetRules) -> None:
    names = {example.label for example in examples}
    if len(examples) < rules.least_total or len(names) < 2:
        raise TooFewImagesError(
            f"{len(examples)} accepted images of {len(names)} names are too few to train the "
            f"{kind} classifier: it takes {rules.least_total} of 2.",
            "Wait for more contributions; what the votes came to is on the page of voted_crops.",
        )


def _reference_example(art: ReferenceArt) -> Example:
    return Example(_digest_of(art), art.name, f"{REFERENCE_GROUP}{art.name}", (), 1.0)


def _digest_of(art: ReferenceArt) -> str:
    shape = "x".join(map(str, art.image.shape))
    return sha256(f"{art.name}:{shape}:".encode() + art.image.tobytes()).hexdigest()


def _read(file: Path) -> Pixels:
    try:
        with Image.open(file, formats=["PNG"]) as image:
            if max(image.size) > LARGEST_SIDE:
                raise ValueError(f"{image.width}x{image.height} is too large")
            return np.asarray(image.convert("RGB"))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise ClassifierDataError(
            f"{file} is no image that can be read: {error}.", "Materialize voted_crops again."
        ) from error
