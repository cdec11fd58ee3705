"""Damaged and malicious files end in the reader's own error, soon, and in little memory."""

from __future__ import annotations

import struct
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.formats.sld import SldError, decode, encode, read_sld
from pipeline.formats.sld import reader as sld_reader
from pipeline.formats.sld.model import MAX_FILE_BYTES
from tests.pipeline.formats.mutation import mutants
from tests.pipeline.formats.sld_builders import (
    ALL_LAYERS,
    FULL,
    RED,
    animation,
    commands,
    main,
    outline,
    random_frame,
    shadow,
    sld,
)

pytestmark = pytest.mark.usefixtures("each_way")

REAL_FOLDER = Path(__file__).resolve().parents[3].parent / "shared" / "data" / "sld"
SECONDS = 10.0
"""Of the processor, so that a busy machine counts for nothing."""
MEMORY = 300 * 10**6
DELTA = 0x80

SOUND = sld([main((0, 0, 8, 4), commands((0, 2), blocks=[RED, RED])), outline([b"\x02"])])
LAYER_AT = 16 + 12
"""Where the first layer of SOUND begins."""


def with_bytes(data: bytes, at: int, change: bytes) -> bytes:
    return data[:at] + change + data[at + len(change) :]


def read_all(data: bytes) -> None:
    for _ in decode(data).frames:
        pass


class TestRefused:
    @pytest.mark.parametrize(
        ("data", "problem"),
        [
            pytest.param(b"", "not an SLD file", id="empty"),
            pytest.param(b"SMPX" + SOUND[4:], "not an SLD file", id="another format"),
            pytest.param(with_bytes(SOUND, 4, b"\x05\0"), "version 5", id="version"),
            pytest.param(with_bytes(SOUND, 6, b"\0\0"), "no frames", id="no frames"),
            pytest.param(with_bytes(SOUND, 6, b"\xff\xff"), "65535 frames", id="many frames"),
            pytest.param(with_bytes(SOUND, 6, b"\x02\0"), "ends within frame 1", id="cut off"),
            pytest.param(with_bytes(SOUND, 10, b"\x12\0"), "claims 18 bytes", id="header size"),
            pytest.param(with_bytes(SOUND, 16, b"\x01\x10"), "frame 0 is 4097x16", id="canvas"),
            pytest.param(with_bytes(SOUND, 24, b"\x21"), "unknown layers", id="layer mask"),
            pytest.param(with_bytes(SOUND, LAYER_AT, bytes(4)), "claims 0 bytes", id="length 0"),
            pytest.param(
                with_bytes(SOUND, LAYER_AT, b"\xff\xff\0\0"), "claims 65535 bytes", id="length"
            ),
            pytest.param(with_bytes(SOUND, LAYER_AT + 8, b"\x06\0"), "has the box", id="odd box"),
            pytest.param(
                with_bytes(SOUND, LAYER_AT + 4, b"\x0c\0"), "has the box", id="box inside out"
            ),
            pytest.param(
                with_bytes(SOUND, LAYER_AT + 8, b"\xf0\xff"), "beyond 4096", id="box far away"
            ),
            pytest.param(
                with_bytes(SOUND, LAYER_AT + 14, b"\xff\0"), "more commands", id="command count"
            ),
            pytest.param(
                with_bytes(SOUND, LAYER_AT + 16, b"\x01"), "more blocks than", id="too many blocks"
            ),
            pytest.param(
                sld([main((0, 0, 8, 4), commands((0, 2), blocks=[RED]))]),
                "ends within its blocks",
                id="blocks cut off",
            ),
        ],
    )
    def test_with_what_is_wrong(self, data: bytes, problem: str) -> None:
        with pytest.raises(SldError, match=problem):
            read_all(data)

    def test_the_zero_tail_of_a_file_that_was_not_written_to_its_end(self) -> None:
        frames = animation(5, 32)
        data = encode(frames)
        half = len(data) // 2
        with pytest.raises(SldError, match="damaged"):
            read_all(data[:half] + bytes(len(data) - half))

    def test_a_file_beyond_the_limit_before_it_is_read(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sld_reader, "MAX_FILE_BYTES", 10)
        path = tmp_path / "large.sld"
        path.write_bytes(SOUND)
        with pytest.raises(SldError, match="more than 10"):
            read_sld(path)

    def test_more_blocks_than_a_frame_may_hold(self) -> None:
        box = (0, 0, 4096, 4096)
        layers = [main(box, commands()), shadow(box, commands()), (8, b"\0\0" + commands())]
        with pytest.raises(SldError, match="frame 0 covers more than"):
            read_all(sld(layers))

    def test_more_blocks_than_a_file_may_hold(self) -> None:
        frame = [main((0, 0, 4096, 4096), commands())]
        with pytest.raises(SldError, match="layers cover more than"):
            read_all(sld(*[frame] * 65))


