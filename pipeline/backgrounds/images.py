"""Backgrounds made from textures and hexes, written as JPEGs with an index."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from pipeline.backgrounds.hexes import HexGrid, HexImages, draw_map
from pipeline.backgrounds.shores import Shoreline, drawn_shoreline, joined
from pipeline.backgrounds.soften import Sampling, ground, laid_out, softened
from pipeline.backgrounds.textures import Kind, Pixels, Texture, choose_textures, one_by_weight
from pipeline.errors import OutpostError
from pipeline.files import read_json, write_json
from pipeline.games.pack import Surface, TerrainRules
from pipeline.progress import Report, silent, track

INDEX_FILE = "index.json"
JPEG_QUALITY = 95
HALF = (480, 200)
"""Width and height in pixels of one image in a comparison of samplings."""
SAMPLINGS: tuple[Sampling, ...] = ("stretched", "isometric")
STREAMS: dict[Kind, int] = {"land": 0, "water": 1, "shore": 2}
"""The kinds are drawn from different streams of one seed."""


class BackgroundSetError(OutpostError):
    """A folder that holds no set of backgrounds, or not all of it."""


@dataclass(frozen=True, eq=False)
class Background:
    """One image of ground; all but its pixels are fields of a `BackgroundEntry`."""

    id: str
    pixels: Pixels
    sources: tuple[str, ...]
    shore: Shoreline | None = None
    grid: HexGrid | None = None
    wading: tuple[tuple[int, int], ...] = ()


class BackgroundEntry(BaseModel):
    """One background in the index of its folder."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    kind: Kind
    file: str
    sources: tuple[str, ...] = Field(description="Textures, by file name without suffix.")
    seed: int
    shore: Shoreline | None = Field(None, description="Of a background of land and water.")
    grid: HexGrid | None = Field(None, description="Where its hexes lie.")
    wading: tuple[tuple[int, int], ...] = Field(
        (), description="Middles of hexes on land in which units stand deep."
    )


def make_background(
    index: int, kind: Kind, textures: Sequence[Texture], rules: TerrainRules, size: tuple[int, int]
) -> Background:
    """Background `index`: a pure function of its arguments, so that any process may make it.

    Args:
        kind: land or water.
        textures: the choice of that kind.
        size: width and height in pixels.

    Raises:
        DdsError: a texture has become unreadable since it was chosen.
    """
    rng = np.random.default_rng([rules.seed, STREAMS[kind], index])
    weights = np.array([texture.weight for texture in textures])
    count = 2 if rng.random() < rules.softening.blend_probability and len(textures) > 1 else 1
    chosen = rng.choice(len(textures), size=count, replace=False, p=weights / weights.sum())
    first, *rest = (textures[i] for i in chosen)
    read = first.read(), rest[0].read() if rest else None
    pixels = ground(read, size, rules.softening, rng, rules.sampling)
    names = tuple(texture.name for texture in (first, *rest))
    return Background(f"{kind}_{index:04d}", pixels, names)


def choose_shore_textures(
    files: Sequence[Path], rules: TerrainRules
) -> tuple[list[tuple[Texture, ...]], dict[str, str]]:
    """Choose the textures of land, beach and water.

    Returns:
        The choices in this order, and why each texture that none of them takes is left out.

    Raises:
        TextureError: nothing is left for one of the surfaces.
    """
    surfaces: tuple[Surface, ...] = ("land", "beach", "water")
    choices = [choose_textures(files, surface, rules) for surface in surfaces]
    unused = set.intersection(*(set(choice.left_out) for choice in choices))
    left_out = {name: choices[0].left_out[name] for name in sorted(unused)}
    return [choice.textures for choice in choices], left_out


def make_shore(
    index: int,
    textures: Sequence[Sequence[Texture]],
    rules: TerrainRules,
    size: tuple[int, int],
) -> Background:
    """Background `index` of land and water with a beach; pure, like `make_background`.

    Args:
        textures: the choices of land, beach and water.

    Raises:
        DdsError: a texture has become unreadable since it was chosen.
        ValueError: the rules have no shore.
    """
    if rules.shore is None:
        raise ValueError("the terrain rules have no shore")
    rng = np.random.default_rng([rules.seed, STREAMS["shore"], index])
    line = drawn_shoreline(size, rules.shore, rng)
    beach_width = float(rng.uniform(*rules.shore.beach_width)) * min(size)
    chosen = [one_by_weight(choice, rng) for choice in textures]
    land, beach, water = (
        laid_out(texture.read(), size, rules.softening, rng, rules.sampling) for texture in chosen
    )
    image = joined((land, beach, water), line.sides(*size), beach_width)
    pixels = softened(image, rules.softening, rng)
    names = tuple(texture.name for texture in chosen)
    return Background(f"shore_{index:04d}", pixels, names, line)


