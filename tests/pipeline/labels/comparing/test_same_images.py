from __future__ import annotations

import base64
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from pipeline.labels.comparing import compiled_loops
from pipeline.labels.comparing.same_images import same_images
from pipeline.labels.comparing.thumbnails import CELLS
from pipeline.labels.fingerprints import Fingerprint

GREY = np.random.default_rng(1).integers(20, 200, CELLS).astype(np.uint8)


def thumbnail(change: int = 0) -> str:
    cells = GREY.copy()
    cells[100] += change
    return base64.b64encode(cells.tobytes()).decode()


ONE = Fingerprint("f", "1" * 64, f"{5:016x}", thumbnail(), (64, 48), "a")


def test_the_same_bytes_are_the_same_image_whatever_they_are_called() -> None:
    other = replace(ONE, name="g", batch="b")
    alone = replace(ONE, sha256="3" * 64, phash="f" * 16)
    assert same_images([ONE, alone, other]) == ((0, 2),)


def test_frames_of_one_batch_are_left_alone() -> None:
    assert same_images([ONE, replace(ONE, name="g")]) == ()


def test_other_bytes_of_the_same_thumbnail_are_the_same_image() -> None:
    encoded = replace(ONE, sha256="2" * 64, batch="b", phash=f"{4:016x}", thumbnail=thumbnail(2))
    assert same_images([ONE, encoded]) == ((0, 1),)


def test_frames_of_one_batch_that_lie_near_do_not_connect_others() -> None:
    """Of a still camera: one of them is the same image as another batch's, its neighbour is not."""
    one = replace(ONE, thumbnail=thumbnail(2))
    neighbour = replace(ONE, name="g", sha256="2" * 64, thumbnail=thumbnail(4))
    encoded = replace(ONE, sha256="3" * 64, batch="b")
    assert same_images([one, neighbour, encoded]) == ((0, 2),)


def test_a_unit_that_took_a_step_makes_another_image() -> None:
    moved = replace(ONE, sha256="2" * 64, batch="b", thumbnail=thumbnail(8))
    assert same_images([ONE, moved]) == ()


def test_another_size_makes_another_image() -> None:
    smaller = replace(ONE, sha256="2" * 64, batch="b", size=(32, 24))
    assert same_images([ONE, smaller]) == ()


def test_without_thumbnails_only_the_same_bytes_are_the_same_image() -> None:
    old = replace(ONE, thumbnail="")
    others = [
        replace(old, sha256="2" * 64, batch="b"),
        replace(old, batch="c", name="g"),
    ]
    assert same_images([old, *others]) == ((0, 2),)


def test_where_little_is_seen_only_the_same_bytes_are_the_same_image() -> None:
    """A panel over black, unexplored ground: it is alike in all frames of a match."""
    dark = np.where(np.arange(CELLS) < CELLS - 5 * 32, 0, GREY).astype(np.uint8)
    panel = base64.b64encode(dark.tobytes()).decode()
    one = replace(ONE, thumbnail=panel)
    assert same_images([one, replace(one, sha256="2" * 64, batch="b")]) == ()
    assert same_images([one, replace(one, batch="b")]) == ((0, 1),)


def test_in_large_cells_a_unit_could_hide() -> None:
    for size, grey, same in (((1920, 1080), 2, True), ((2560, 1440), 2, False)):
        one = replace(ONE, size=size)
        other = replace(one, sha256="2" * 64, batch="b", thumbnail=thumbnail(grey))
        assert bool(same_images([one, other])) is same
    large = replace(ONE, size=(3840, 2160))
    assert same_images([large, replace(large, sha256="2" * 64, batch="b")]) == ()


def test_all_that_are_alike_in_one_batch_belong_to_the_image() -> None:
    still = [replace(ONE, sha256=f"{n}" * 64) for n in (2, 3)]
    other = replace(ONE, sha256="4" * 64, batch="b", thumbnail=thumbnail(1))
    assert same_images([*still, other]) == ((0, 1, 2),)


def test_a_camera_that_stands_still_is_compared_once(monkeypatch: pytest.MonkeyPatch) -> None:
    compared, same_pixels = [], compiled_loops.same_pixels

    def counted(*arguments: Any) -> Any:
        compared.append(len(arguments[0]))
        return same_pixels(*arguments)

    monkeypatch.setattr(compiled_loops, "same_pixels", counted)
    frames = [replace(ONE, sha256=f"{n:064x}", batch="ab"[n % 2]) for n in range(3000)]
    assert [len(group) for group in same_images(frames)] == [3000]
    assert compared == [2]
