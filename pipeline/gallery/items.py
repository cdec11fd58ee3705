"""What a gallery shows of one image."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pipeline.labels.boxes import Box


@dataclass(frozen=True)
class Mark:
    """One box on an image.

    Attributes:
        class_name: by which it is coloured and found.
        kind: what it stands for: "label", "dropped", or an outcome of the evaluation.
        note: what else there is to say, for example what covers the object.
        value: what the collection's `measure` names, 0 to 1; None where it has no meaning.
    """

    box: Box
    class_name: str
    kind: str
    note: str = ""
    value: float | None = None


@dataclass(frozen=True)
class Item:
    """One image.

    Attributes:
        image: the file; its size in pixels is width and height.
        name: as a person knows it; need not be unique.
        source: where it comes from: the kind of scene, the session, real or synthetic.
        split: "train", "val" or "".
    """

    image: Path
    name: str
    width: int
    height: int
    source: str
    marks: tuple[Mark, ...]
    split: str = ""


@dataclass(frozen=True)
class Collection:
    """Images that belong together, in the order of their names.

    Attributes:
        measure: what the values of the marks are, such as "score"; empty without any.
    """

    title: str
    class_names: tuple[str, ...]
    items: tuple[Item, ...]
    measure: str = ""
