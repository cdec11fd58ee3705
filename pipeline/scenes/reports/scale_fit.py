"""Fitting the size of drawn objects to that of real ones: one zoom for scenes, a factor per class.

A box's size is the square root of its visible area. For each class the median of real boxes is
divided by that of drawn ones at zoom 1; the zoom is the middle of these ratios over the classes,
and what is left of a class's ratio is its own factor. Medians and ranks alone are used: a few wrong
boxes, or boxes that something hides, change little. Boxes cut by the image's edge are left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.errors import OutpostError
from pipeline.games.sections.scenes import SceneRules
from pipeline.scenes.reports.box_sizes import SeenBox

Sides = npt.NDArray[np.float64]

ENOUGH_BOXES = 10
"""Boxes of a class, real and drawn, from which its ratio counts."""
ENOUGH_IN_A_FRAME = 3
"""Boxes in a real frame from which its zoom can be told."""
SUREST = 0.02
"""No class counts as known to better than this, so that none decides the zoom alone."""
RESAMPLES = 400
MOST_RESAMPLED = 2000
INTERVAL = (0.025, 0.975)
ENDS = 1.645
"""Standard deviations from the middle to either end of nine tenths."""
SMALLEST_CHANGE = 0.1
"""A class whose ratio is within this of the zoom, or whose interval holds it, keeps its size."""


class FitError(OutpostError):
    """Sizes that cannot be compared."""


@dataclass(frozen=True)
class ClassFit:
    """One class's sizes; sides in pixels of a scene.

    Attributes:
        real, synthetic: boxes that were compared.
        real_side: median of the real boxes; None without any.
        synthetic_side: median of the drawn boxes, if drawn at zoom 1 with the class's present
            size; None without any.
        ratio: the former over the latter; None where a side has too few boxes.
        interval: of the ratio, at 95%, by resampling boxes.
        size: the factor that the pack has now.
        proposed: the factor to write.
    """

    name: str
    real: int
    synthetic: int
    real_side: float | None
    synthetic_side: float | None
    ratio: float | None
    interval: tuple[float, float] | None
    size: float
    proposed: float

    @property
    def changes(self) -> bool:
        return abs(self.proposed - self.size) > 1e-9


@dataclass(frozen=True)
class ScaleFit:
    """What the comparison comes to.

    Attributes:
        zoom: the proposed range.
        middle: the zoom of the middle class.
        current: the range that the pack has now.
        frames: real frames whose zoom could be told.
        classes: in the order of their ids.
    """

    zoom: tuple[float, float]
    middle: float
    current: tuple[float, float]
    frames: int
    classes: tuple[ClassFit, ...]

    def lines(self) -> tuple[str, ...]:
        """What to write in the pack's scenes.yaml."""
        low, high = self.zoom
        sizes = [
            f"  - {{class_name: {known.name}, size: {known.proposed:.2f}, ...}}"
            for known in self.classes
            if known.changes
        ]
        return (f"zoom: [{low:.2f}, {high:.2f}]", *(("placements:", *sizes) if sizes else ()))


def fit_scale(
    synthetic: Iterable[SeenBox],
    real: Iterable[SeenBox],
    rules: SceneRules,
    class_names: Sequence[str],
) -> ScaleFit:
    """Compare the sizes of drawn and real objects.

    Args:
        synthetic, real: boxes as `pipeline.scenes.reports.box_sizes` brings them to one scale.
        rules: the rules that the drawn ones were made by.
        class_names: in the order of their ids.

    Raises:
        FitError: there are no real boxes, no drawn ones, or too few of any class in common.
    """
    drawn, seen = _whole(synthetic), _whole(real)
    if not seen:
        raise FitError(
            "There is no real box to compare with.",
            "Annotate some frames and materialize cvat_export, or name an export with --against.",
        )
    if not drawn:
        raise FitError("The synthetic set has no labels.", "Materialize synthetic_set again.")
    sizes = {rule.class_name: rule.size for rule in reversed(rules.placements)}
    sides = {
        name: (_sides(seen, name), _sides(drawn, name) * sizes.get(name, 1.0))
        for name in class_names
    }
    compared = {name: _ratio(number, *sides[name]) for number, name in enumerate(class_names)}
    told = {name: found for name, found in compared.items() if found is not None}
    if not told:
        raise FitError(
            f"No class has {ENOUGH_BOXES} real and {ENOUGH_BOXES} drawn boxes that the edge does "
            "not cut.",
            "Annotate more frames, or draw more images.",
        )
    middle = _middle(told.values())
    classes = tuple(
        _class_fit(name, sides[name], compared[name], (sizes.get(name, 1.0), middle))
        for name in class_names
    )
    zooms = _frame_zooms(seen, told)
    zoom = _range(zooms, _frame_zooms(drawn, told), middle)
    return ScaleFit(zoom, middle, rules.zoom, len(zooms), classes)


