"""Frames as players take them: little explored, one panel in all of them, a camera that moves."""

from __future__ import annotations

import base64
import io
from functools import cache

import numpy as np
import numpy.typing as npt
import pytest
from detector_runtime.classify.hashes import hash_distances, perceptual_hash
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from pipeline.labels.comparing import compiled_loops
from pipeline.labels.comparing.thumbnails import (
    CELLS,
    COLUMNS,
    ROWS,
    decoded,
    interface_of,
    thumbnail_of,
)
from pipeline.labels.comparing.views import Views, seen_among
from pipeline.labels.fingerprints import Fingerprint

WIDTH, HEIGHT = 960, 540
Grey = npt.NDArray[np.uint8]


def noise(seed: int, shape: tuple[int, int], *cells: int) -> npt.NDArray[np.float64]:
    """Smooth noise: grey levels of as many sizes of patches as are given."""
    rng, (height, width) = np.random.default_rng([seed]), shape
    total = np.zeros(shape)
    for cell in cells:
        small = rng.normal(size=(height // cell + 2, width // cell + 2)).astype(np.float32)
        size = (small.shape[1] * cell, small.shape[0] * cell)
        total += np.asarray(Image.fromarray(small).resize(size, Image.Resampling.BICUBIC))[
            :height, :width
        ]
    return total


@cache
def terrain(seed: int) -> Grey:
    """Ground larger than a frame."""
    ground = 105 + 22 * noise(seed, (HEIGHT, WIDTH + 200), 150, 45, 12)
    return np.clip(ground, 9, 255).astype(np.uint8)


PANEL = np.clip(90 + 25 * noise(0, (HEIGHT, WIDTH), 30, 4), 9, 255).astype(np.uint8)


def frame(ground: Grey, explored: float, pan: int = 0) -> Image.Image:
    """A diamond of ground amid black, with a bar above and a panel below."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    away = np.abs(x - WIDTH / 2) / (WIDTH / 2) + np.abs(y - HEIGHT / 2) / (HEIGHT / 2)
    shown = np.where((away <= explored) | (explored >= 1), ground[:, pan : pan + WIDTH], 0)
    shown[:20], shown[-100:] = PANEL[:20], PANEL[-100:]
    return Image.fromarray(shown.astype(np.uint8))


def fingerprint(name: str, image: Image.Image) -> Fingerprint:
    content = image.tobytes().hex()[:64].ljust(64, name[0])
    size = (image.width, image.height)
    return Fingerprint(name, f"{name}{content}", perceptual_hash(image), thumbnail_of(image), size)


@pytest.mark.parametrize("explored", [0.25, 0.4, 0.6, 0.8, 1.0])
def test_different_ground_is_not_the_same_view(explored: float) -> None:
    prints = [fingerprint(str(n), frame(terrain(n), explored)) for n in range(1, 17)]
    hashes = [one.phash for one in prints]
    near = hash_distances(hashes, hashes)[np.triu_indices(len(prints), 1)] <= 10
    assert near.any() or explored > 0.4, "the hash alone must be taken in, or this tests nothing"
    assert len(set(Views.of(prints).groups().tolist())) == len(prints)


@pytest.mark.parametrize("explored", [0.6, 1.0])
@pytest.mark.parametrize("pan", [0, 8])
def test_the_same_ground_is_the_same_view(explored: float, pan: int) -> None:
    others = [fingerprint(f"o{n}", frame(terrain(n), explored)) for n in range(2, 10)]
    ground = terrain(1)
    here, there = frame(ground, explored), frame(ground, explored, pan)
    there.paste(200, (WIDTH // 2, HEIGHT // 2, WIDTH // 2 + 11, HEIGHT // 2 + 15))
    prints = [*others, fingerprint("here", here), fingerprint("there", there)]
    groups = Views.of(prints).groups().tolist()
    assert groups[-1] == groups[-2]
    assert len(set(groups)) == len(prints) - 1


def test_too_little_to_compare_confirms_nothing_but_the_same_bytes() -> None:
    image = frame(terrain(1), 0.25)
    one, other = fingerprint("a", image), fingerprint("b", image)
    others = [fingerprint(f"o{n}", frame(terrain(n), 0.25)) for n in range(2, 16)]
    assert len(set(Views.of([one, other, *others]).groups().tolist())) == 16
    same = Fingerprint("b", one.sha256, one.phash, one.thumbnail, one.size)
    assert len(set(Views.of([one, same, *others]).groups().tolist())) == 15


def test_a_camera_that_never_moves_shows_one_view() -> None:
    ground = terrain(1)
    prints = []
    for n in range(12):
        image = frame(ground, 1.0)
        image.paste(220, (60 * n + 20, 200, 60 * n + 40, 230))
        prints.append(fingerprint(str(n), image))
    assert len(set(Views.of(prints).groups().tolist())) == 1


def test_frames_without_a_thumbnail_are_compared_by_hash_alone() -> None:
    prints = [
        Fingerprint(str(n), str(n) * 64, perceptual_hash(frame(terrain(n), 0.25)))
        for n in range(1, 9)
    ]
    assert len(set(Views.of(prints).groups().tolist())) < len(prints)


def test_a_thumbnail_is_the_same_everywhere_and_leaves_out_black() -> None:
    ramp = np.add.outer(np.arange(180) % 120, np.arange(320) // 4 + 20).astype(np.uint8)
    ramp[:90] = 0
    cells = decoded([thumbnail_of(Image.fromarray(ramp))])[0]
    assert cells.shape == (ROWS, COLUMNS)
    assert not cells[:9].any()
    assert cells[9:].min() > 0
    assert cells[17, [0, 16, 31]].tolist() == [75, 115, 152]


def test_a_thumbnail_hardly_changes_with_the_encoding() -> None:
    image = frame(terrain(1), 1.0).convert("RGB")
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=90)
    one, other = decoded([thumbnail_of(image), thumbnail_of(Image.open(stream))]).astype(int)
    assert np.abs(one - other).max() <= 2


@pytest.mark.parametrize("thumbnail", ["", "no base64!", base64.b64encode(b"short").decode()])
def test_a_thumbnail_that_is_missing_or_damaged_shows_nothing(thumbnail: str) -> None:
    assert decoded([thumbnail]).tolist() == [[[0] * COLUMNS] * ROWS]


def test_the_interface_is_what_different_views_have_in_common() -> None:
    frames = [frame(terrain(n), 1.0) for n in range(1, 6)]
    hashes = [perceptual_hash(one) for one in frames]
    thumbnails = decoded([thumbnail_of(one) for one in frames])
    found = interface_of(thumbnails, hash_distances(hashes, hashes), 10)
    assert found[15:].all(), "the panel's rows"
    assert found[2:14].sum() < CELLS // 10, "the ground's"
    alone = interface_of(thumbnails[:1], hash_distances(hashes[:1], hashes[:1]), 10)
    assert not alone.any()


def test_with_the_fewest_cells_a_thumbnail_can_still_be_confirmed() -> None:
    from pipeline.labels.comparing import compiled_loops, thumbnails

    needed = [
        compiled_loops.SAME_VIEW + compiled_loops.CHANCE / cells
        for cells in (thumbnails.FEWEST_CELLS, thumbnails.FEWEST_CELLS - 2)
    ]
    assert needed[0] < 1 < needed[1]


def test_a_frame_is_seen_among_others_once() -> None:
    ground = [terrain(n) for n in range(1, 7)]
    trained = [fingerprint(f"t{n}", frame(one, 1.0)) for n, one in enumerate(ground)]
    judged = [
        fingerprint("j0", frame(ground[3], 1.0, 4)),
        fingerprint("j1", frame(terrain(9), 1.0)),
    ]
    both = Views.of([*trained, *judged])
    found = list(seen_among(both.part(6, 8), both.part(0, 6)))
    assert [(one, other) for one, other, _ in found] == [(0, 3)]


def test_views_are_connected_as_if_each_pair_were_looked_at() -> None:
    rng = np.random.default_rng(5)
    hashes = rng.integers(0, 2**64, 12, dtype=np.uint64)[rng.integers(0, 12, 90)]
    for _ in range(3):
        hashes ^= np.uint64(1) << rng.integers(0, 64, 90, dtype=np.uint64)
    ground = rng.integers(0, 256, (4, ROWS, COLUMNS))[rng.integers(0, 4, 90)]
    cells = np.clip(ground + rng.integers(-60, 60, ground.shape), 0, 255).astype(np.uint8)
    known = rng.random(90) < 0.9
    connected = compiled_loops.connected_views(hashes, cells, known, np.arange(90), 10)
    expected = np.arange(90)
    first, second = np.nonzero(np.bitwise_count(hashes[:, None] ^ hashes) <= 10)
    same = compiled_loops.same_views(cells, first, second) | ~(known[first] & known[second])
    for one, other in zip(first[same], second[same], strict=True):
        low, high = sorted((expected[one], expected[other]))
        expected[expected == high] = low
    assert connected.tolist() == expected.tolist()
    assert 12 < len(set(connected.tolist())) < 80


@given(st.integers(0, 30), st.integers(1, 30), st.integers(0, 2**31))
@settings(deadline=None)
def test_the_nearest_of_others_is_that_of_each_with_each(
    count: int, others: int, seed: int
) -> None:
    """Where nothing but hashes is known: the nearest, the first of equals."""
    rng = np.random.default_rng(seed)
    base = rng.integers(0, 2**64, 3, dtype=np.uint64)
    hashes, known = (base[rng.integers(0, 3, n)] for n in (count, others))
    for values in (hashes, known):
        for _ in range(6):
            values ^= np.uint64(1) << rng.integers(0, 64, len(values), dtype=np.uint64)
    cells = np.zeros((max(count, others), ROWS, COLUMNS), np.uint8)
    no = np.zeros(max(count, others), np.bool_)

    nearest, bits = compiled_loops.nearest_views(
        hashes, cells[:count], no[:count], known, cells[:others], no[:others], 10
    )

    apart = np.bitwise_count(hashes[:, None] ^ known[None, :])
    for one in range(count):
        least = int(apart[one].min())
        assert int(nearest[one]) == (int(apart[one].argmin()) if least <= 10 else -1)
        assert least > 10 or int(bits[one]) == least
