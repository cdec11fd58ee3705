"""Compares icons with reference icons: a game's clean art, or crops that a person confirmed.

Each icon is compared with all references coarsely, and with those that come nearest in detail:

1. Normalised cross-correlation of 16x16 pixels and the coefficient of Bhattacharyya of histograms
   over hue, saturation and value (A. Bhattacharyya, 1943) choose `NEAREST` references.
2. Normalised cross-correlation of 64x64 pixels at shifts of up to `SHIFT` pixels, as OpenCV's
   `matchTemplate` with TM_CCOEFF_NORMED gives it, and the same histograms order these.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detector_runtime.classify.classifier import resized
from detector_runtime.classify.confidence import Logistic
from detector_runtime.errors import ConfigurationError, ImageError
from detector_runtime.images import FORMATS, Frame, load_frame

SIDE = 64
"""Pixels of each side at which icons are compared."""
SHIFT = 2
"""Pixels by which an icon may lie beside its place, in each direction."""
INNER = SIDE - 2 * SHIFT
COARSE = 16
NEAREST = 16
"""References that are compared in detail."""
HUES, SATURATIONS, VALUES = 12, 4, 4
HISTOGRAM_WEIGHT = 0.3
"""Of the histograms in a score; the correlation has the rest."""
LEAST_CONTRAST = 1.0
"""Levels of grey: what varies by less shows nothing that could be compared."""
ICONS_FILE = "icons.json"
CHANCE = 0.6
"""The score of the best among thousands of references that all show something else."""
LEAST_MISS = 1e-3
"""Of a score of 1: what rounding to 256 levels makes of an image that is the same."""
MOST_ICONS = 50_000

Floats = NDArray[np.float32]
Images = NDArray[np.uint8]

SCORE_CONFIDENCE = Logistic(weights=(4.4, 8.3), bias=-2.1)
"""From score and lead to the probability that the first name is right.

