"""The compiled loops and plain OpenCV: the same images and measures, to the last bit."""

import cv2
import numpy as np
import pytest
from doubles.sprites import cache_of
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.scenes.pixels import compiled_kernels
from pipeline.scenes.pixels import kernels as compiled_loops
from pipeline.scenes.pixels.atlas import plane_of, table_of, view_of
from pipeline.scenes.pixels.mipmaps import Pyramid, Scales, pyramid_of
from pipeline.scenes.pixels.prepared import PreparedSprite, numbers_of
from pipeline.scenes.planning.planner import plan
from pipeline.scenes.planning.rule_table import RuleTable
from pipeline.scenes.rendering import compositing, effects, overlays
from pipeline.scenes.rendering.renderer import draw
from pipeline.scenes.sources import catalogue as stock
from tests.pipeline.scenes import plain_kernels as plain_loops

WIDTH, HEIGHT = 70, 50
SIDES = st.tuples(st.integers(1, 40), st.integers(1, 40))
CORNERS = st.tuples(st.integers(-40, WIDTH + 5), st.integers(-40, HEIGHT + 5))


def sprites_of(placed, seed: int):
    """Premultiplied pixels with all kinds of alpha, some of them wholly opaque or transparent."""
    rng = np.random.default_rng(seed)
    table = table_of([(*size, *corner) for size, corner in placed])
    bgra = plane_of(table)
    alpha = rng.choice([0, 1, 127, 128, 200, 254, 255], bgra.shape[:2])
    bgra[..., 3] = alpha
    bgra[..., :3] = rng.integers(0, 256, (*alpha.shape, 3)) * alpha[..., None] // 255
    return bgra, table


@given(SIDES, st.booleans(), st.integers(0, 2**32))
@settings(deadline=None, max_examples=100)
def test_both_premultiply_the_same(size, with_weights, seed):
    rng = np.random.default_rng(seed)
    rgba = rng.integers(0, 256, (*size, 4), dtype=np.uint8)
    rgba[..., 3] |= rng.choice([0, 255], size).astype(np.uint8)
    weight = rng.integers(0, 256, size, dtype=np.uint8) & rng.choice([0, 255], size)
    weights = weight.astype(np.uint8) if with_weights else None
    plain, light = plain_loops.premultiply(rgba, weights)
    compiled, compiled_light = compiled_loops.premultiply(rgba, weights)
    assert np.array_equal(plain, compiled)
    assert (light is None) == (compiled_light is None) == (weights is None)
    assert light is None or np.array_equal(light, compiled_light)


def test_both_premultiply_every_alpha_colour_and_weight_the_same():
    numbers = np.arange(256, dtype=np.uint8)
    rgba = np.empty((256, 256, 4), np.uint8)
    rgba[..., 3] = numbers[:, None]
    for channel in range(3):
        rgba[..., channel] = np.roll(numbers, 50 * channel)
    for weight in (None, *numbers):
        weights = None if weight is None else np.full((256, 256), weight, np.uint8)
        plain, light = plain_loops.premultiply(rgba, weights)
        compiled, compiled_light = compiled_loops.premultiply(rgba, weights)
        assert np.array_equal(plain, compiled)
        assert light is None or np.array_equal(light, compiled_light)


@given(st.lists(st.tuples(SIDES, CORNERS), min_size=1, max_size=8), st.integers(0, 2**32))
@settings(deadline=None, max_examples=150)
def test_both_draw_and_measure_the_same(placed, seed):
    bgra, table = sprites_of(placed, seed)
    rng = np.random.default_rng(seed)
    ground = rng.integers(0, 256, (HEIGHT, WIDTH, 4), dtype=np.uint8)
    light = rng.integers(0, 256, bgra.shape[:2], dtype=np.uint8)
    tints = rng.integers(0, 256, (len(placed), 4), dtype=np.uint8) * rng.integers(
        0, 2, (len(placed), 1), dtype=np.uint8
    )
    opacity = int(rng.integers(256))
    patches = np.array([(*corner, *size) for size, corner in placed], np.int64)
    results = []
    for loops in (plain_loops, compiled_loops):
        image, ids = ground.copy(), np.zeros((HEIGHT, WIDTH), np.uint16)
        sprites = bgra.copy()
        loops.shade(image, view_of(light, table[0]), tuple(table[0, 3:].tolist()), opacity)
        loops.composite(image, ids, sprites, table)
        loops.fill(image, patches[::2], tints[::2].copy())
        ids[:10] = 0  # The interface.
        results.append((image, ids, sprites, loops.measure(ids, sprites, table)))
    for plain, compiled in zip(*results, strict=True):
        assert np.array_equal(plain, compiled)


