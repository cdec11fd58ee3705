"""The compiled loops and the plain ones: the same pixels, and the same errors."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.formats.sld import LayerKind, SldError, SldFrame, decode, encode, kernels
from pipeline.formats.sld import decoder as sld_decoder
from tests.pipeline.formats.comparing import digest_of_frames
from tests.pipeline.formats.conftest import WAYS, loops_called
from tests.pipeline.formats.mutation import mutants
from tests.pipeline.formats.sld_builders import animation, animations, commands, main, outline, sld

SOLID = b"\x81\xff\xff"
DELTA = 0x80
KINDS = st.sets(st.sampled_from(LayerKind))


def outcomes(
    data: bytes, layers: set[LayerKind] | None = None, *, clear_stale: bool = True
) -> list[str]:
    """What each way makes of a file: a digest of all frames, or the error's text."""
    return [_outcome(data, way, layers, clear_stale) for way in WAYS]


def _outcome(data: bytes, way: str, layers: set[LayerKind] | None, clear_stale: bool) -> str:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(sld_decoder, "loops_for", lambda _: loops_called(way))
        try:
            wanted = tuple(LayerKind) if layers is None else layers
            return digest_of_frames(decode(data, layers=wanted, clear_stale=clear_stale).frames)
        except SldError as error:
            return str(error)


@given(animations, KINDS, st.booleans())
@settings(deadline=None, max_examples=60)
def test_both_decode_the_same(
    frames: list[SldFrame], layers: set[LayerKind], clear_stale: bool
) -> None:
    one, other = outcomes(encode(frames), layers, clear_stale=clear_stale)
    assert one == other


def damaged_files() -> Iterator[bytes]:
    return mutants([encode(animation(seed, 17)) for seed in (1, 2)], 400, seed=3)


def test_both_say_the_same_of_damaged_files() -> None:
    read = [outcomes(data) for data in damaged_files()]
    assert all(one == other for one, other in read)
    assert 0 < sum("damaged" in one for one, _ in read) < len(read)


BLOCKS = st.lists(st.binary(min_size=8, max_size=8), min_size=6, max_size=6)
RUNS = st.tuples(st.sampled_from([(0, 6), (1, 2), (2, 4), (3, 0), (6, 0), (0, 0)]), BLOCKS)
ROW = st.lists(
    st.sampled_from([b"\x00", b"\x01", b"\x01", b"\x02", b"\x80", SOLID, b"\x82\x01\x00\xff\xff"]),
    max_size=4,
).map(b"".join)
CORNERS = st.tuples(st.sampled_from([0, 4, 8]), st.sampled_from([0, 4]))


@given(st.lists(st.tuples(CORNERS, RUNS, st.tuples(ROW, ROW)), min_size=2, max_size=4))
@settings(deadline=None, max_examples=120)
def test_boxes_that_move_and_rows_of_any_commands(
    frames: list[tuple[tuple[int, int], tuple[tuple[int, int], list[bytes]], tuple[bytes, bytes]]],
) -> None:
    """Blocks of all bits, inherited from boxes elsewhere, under outlines of which some are bad."""
    layers = [
        [
            main(
                (x, y, x + 12, y + 8),
                commands(run, blocks=blocks[: run[1]]),
                DELTA if number else 0,
            ),
            outline(list(rows)),
        ]
        for number, ((x, y), (run, blocks), rows) in enumerate(frames)
    ]
    for wanted in ({LayerKind.MAIN}, {LayerKind.MAIN, LayerKind.OUTLINE}):
        one, other = outcomes(sld(*layers), wanted)
        assert one == other


def test_every_block_has_the_pixels_that_pillow_gives_it() -> None:
    """All pairs of 64 random colours, and all pairs of the values that a BC4 block may end with."""
    rng = np.random.default_rng(5)
    colours = rng.integers(0, 1 << 16, 64).astype("<u2")
    ends = np.stack(np.meshgrid(colours, colours), axis=-1).reshape(-1, 2)
    indices = rng.integers(0, 1 << 32, len(ends), dtype=np.uint64).astype("<u4")
    blocks = np.concatenate((ends.view(np.uint8), indices.view(np.uint8).reshape(-1, 4)), axis=1)
    pairs = np.stack(np.meshgrid(np.arange(256), np.arange(256)), axis=-1).reshape(-1, 2)
    bits = rng.integers(0, 256, (len(pairs), 6))
    values = np.concatenate((pairs, bits), axis=1).astype(np.uint8)
    box = (0, 0, 256, 256)
    runs = [(0, 255)] * 16 + [(0, 16)]
    frames = [
        [
            main(box, commands(*runs, blocks=[blocks.tobytes()])),
            (16, b"\1\0" + commands(*runs, blocks=[values[part : part + 4096].tobytes()])),
        ]
        for part in range(0, len(values), 4096)
    ]
    one, other = outcomes(sld(*frames, canvas=(256, 256)))
    assert one == other
    assert "damaged" not in one


def test_a_process_changes_to_the_compiled_loops_when_it_has_done_much(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(kernels, "_blocks_done", 0)
    assert kernels.loops_for(1000) == kernels.PLAIN
    assert kernels.loops_for(kernels.WORTH_COMPILING - 1000) == kernels.PLAIN
    assert kernels.loops_for(1) == kernels.fastest_loops() != kernels.PLAIN
