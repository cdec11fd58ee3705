"""Masks as COCO writes them, by the plain definition."""

import numpy as np
import numpy.typing as npt

Mask = npt.NDArray[np.bool_]


def runs_of(mask: Mask) -> list[int]:
    """Alternating run lengths down the columns, unset first."""
    runs, current = [0], False
    for value in mask.ravel(order="F"):
        if value != current:
            runs.append(0)
            current = bool(value)
        runs[-1] += 1
    return runs


def compressed(runs: list[int]) -> str:
    """COCO's text form, written after cocoapi's rleToString."""
    text = ""
    for index, run in enumerate(runs):
        value = run - runs[index - 2] if index > 2 else run
        more = True
        while more:
            group = value & 0x1F
            value >>= 5
            more = value != -1 if group & 0x10 else value != 0
            text += chr(group + (0x20 if more else 0) + 48)
    return text
