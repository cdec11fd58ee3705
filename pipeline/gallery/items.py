"""What a gallery shows of one image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
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
class SheetRow:
    """A row of a sheet's table.

    Attributes:
        filters: values by the name of a filter of the page (name, splits, sources, kinds, classes)
            that show what the row is about; none where nothing does.
    """

    cells: tuple[str, ...]
    filters: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Sheet:
    """What is to be said of a collection as a whole: an image, a table, or both.

    Attributes:
        image: bytes of a file; empty without one.
        suffix: of that file, without a dot: jpg or svg.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[SheetRow, ...]
    image: bytes = b""
    suffix: str = "jpg"


@dataclass(frozen=True)
class Collection:
    """Images that belong together, in the order of their names.

    Attributes:
        sheets: about all of them.
        measure: what the values of the marks are, such as "score"; empty without any.
    """

    title: str
    class_names: tuple[str, ...]
    items: tuple[Item, ...]
    measure: str = ""
    sheets: tuple[Sheet, ...] = ()