OFFSETS = st.tuples(st.integers(-9, 9), st.integers(-9, 9))
PREPARED = st.tuples(SIDES, st.booleans(), st.booleans(), st.booleans(), OFFSETS)
"""Size; whether it has light, has a shadow, is somebody's; offset of the shadow."""


def prepared(
    rng: np.random.Generator, size: tuple[int, int], parts: tuple[bool, bool], offset
) -> PreparedSprite:
    """A sprite with all kinds of alpha, whose shadow has a size of its own."""
    scales = Scales(rng.uniform(0, 0.8), rng.uniform(0.1, 1.2))
    bgra = rng.integers(0, 256, (*size, 4), dtype=np.uint8) & rng.choice([0, 255], (*size, 1))
    light = rng.integers(0, 256, size, dtype=np.uint8)
    shadow = rng.integers(0, 256, (size[1], size[0]), dtype=np.uint8)
    with_light, with_shadow = parts
    return PreparedSprite(
        pyramid_of(bgra.astype(np.uint8), scales),
        pyramid_of(light, scales) if with_light else None,
        pyramid_of(shadow, scales) if with_shadow else None,
        offset,
    )


@given(
    st.lists(st.tuples(PREPARED, SIDES, CORNERS, st.just(0.0) | st.floats(0.1, 1.5)), max_size=5),
    st.integers(0, 2**32),
)
@settings(deadline=None, max_examples=150)
def test_both_bring_sprites_and_shadows_to_their_size(wanted, seed):
    rng = np.random.default_rng(seed)
    sprites = [prepared(rng, size, parts, offset) for (size, *parts, _, offset), *_ in wanted]
    numbers = numbers_of(sprites)
    table = table_of([(*size, *corner) for _, size, corner, _ in wanted])
    scales = np.array([scale for *_, scale in wanted])
    somebodys = np.array([[owned] for (*_, owned, _), *_ in wanted], np.uint8).reshape(-1, 1)
    tints = rng.integers(1, 256, (len(wanted), 4), dtype=np.uint8) * somebodys
    ground = rng.integers(0, 256, (HEIGHT, WIDTH, 4), dtype=np.uint8)
    results = []
    for loops in (plain_loops, compiled_loops):
        image, plane = ground.copy(), np.full_like(plane_of(table), 77)
        loops.draw_sprites(numbers, plane, table, tints)
        loops.cast_shadows(image, numbers, (table, scales), 150)
        results.append((plane, image))
    for plain, compiled in zip(*results, strict=True):
        assert np.array_equal(plain, compiled)


SIZES = st.tuples(st.integers(1, 150), st.integers(1, 150))
CHANNELS = pytest.mark.parametrize("channels", [(), (4,)])


def resized(pyramid: Pyramid, rows: int, columns: int):
    """What the compiled loop makes of a pyramid."""
    place, channels = np.array(pyramid.place, np.int64), pyramid.pixels.shape[1:]
    kind = np.uint32 if channels else np.uint8
    scratch = tuple(np.empty(pyramid.rows * columns, kind) for _ in range(2))
    out = np.empty(rows * columns, kind)
    compiled_kernels.resize(place, (rows, columns), scratch, out)
    return out.view(np.uint8).reshape(rows, columns, *channels)


@CHANNELS
@given(SIZES, SIZES, st.integers(0, 2**32))
@settings(deadline=None, max_examples=100)
def test_both_resize_the_same(channels, size, wanted, seed):
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 256, (*size, *channels), dtype=np.uint8)
    pyramid = pyramid_of(pixels, Scales(rng.uniform(0, 0.8), rng.uniform(0.1, 1.2)))
    place = np.array(pyramid.place, np.int64)
    plain = plain_loops.resized(place, *channels or (1,), wanted)
    assert np.array_equal(plain, resized(pyramid, *wanted))