def test_the_largest_file_stays_within_memory() -> None:
    """Nearly 64 MiB of frames of 16 megapixels, image and damage, of which all is drawn, and
    then one that inherits all of it."""
    blocks = 1 << 19
    everything = [(0, 255)] * (blocks // 255) + [(0, blocks % 255)]
    nothing = [(255, 0)] * (blocks // 255) + [(blocks % 255, 0)]
    drawn = commands(*everything, blocks=[RED * blocks])
    whole = [main((0, 0, 4096, 2048), drawn), (8, b"\0\0" + drawn)]
    inherited = commands(*nothing)
    rest = [main((0, 0, 4096, 2048), inherited, DELTA), (8, bytes((DELTA, 0)) + inherited)]
    data = sld(*[whole] * 7, rest, canvas=(4096, 2048))
    assert 56 << 20 < len(data) <= MAX_FILE_BYTES
    tracemalloc.start()
    try:
        read_all(data)
        peak = len(data) + tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < MEMORY


def generated_seeds() -> list[bytes]:
    rng = np.random.default_rng(0)
    alone = [random_frame(rng, ALL_LAYERS), random_frame(rng, ("main", "outline", "player"))]
    animations = [animation(seed, count) for seed, count in ((1, 3), (2, 5), (3, 17))]
    frames = [[frame] for frame in alone] + animations
    return [SOUND, *(encode(some, size) for some in frames for size in (16, 14))]


def real_seeds() -> list[bytes]:
    """The small real files whole; of the long one, the first frames under a smaller count."""
    if not REAL_FOLDER.is_dir():
        return []
    seeds = [path.read_bytes() for path in sorted(REAL_FOLDER.glob("*.sld"))]
    return [
        with_bytes(data[:20_000], 6, struct.pack("<H", 20)) if len(data) > 500_000 else data
        for data in seeds
    ]


def survive(inputs: Iterator[bytes]) -> int:
    """Read everything; returns how many were sound."""
    sound = 0
    for data in inputs:
        began = time.thread_time()
        try:
            read_all(data)
            sound += 1
        except SldError:
            pass
        assert time.thread_time() - began < SECONDS, data[:64].hex()
    return sound


def test_mutated_files_raise_the_readers_own_error_or_none() -> None:
    sound = survive(mutants(generated_seeds() + real_seeds(), 3_000, seed=1))
    assert 0 < sound < 3_000


@pytest.mark.exhaustive
@pytest.mark.timeout(3600)
def test_a_hundred_thousand_mutated_files() -> None:
    tracemalloc.start()
    try:
        survive(mutants(generated_seeds() + real_seeds(), 100_000, seed=2))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < MEMORY


@given(st.binary(max_size=300))
@settings(deadline=None, max_examples=200)
def test_noise_behind_a_sound_header_is_refused_or_read(noise: bytes) -> None:
    survive(iter([SOUND[:LAYER_AT] + noise]))


@given(st.integers(0, len(SOUND) - 1))
@settings(deadline=None, max_examples=50)
def test_a_file_cut_off_anywhere_is_refused(length: int) -> None:
    # Only the padding after the last layer may be missing.
    cut = SOUND[:length]
    if cut + bytes(len(SOUND) - length) != SOUND or length < len(SOUND) - 3:
        with pytest.raises(SldError):
            read_all(cut)


def test_full_blocks_of_a_shadow_survive_the_builders() -> None:
    """The builders themselves make sound files: otherwise all tests here would pass vacuously."""
    frame = decode(sld([shadow((0, 0, 4, 4), commands((0, 1), blocks=[FULL]))])).frames[0]
    assert frame.shadow is not None
    assert (frame.shadow.pixels == 255).all()
    read_all(SOUND)
