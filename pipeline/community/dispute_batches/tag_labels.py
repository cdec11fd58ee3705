"""Names that images may have, as labels of an annotation tool."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

NONE_OF_THESE, UNREADABLE = "none of these", "unreadable"
"""Labels that stand for no name: another one than those in dispute; nothing can be seen."""
NO_NAME = (NONE_OF_THESE, UNREADABLE)
LONGEST_LABEL = 64
"""Characters of a label in CVAT; a name may have 200."""
MARK_DIGITS = 8


def tag_labels_of(names: Iterable[str]) -> dict[str, str]:
    """The label of each name; all of them and those of no name differ, also regardless of case.

    A label is the name itself, where it is short enough and no other one's; else it ends in a mark
    of its own. A name has the same label whatever the order of the names.
    """
    labels, taken = dict[str, str](), {label.casefold() for label in NO_NAME}
    for name in sorted(set(names)):
        label = " ".join(name.split())
        if label != name or len(label) > LONGEST_LABEL or label.casefold() in taken:
            mark = hashlib.sha256(name.encode()).hexdigest()[:MARK_DIGITS]
            label = f"{label[: LONGEST_LABEL - MARK_DIGITS - 1].rstrip()} {mark}"
        labels[name] = label
        taken.add(label.casefold())
    return labels