@CHANNELS
@given(SIZES, st.floats(0.5, 1.6), st.floats(0.5, 1.6), st.integers(0, 2**32))
@settings(deadline=None, max_examples=60)
def test_resized_pixels_are_those_of_opencv_within_rounding(channels, size, tall, wide, seed):
    pixels = np.random.default_rng(seed).integers(0, 256, (*size, *channels), dtype=np.uint8)
    height, width = max(1, round(size[0] * tall)), max(1, round(size[1] * wide))
    pyramid = pyramid_of(pixels)
    place, count = np.array(pyramid.place), channels[0] if channels else 1
    level = np.ascontiguousarray(plain_loops.level_at(place, count, (height, width)))
    expected = cv2.resize(level, (width, height)).reshape(height, width, *channels)
    apart = resized(pyramid, height, width).astype(int) - expected
    assert np.abs(apart).max() <= 3
    assert abs(apart.mean()) < 1


@CHANNELS
@given(SIZES, st.floats(0.1, 1.0), st.floats(0.1, 1.0), st.floats(0.0, 1.0), st.integers(0, 2**32))
@settings(deadline=None, max_examples=60)
def test_levels_that_are_too_small_for_any_use_are_not_missed(channels, size, one, other, at, seed):
    pixels = np.random.default_rng(seed).integers(0, 256, (*size, *channels), dtype=np.uint8)
    smallest, largest = sorted((one, other))
    scale = smallest + at * (largest - smallest)
    wanted = max(1, round(size[0] * scale)), max(1, round(size[1] * scale))
    pyramids = [pyramid_of(pixels, Scales(least, largest)) for least in (0.0, smallest)]
    assert np.array_equal(*(resized(pyramid, *wanted) for pyramid in pyramids))


def test_pixels_at_their_own_size_stay_as_they_are():
    pixels = np.random.default_rng(0).integers(0, 256, (31, 45, 4), dtype=np.uint8)
    assert np.array_equal(resized(pyramid_of(pixels), 31, 45), pixels)


@given(st.lists(st.tuples(SIDES, CORNERS), min_size=1, max_size=6), st.integers(0, 2**32))
@settings(deadline=None, max_examples=60)
def test_measures_are_what_counting_pixels_one_by_one_gives(placed, seed):
    bgra, table = sprites_of(placed, seed)
    ids = np.random.default_rng(seed).integers(0, len(placed) + 2, (HEIGHT, WIDTH), dtype=np.uint16)
    measured = compiled_loops.measure(ids, bgra, table).tolist()
    for number, (row, (_, (left, top))) in enumerate(zip(table, placed, strict=True)):
        opaque = [
            (x + left, y + top) for y, x in np.argwhere(view_of(bgra, row)[..., 3] >= 128).tolist()
        ]
        inside = [(x, y) for x, y in opaque if 0 <= x < WIDTH and 0 <= y < HEIGHT]
        seen = [(x, y) for x, y in inside if ids[y, x] == number + 1]
        covered = [(x, y) for x, y in inside if ids[y, x] == 0]
        assert measured[number][:4] == [len(part) for part in (opaque, inside, seen, covered)]
        assert measured[number][4:] == [*box_of(inside), *box_of(seen)]


def box_of(points: list[tuple[int, int]]) -> list[int]:
    if not points:
        return [WIDTH, HEIGHT, 0, 0]
    x, y = zip(*points, strict=True)
    return [min(x), min(y), max(x) + 1, max(y) + 1]


def test_whole_scenes_look_the_same(pack, catalogue, sprites, grounds):
    rule_table = RuleTable(pack().scenes, catalogue)
    scenes = [plan(index, rule_table) for index in range(8)]
    compiled = [draw(scene, cache_of(sprites), grounds) for scene in scenes]
    with pytest.MonkeyPatch.context() as patch:
        for module in (stock, compositing, effects, overlays):
            names = {"premultiply", "draw_sprites", "cast_shadows", "shade", "composite", "fill"}
            for name in names & vars(module).keys():
                patch.setattr(module, name, getattr(plain_loops, name))
        plain = [draw(scene, cache_of(sprites), grounds) for scene in scenes]
    for one, other in zip(plain, compiled, strict=True):
        assert np.array_equal(one.image, other.image)
        assert np.array_equal(one.ids, other.ids)