Fitted on crops that are harder than those of most screens: `outpost bench matching`, `fitted_*`.
"""


@dataclass(frozen=True)
class TemplateMatch:
    """The references that are most like one icon.

    Attributes:
        names: each once, the most similar first.
        scores: of each name, -1 to 1, where 1 is the same image.
        confidence: the probability that the first name is right.
    """

    names: tuple[str, ...]
    scores: tuple[float, ...]
    confidence: float

    @property
    def lead(self) -> float:
        """How much more the second name misses than the first: see `lead_of`."""
        return lead_of(self.scores)


def lead_of(scores: Sequence[float]) -> float:
    """The logarithm of what the second score misses of 1, by what the first one misses.

    Look-alikes differ in few pixels, and by how much their scores differ depends on how well the
    icon is seen at all. Without a second score that says something, one of `CHANCE` counts: among
    few references there is none that an icon resembles by chance.
    """
    second = max(scores[1] if len(scores) > 1 else CHANCE, CHANCE)
    return math.log((1 - second + LEAST_MISS) / (1 - scores[0] + LEAST_MISS))


@dataclass(frozen=True)
class IconTemplates:
    """Reference icons, prepared for comparison. Several may have one name.

    Attributes:
        names: of each reference.
        inner: uint8 [references, 3, INNER, INNER], the middle of each.
        coarse: float32 [references, values], of length 1.
        histograms: float32 [references, bins], roots of shares.
        confidence: from score and lead to a probability.
    """

    names: tuple[str, ...]
    inner: Images
    coarse: Floats
    histograms: Floats
    confidence: Logistic = SCORE_CONFIDENCE

    @classmethod
    def of(
        cls,
        names: Sequence[str],
        images: Sequence[Images],
        confidence: Logistic = SCORE_CONFIDENCE,
    ) -> IconTemplates:
        """References from arrays.

        Args:
            names: of each image.
            images: uint8 [height, width, 3] each, RGB, of any size.
            confidence: see `SCORE_CONFIDENCE`.

        Raises:
            ConfigurationError: not as many names as images, or too many.
            ImageError: one of them is no image.
        """
        if len(names) != len(images) or len(names) > MOST_ICONS:
            raise ConfigurationError(
                f"{len(names)} names for {len(images)} icons",
                f"Pass a name for each icon, {MOST_ICONS} at most.",
            )
        icons = as_icons(images)
        return cls(
            tuple(names),
            np.ascontiguousarray(icons[:, SHIFT:-SHIFT, SHIFT:-SHIFT].transpose(0, 3, 1, 2)),
            _coarse(icons),
            _histograms(icons),
            confidence,
        )

    @classmethod
    def load(
        cls,
        folder: Path | str,
        background: tuple[int, int, int] = (0, 0, 0),
        confidence: Logistic = SCORE_CONFIDENCE,
    ) -> IconTemplates:
        """References from a folder of images: an icon cache.

        A file's name without its ending is the icon's name, unless `icons.json` in the folder says
        which icon each file shows: `{"00f3.png": "Phaser Array"}`.

        Args:
            folder: of PNG, JPEG, WebP, BMP, GIF, PPM or TIFF files.
            background: what shows through transparent pixels, RGB.
            confidence: see `SCORE_CONFIDENCE`.

        Raises:
            ConfigurationError: no folder, no icons, or a damaged `icons.json`.
            ImageError: a file is no image.
        """
        folder = Path(folder)
        named = _named_files(folder)
        if not named:
            raise ConfigurationError(
                f"{folder} holds no icons", "Pass a folder with an image for each icon."
            )
        images = [_on_background(folder / file, background) for file in named]
        return cls.of(tuple(named.values()), images, confidence)

    def __len__(self) -> int:
        return len(self.names)

    def with_one(self, name: str, image: Images) -> IconTemplates:
        """With another reference."""
        return self._joined(IconTemplates.of([name], [image]))

    def without_oldest(self, most: int) -> IconTemplates:
        """With at most so many references, those that were added last."""
        if len(self) <= most:
            return self
        return IconTemplates(
            self.names[-most:],
            self.inner[-most:],
            self.coarse[-most:],
            self.histograms[-most:],
            self.confidence,
        )

    def nearest(self, icons: Images) -> NDArray[np.intp]:
        """The references that come nearest to each icon by a coarse look, the nearest first.

        Args:
            icons: uint8 [icons, SIDE, SIDE, 3], as `as_icons` gives them.

        Returns:
            Indices [icons, at most NEAREST].
        """
        scores = (1 - HISTOGRAM_WEIGHT) * (_coarse(icons) @ self.coarse.T)
        scores += HISTOGRAM_WEIGHT * (_histograms(icons) @ self.histograms.T)
        kept = min(NEAREST, len(self))
        found = np.argpartition(-scores, kept - 1, axis=1)[:, :kept]
        order = np.argsort(-np.take_along_axis(scores, found, axis=1), axis=1, kind="stable")
        return np.take_along_axis(found, order, axis=1)

    def match(self, icons: Images, nearest: NDArray[np.intp] | None = None) -> list[TemplateMatch]:
        """What each icon is most like.

        Args:
            icons: uint8 [icons, SIDE, SIDE, 3], as `as_icons` gives them.
            nearest: of `nearest`, where that is known.
        """
        if not len(self):
            return [TemplateMatch((), (), 0.0) for _ in icons]
        nearest = self.nearest(icons) if nearest is None else nearest
        histograms = _histograms(icons)
        return [
            self._match(icon, candidates, histogram)
            for icon, candidates, histogram in zip(icons, nearest, histograms)  # noqa: B905
        ]

    def fitted(self, images: Sequence[Images], names: Sequence[str]) -> IconTemplates:
        """With a confidence that fits these images: a few hundred crops that people confirmed.

        Args:
            images: uint8 [height, width, 3] each, RGB, of any size.
            names: what each shows, which need not be among the references.

        Raises:
            ConfigurationError: all of them are found rightly, or none: nothing can be learned.
        """
        found = self.match(as_icons(images))
        right = np.array([one.names[0] == name for one, name in zip(found, names)])  # noqa: B905
        if not len(right) or right.all() or not right.any():
            raise ConfigurationError(
                f"{int(right.sum())} of {len(right)} images are found rightly",
                "Pass more, among them icons that are hard or have no reference.",
            )
        values = np.array([(one.scores[0], one.lead) for one in found])
        return replace(self, confidence=Logistic.fit(values, right))

    def _match(
        self, icon: Images, candidates: NDArray[np.intp], histogram: Floats
    ) -> TemplateMatch:
        scores = (1 - HISTOGRAM_WEIGHT) * correlations(icon, self.inner[candidates]).max(axis=0)
        scores += HISTOGRAM_WEIGHT * (self.histograms[candidates] @ histogram)
        best: dict[str, float] = {}
        for place in np.argsort(-scores, kind="stable"):
            best.setdefault(self.names[int(candidates[place])], float(scores[place]))
        names, values = tuple(best), tuple(best.values())
        probability = self.confidence.probability((values[0], lead_of(values)))
        return TemplateMatch(names, values, probability)

    def _joined(self, others: IconTemplates) -> IconTemplates:
        return IconTemplates(
            self.names + others.names,
            np.concatenate([self.inner, others.inner]),
            np.concatenate([self.coarse, others.coarse]),
            np.concatenate([self.histograms, others.histograms]),
            self.confidence,
        )


def as_icons(images: Sequence[Images]) -> Images:
    """Images of any size at the size of comparison, uint8 [images, SIDE, SIDE, 3].

    Raises:
        ImageError: one of them is no RGB image.
    """
    icons = np.empty((len(images), SIDE, SIDE, 3), np.uint8)
    for place, image in zip(icons, images):  # noqa: B905
        place[:] = resized(load_frame(image).pixels, (SIDE, SIDE))
    return icons


def correlations(icon: Images, references: Images) -> Floats:
    """Normalised cross-correlation of references with an icon at every shift.

    As TM_CCOEFF_NORMED of OpenCV: means of each channel are taken away, lengths are over all.

    Args:
        icon: uint8 [SIDE, SIDE, 3].
        references: uint8 [references, 3, INNER, INNER].

    Returns:
        float32 [shifts, references], -1 to 1; 0 where one of the two is flat.
    """
    planes = icon.transpose(2, 0, 1).astype(np.float32)
    planes -= planes.mean(axis=(1, 2), keepdims=True)
    shifted = np.lib.stride_tricks.sliding_window_view(planes, (INNER, INNER), axis=(1, 2))
    windows = shifted.transpose(1, 2, 0, 3, 4).reshape((2 * SHIFT + 1) ** 2, 3, INNER**2)
    means = windows.mean(axis=2)
    energy = np.einsum("wcp,wcp->w", windows, windows) - INNER**2 * (means**2).sum(axis=1)
    templates = references.reshape(len(references), 3, INNER**2).astype(np.float32)
    templates -= templates.mean(axis=2, keepdims=True)
    lengths = np.sqrt(np.einsum("tcp,tcp->t", templates, templates))
    # Templates have no mean, so that of the windows changes nothing here.
    products = windows.reshape(len(windows), -1) @ templates.reshape(len(templates), -1).T
    window_lengths = np.sqrt(np.maximum(energy, 0))
    least = LEAST_CONTRAST * INNER * np.sqrt(3)
    flat = (window_lengths[:, None] < least) | (lengths[None] < least)
    with np.errstate(divide="ignore", invalid="ignore"):
        values = products / (window_lengths[:, None] * lengths[None])
    values[flat] = 0
    return np.asarray(np.clip(values, -1, 1), np.float32)


def _coarse(icons: Images) -> Floats:
    """Small icons without the mean of each channel, of length 1: float32 [icons, values]."""
    block = SIDE // COARSE
    # Sums of rows first: numpy adds whole rows of bytes faster than blocks of four.
    rows = icons.reshape(len(icons), COARSE, block, SIDE * 3).sum(axis=2, dtype=np.uint16)
    blocks = rows.reshape(len(icons), COARSE, COARSE, block, 3).sum(axis=3, dtype=np.uint16)
    small = blocks.astype(np.float32)
    small -= small.mean(axis=(1, 2), keepdims=True)
    flat = small.reshape(len(icons), COARSE * COARSE * 3)
    lengths = np.linalg.norm(flat, axis=1, keepdims=True)
    return np.asarray(flat / np.maximum(lengths, LEAST_CONTRAST * block**2), np.float32)


def _histograms(icons: Images) -> Floats:
    """Roots of the shares of colours in the middle of each icon: float32 [icons, bins]."""
    from PIL import Image

    bins = HUES * SATURATIONS * VALUES
    counts = np.empty((len(icons), bins), np.float32)
    table = _bins_of_colours()
    for place, icon in zip(counts, icons):  # noqa: B905
        inner = Image.fromarray(icon[SHIFT:-SHIFT, SHIFT:-SHIFT])
        hsv = np.asarray(inner.convert("HSV")).astype(np.intp)
        index = table[0][hsv[..., 0]] + table[1][hsv[..., 1]] + table[2][hsv[..., 2]]
        place[:] = np.bincount(index.ravel(), minlength=bins)
    smooth = np.maximum(counts @ _smoothing(), 0)
    shares = smooth / np.maximum(smooth.sum(axis=1, keepdims=True), 1)
    return np.asarray(np.sqrt(shares), np.float32)


@lru_cache(maxsize=1)
def _bins_of_colours() -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
    """What hue, saturation and value from 0 to 255 add to the number of a bin."""
    levels = np.arange(256)
    return (
        levels * HUES // 256 * (SATURATIONS * VALUES),
        levels * SATURATIONS // 256 * VALUES,
        levels * VALUES // 256,
    )


@lru_cache(maxsize=1)
def _smoothing() -> Floats:
    """Spreads each bin over its neighbours: a colour at the edge of a bin counts in both.

    Grey has no hue, so the lowest saturation is spread over all hues.
    """
    hue = _neighbours(HUES, around=True)
    others = np.kron(_neighbours(SATURATIONS), _neighbours(VALUES))
    spread = np.kron(hue, others).reshape(HUES, SATURATIONS, -1, HUES, SATURATIONS, VALUES)
    grey = spread[:, :1].sum(axis=3, keepdims=True) / HUES
    spread[:, :1] = grey
    bins = HUES * SATURATIONS * VALUES
    return np.asarray(spread.reshape(bins, bins), np.float32)


def _neighbours(count: int, *, around: bool = False) -> NDArray[np.float64]:
    """Half of a bin stays, a quarter goes to each side; at an end it stays too."""
    matrix = np.eye(count) / 2
    for side in (-1, 1):
        targets = np.arange(count) + side
        targets = targets % count if around else np.clip(targets, 0, count - 1)
        np.add.at(matrix, (np.arange(count), targets), 0.25)
    return matrix


def _named_files(folder: Path) -> dict[str, str]:
    """File names with the names of their icons, sorted by file."""
    if not folder.is_dir():
        raise ConfigurationError(f"there is no folder {folder}", "Check the path.")
    index = folder / ICONS_FILE
    if not index.is_file():
        endings = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".ppm", ".tif", ".tiff"}
        files = (file for file in folder.iterdir() if file.suffix.lower() in endings)
        return {file.name: file.stem for file in sorted(files)}
    try:
        values: Any = json.loads(index.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigurationError(f"{index} cannot be read: {error}", "Write it again.") from error
    if not isinstance(values, Mapping) or not all(
        isinstance(name, str) and name and Path(file).name == file for file, name in values.items()
    ):
        raise ConfigurationError(
            f"{index} does not say which icon each file shows",
            'Write {"file.png": "name of the icon"}; files lie in the same folder.',
        )
    return dict(sorted(values.items()))


def _on_background(file: Path, background: tuple[int, int, int]) -> Images:
    from PIL import Image

    try:
        with Image.open(file, formats=FORMATS) as opened:
            if opened.width * opened.height > (SIDE * 64) ** 2:
                raise ImageError(
                    f"{file} has {opened.width}x{opened.height} pixels: no icon is that large",
                    "Pass a folder of icons.",
                )
            image = opened.convert("RGBA")
    except ImageError:
        raise
    except Exception as error:
        # Pillow's readers raise whatever a damaged file makes them trip over.
        raise ImageError(
            f"{file} cannot be read as an icon: {error!s:.200}", "Remove it, or fetch it again."
        ) from error
    whole = Image.new("RGBA", image.size, (*background, 255))
    return Frame(np.asarray(Image.alpha_composite(whole, image).convert("RGB"))).pixels