def make_hex_background(
    index: int, kind: Kind, images: HexImages, rules: TerrainRules, size: tuple[int, int]
) -> Background:
    """Background `index` of a game with hexes; pure, like `make_background`.

    It is a hex larger each way than asked for, so that scenes find hexes in every position.
    """
    rng = np.random.default_rng([rules.seed, STREAMS[kind], index])
    larger = (size[0] + 2 * images.hexes.column, size[1] + images.hexes.height)
    drawn = draw_map(kind, images, rules.shore, larger, rng)
    return Background(
        f"{kind}_{index:04d}", drawn.pixels, drawn.kinds, drawn.shore, drawn.grid, drawn.wading
    )


def write_backgrounds(
    folder: Path,
    kind: Kind,
    make: Callable[[int], Background],
    rules: TerrainRules,
    report: Report = silent,
) -> None:
    """Make and write the whole set of one kind, and its `index.json`.

    Args:
        folder: exists.
        make: background `index`, as the functions above do with all their other arguments.
    """
    # The same bytes on every machine: neither threads nor a processor's own code paths.
    cv2.setNumThreads(1)
    cv2.ipp.setUseIPP(False)
    shores = rules.shore.count if rules.shore is not None else 0
    count = {"land": rules.land_count, "water": rules.water_count, "shore": shores}[kind]
    entries = []
    for background in track(map(make, range(count)), count, f"{kind} backgrounds", report):
        file = f"{background.id}.jpg"
        (folder / file).write_bytes(_jpeg(background.pixels))
        facts = {name: fact for name, fact in vars(background).items() if name != "pixels"}
        entries.append(BackgroundEntry(kind=kind, file=file, seed=rules.seed, **facts))
    content = [entry.model_dump(mode="json", exclude_defaults=True) for entry in entries]
    write_json(folder / INDEX_FILE, content, ascii_only=True)


def read_index(folder: Path) -> tuple[BackgroundEntry, ...]:
    """The entries of a folder that `write_backgrounds` wrote.

    Raises:
        BackgroundSetError: there are none, or of another version.
    """
    return read_json(folder / INDEX_FILE, tuple[BackgroundEntry, ...], no_backgrounds)


def sampling_sheet(
    textures: Sequence[Texture], rules: TerrainRules, size: tuple[int, int], count: int = 4
) -> bytes:
    """A JPEG of the most used textures as both samplings lay them: stretched left, isometric right.

    Each half shows the middle of an image pixel by pixel, with the same softening.

    Raises:
        DdsError: a texture has become unreadable since it was chosen.
    """
    chosen = sorted(textures, key=lambda texture: -texture.weight)[:count]
    rows = [np.hstack(list(_both_samplings(texture, rules, size))) for texture in chosen]
    return _jpeg(np.vstack(rows))


def _both_samplings(
    texture: Texture, rules: TerrainRules, size: tuple[int, int]
) -> Iterator[Pixels]:
    pixels = texture.read()
    left, top = ((whole - min(part, whole)) // 2 for whole, part in zip(size, HALF, strict=True))
    for sampling in SAMPLINGS:
        rng = np.random.default_rng([rules.seed, 0])
        image = ground((pixels, None), size, rules.softening, rng, sampling)
        yield image[top : top + HALF[1], left : left + HALF[0]]


def no_backgrounds(file: Path, why: Exception) -> BackgroundSetError:
    """The error about a file without which a folder is no set of backgrounds."""
    return BackgroundSetError(
        f"{file.parent} is not a folder of backgrounds: {file.name}: {why}",
        "Materialize the backgrounds again: terrain_backgrounds, water_backgrounds or "
        "shore_backgrounds.",
    )


def _jpeg(pixels: Pixels) -> bytes:
    _, encoded = cv2.imencode(".jpg", pixels[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return encoded.tobytes()
