"""Labels as people type them into CVAT, and the classes of a game pack that they mean."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence

SEPARATORS = re.compile(r"[\s_-]+")


class LabelIndex:
    """Finds the class of a label: by its exact name, or regardless of how it is spelt.

    "Town Center", "town-center" and "TownCenter" are `town_center`. Two classes that would be the
    same name so are only found exactly.
    """

    def __init__(self, class_names: Sequence[str]) -> None:
        spellings = Counter(plain_spelling(name) for name in class_names)
        self._exact = {name: index for index, name in enumerate(class_names)}
        self._plain = {
            plain: index
            for name, index in self._exact.items()
            if spellings[plain := plain_spelling(name)] == 1
        }

    def class_of(self, label: str) -> int | None:
        """The id of the class, or None where there is none of that name."""
        exact = self._exact.get(label)
        return self._plain.get(plain_spelling(label)) if exact is None else exact

    def is_exact(self, label: str) -> bool:
        """Whether a label is spelt as its class is."""
        return label in self._exact


def plain_spelling(name: str) -> str:
    """A name regardless of case, spaces, hyphens and underscores."""
    return SEPARATORS.sub("", name).casefold()


def nearest_class(label: str, class_names: Sequence[str]) -> str | None:
    """The class whose name is most like a label; None where none is."""
    plain = {plain_spelling(name): name for name in class_names}
    close = difflib.get_close_matches(plain_spelling(label), plain, n=1)
    return plain[close[0]] if close else None


def is_left_out(label: str, left_out: Collection[str]) -> bool:
    """Whether a label is among those that are left out on purpose, however it is spelt."""
    return plain_spelling(label) in map(plain_spelling, left_out)


def unknown_label_problems(
    unknown: Mapping[str, int], left_out: Collection[str], class_names: Sequence[str]
) -> Iterator[str]:
    """What to do about labels that are no class, unless they are left out on purpose.

    Args:
        unknown: shapes by label.
        left_out: labels, however they are spelt.
        class_names: of the game pack.
    """
    for label, shapes in sorted(unknown.items()):
        if is_left_out(label, left_out):
            continue
        near = nearest_class(label, class_names)
        hint = f"; the nearest class is '{near}'" if near else ""
        yield (
            f"'{label}' is no class of this game{hint}. Its {shapes} shapes would be learned as "
            "background: rename the label in CVAT and export again, or list it under "
            "left_out_labels in the pack's merge.yaml or in the launchpad of cvat_export"
        )