def _whole(boxes: Iterable[SeenBox]) -> tuple[SeenBox, ...]:
    return tuple(box for box in boxes if not box.cut and box.box.area > 0)


def _sides(boxes: Sequence[SeenBox], name: str) -> Sides:
    """As they would be at scale 1."""
    return np.array([box.side / box.scale for box in boxes if box.class_name == name], np.float64)


def _ratio(seed: int, real: Sides, drawn: Sides) -> tuple[float, tuple[float, float]] | None:
    """The ratio of the medians and its interval; None where there are too few boxes."""
    if min(len(real), len(drawn)) < ENOUGH_BOXES:
        return None
    rng = np.random.default_rng([seed, len(real), len(drawn)])
    resampled = [
        np.median(sides[rng.integers(len(sides), size=(RESAMPLES, len(sides)))], axis=1)
        for sides in (real, drawn[:MOST_RESAMPLED])
    ]
    low, high = np.quantile(resampled[0] / resampled[1], INTERVAL).tolist()
    return float(np.median(real) / np.median(drawn)), (low, high)


def _class_fit(
    name: str,
    sides: tuple[Sides, Sides],
    compared: tuple[float, tuple[float, float]] | None,
    scale: tuple[float, float],
) -> ClassFit:
    (real, drawn), (size, middle) = sides, scale
    proposed = size
    if compared is not None:
        ratio, (low, high) = compared
        away = abs(ratio / middle - 1) > SMALLEST_CHANGE and not low <= middle <= high
        proposed = round(size * ratio / middle, 2) if away else size
    return ClassFit(
        name=name,
        real=len(real),
        synthetic=len(drawn),
        real_side=float(np.median(real)) if len(real) else None,
        synthetic_side=float(np.median(drawn)) if len(drawn) else None,
        ratio=compared[0] if compared is not None else None,
        interval=compared[1] if compared is not None else None,
        size=size,
        proposed=proposed,
    )


def _frame_zooms(boxes: Sequence[SeenBox], names: Iterable[str]) -> Sides:
    """How much larger the objects of each image are than those of their class usually are.

    In drawn images, whose scales are taken out, this is what chance and poses alone do.
    """
    usual = {name: float(np.median(_sides(boxes, name))) for name in names}
    by_frame: dict[str, list[float]] = {}
    for box in boxes:
        if box.class_name in usual:
            own = box.side / box.scale / usual[box.class_name]
            by_frame.setdefault(box.image, []).append(own)
    told = [np.median(found) for found in by_frame.values() if len(found) >= ENOUGH_IN_A_FRAME]
    return np.array(told, np.float64)


def _range(real: Sides, drawn: Sides, middle: float) -> tuple[float, float]:
    """The zooms of nine frames in ten: their spread, less that which images of one zoom have."""
    if min(len(real), len(drawn)) < ENOUGH_BOXES:
        return round(middle, 2), round(middle, 2)
    spread = _spread(real) ** 2 - _spread(drawn) ** 2
    reach = float(np.exp(ENDS * np.sqrt(max(spread, 0.0))))
    return round(middle / reach, 2), round(middle * reach, 2)


def _spread(zooms: Sides) -> float:
    """The standard deviation of their logarithms, told from their middle nine tenths."""
    low, high = np.quantile(np.log(zooms), (0.05, 0.95)).tolist()
    return float(high - low) / (2 * ENDS)


def _middle(told: Iterable[tuple[float, tuple[float, float]]]) -> float:
    """The median of the classes' ratios, each counting the more the narrower its interval."""
    found = sorted(told)
    ratios = np.array([ratio for ratio, _ in found], np.float64)
    widths = np.array([np.log(high / low) for _, (low, high) in found], np.float64)
    reached = np.cumsum(1.0 / (widths + SUREST))
    return float(ratios[np.searchsorted(reached, reached[-1] / 2)])
