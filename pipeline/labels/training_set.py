"""The training set on disk: carrying out a merge plan, reading the set, checking it.

`images/{train,val}` and `labels/{train,val}` hold every picture once; `train.txt` and `val.txt`
list what an epoch goes through, real training frames several times; `dataset.yaml` and
`merge_summary.json` describe the set.

How ultralytics finds its way (`data/utils.py` and `data/base.py`, 8.4): without a `path` key,
`dataset.yaml` is resolved from its own folder, wherever training is started; a listed line that
begins with `./` from the folder of its list; a label by replacing the last `/images/` of the
picture's path. So the set can be moved as a whole. It also writes `labels/*.cache` beside the
labels: train on a copy, or on links, and leave the artifact as it is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

import yaml
from PIL import Image
from pydantic import ValidationError

from pipeline.errors import OutpostError
from pipeline.files import write_json
from pipeline.labels.formats.yolo import LabelFileError, format_labels, read_rows
from pipeline.labels.merge import REAL_PREFIX, MergePlan, MergeSummary, RealPicture
from pipeline.labels.pictures import UNREADABLE
from pipeline.labels.synthetic import SUBSETS, Subset, SyntheticPicture
from pipeline.links import link_file
from pipeline.progress import Report, silent, track

DATASET_FILE = "dataset.yaml"
SUMMARY_FILE = "merge_summary.json"

MERGE_AGAIN = "Materialize cvat_merge again."


class TrainingSetError(OutpostError):
    """A training set that cannot be read."""


def write_training_set(folder: Path, plan: MergePlan, report: Report = silent) -> None:
    """Write the set that a plan describes; pictures are hard-linked where the disk allows it.

    Args:
        folder: new or empty.
        plan: its pictures must still lie where they were.
        report: told after every picture.
    """
    for kind in ("images", "labels"):
        for subset in SUBSETS:
            (folder / kind / subset).mkdir(parents=True, exist_ok=True)
    pictures: list[RealPicture | SyntheticPicture] = [*plan.synthetic, *plan.real]
    for picture in track(pictures, len(pictures), "merge pictures", report):
        _write_picture(folder, picture)
    for subset in SUBSETS:
        lines = "".join(f"{line}\n" for line in _lines(plan, subset))
        _write_text(folder / _list_name(subset), lines)
    names = dict(enumerate(plan.class_names))
    dataset = {"train": _list_name("train"), "val": _list_name("val"), "names": names}
    _write_text(folder / DATASET_FILE, yaml.safe_dump(dataset, sort_keys=False))
    write_json(folder / SUMMARY_FILE, plan.summary.model_dump(mode="json"))


def read_summary(folder: Path) -> MergeSummary:
    """Read a training set's summary.

    Raises:
        TrainingSetError: there is none, or one of another version.
    """
    file = folder / SUMMARY_FILE
    try:
        return MergeSummary.model_validate_json(file.read_bytes())
    except (OSError, ValidationError) as error:
        raise TrainingSetError(f"{file} is not a summary: {error}", MERGE_AGAIN) from error


def read_class_names(folder: Path) -> tuple[str, ...]:
    """The classes of a training set in the order of their ids.

    Raises:
        TrainingSetError: `dataset.yaml` is missing or does not name them.
    """
    file = folder / DATASET_FILE
    try:
        names: dict[int, str] = yaml.safe_load(file.read_text(encoding="utf-8"))["names"]
        return tuple(names[index] for index in range(len(names)))
    except (OSError, ValueError, TypeError, KeyError, yaml.YAMLError) as error:
        raise TrainingSetError(f"{file} does not name the classes.", MERGE_AGAIN) from error


def listed_pictures(folder: Path, subset: Subset) -> tuple[str, ...]:
    """Relative paths of the pictures that a list goes through, repeated ones repeated.

    Raises:
        TrainingSetError: the list is missing.
    """
    file = folder / _list_name(subset)
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise TrainingSetError(f"{file} is missing.", MERGE_AGAIN) from error
    return tuple(line.removeprefix("./") for line in lines)


def label_path(folder: Path, picture: str) -> Path:
    """The label file of a listed picture."""
    path = PurePosixPath(picture)
    return folder / "labels" / path.parent.name / f"{path.stem}.txt"


def is_real(picture: str) -> bool:
    """Whether a listed picture is a real frame."""
    return PurePosixPath(picture).name.startswith(REAL_PREFIX)


def dataset_problems(folder: Path) -> tuple[str, ...]:
    """Everything about a training set that would spoil training or its judgement.

    Each listed picture is readable and has a strict label file; nothing lies there unlisted; no
    frame is in both subsets; no validation picture is listed twice. Empty when all is well.
    """
    try:
        class_count = len(read_class_names(folder))
        listed = {subset: listed_pictures(folder, subset) for subset in SUBSETS}
    except TrainingSetError as error:
        return (error.problem,)
    return (
        *_list_problems(listed),
        *(p for lines in listed.values() for p in _picture_problems(folder, lines, class_count)),
        *_unlisted(folder, listed),
    )


def _write_picture(folder: Path, picture: RealPicture | SyntheticPicture) -> None:
    if isinstance(picture, RealPicture):
        frame = picture.frame
        image = folder / "images" / picture.subset / picture.name
        link_file(picture.picture, image)
        labels = folder / "labels" / picture.subset / f"{image.stem}.txt"
        _write_text(labels, format_labels(frame.boxes, frame.width, frame.height))
        return
    link_file(picture.picture, folder / "images" / picture.subset / picture.picture.name)
    link_file(picture.labels, folder / "labels" / picture.subset / picture.labels.name)


def _lines(plan: MergePlan, subset: Subset) -> Iterator[str]:
    for drawn in plan.synthetic:
        if drawn.subset == subset:
            yield f"./images/{subset}/{drawn.picture.name}"
    times = plan.summary.oversample_real if subset == "train" else 1
    for real in plan.real:
        if real.subset == subset:
            yield from [f"./images/{subset}/{real.name}"] * times


def _list_name(subset: Subset) -> str:
    return f"{subset}.txt"


def _write_text(file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8", newline="\n")


def _list_problems(listed: dict[Subset, tuple[str, ...]]) -> Iterator[str]:
    for subset, lines in listed.items():
        if not lines:
            yield f"{_list_name(subset)} lists no picture"
        for line in dict.fromkeys(lines):
            if PurePosixPath(line).parent != PurePosixPath("images", subset):
                yield f"{_list_name(subset)} lists {line}, which is not in images/{subset}"
    repeated = [line for line, times in Counter(listed["val"]).items() if times > 1]
    yield from (f"val.txt lists {line} more than once" for line in repeated)
    trained = {PurePosixPath(line).stem for line in listed["train"]}
    validated = {PurePosixPath(line).stem for line in listed["val"]}
    yield from (f"{stem} is in train.txt and val.txt" for stem in sorted(trained & validated))


def _picture_problems(folder: Path, lines: Sequence[str], class_count: int) -> Iterator[str]:
    for line in dict.fromkeys(lines):
        try:
            with Image.open(folder / line) as picture:
                picture.verify()
        except UNREADABLE as error:
            yield f"{line} is not a readable picture ({type(error).__name__})"
        try:
            read_rows(label_path(folder, line), class_count)
        except LabelFileError as error:
            yield error.problem


def _unlisted(folder: Path, listed: dict[Subset, tuple[str, ...]]) -> Iterator[str]:
    known = {line for lines in listed.values() for line in lines}
    labels = {label_path(folder, line) for line in known}
    for file in sorted((folder / "images").rglob("*")):
        if file.is_file() and file.relative_to(folder).as_posix() not in known:
            yield f"{file.relative_to(folder).as_posix()} is listed nowhere"
    for file in sorted((folder / "labels").rglob("*.txt")):
        if file not in labels:
            yield f"{file.relative_to(folder).as_posix()} belongs to no listed picture"
