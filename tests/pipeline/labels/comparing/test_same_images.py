from __future__ import annotations

import base64
from dataclasses import replace

import numpy as np

from pipeline.labels.comparing.same_images import same_images
from pipeline.labels.comparing.thumbnails import CELLS
from pipeline.labels.fingerprints import Fingerprint

LOOK = np.random.default_rng(1).integers(20, 200, CELLS).astype(np.uint8)


def thumbnail(change: int = 0) -> str:
    cells = LOOK.copy()
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


def test_a_unit_that_took_a_step_makes_another_image() -> None:
    moved = replace(ONE, sha256="2" * 64, batch="b", thumbnail=thumbnail(8))
    assert same_images([ONE, moved]) == ()


def test_another_size_makes_another_image() -> None:
    smaller = replace(ONE, sha256="2" * 64, batch="b", size=(32, 24))
    assert same_images([ONE, smaller]) == ()


def test_without_thumbnails_the_name_must_be_the_same() -> None:
    old = replace(ONE, thumbnail="")
    others = [
        replace(old, sha256="2" * 64, batch="b", name="g"),
        replace(old, sha256="3" * 64, batch="c", phash=f"{0x3FF ^ 5:016x}"),
    ]
    assert same_images([old, *others]) == ((0, 2),)
