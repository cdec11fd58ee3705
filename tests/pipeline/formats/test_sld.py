"""Reading and writing SLD files: what a sprite's frames hold, whatever the file's history."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.formats.sld import (
    LayerKind,
    PlacedLayer,
    SldError,
    SldFrame,
    decode,
    encode,
    plain_kernels,
)
from pipeline.formats.sld import decoder as sld_decoder
from pipeline.formats.sld.kernels import loops_of
from pipeline.formats.sld.structure import NONE_BEFORE, Layers, parse
from tests.pipeline.formats.comparing import agrees, same_frame
from tests.pipeline.formats.reference_sld import reference_frames
from tests.pipeline.formats.sld_builders import (
    FULL,
    GREEN,
    GREEN_PIXEL,
    RED,
    RED_PIXEL,
    animations,
    commands,
    header_size_of,
    main,
    outline,
    player,
    random_frame,
    shadow,
    sld,
)

HEADER_SIZES = (16, 14)
DELTA = 0x80


def corner(layer: PlacedLayer | None, block_x: int, block_y: int = 0) -> tuple[int, ...]:
    """The first pixel of a block."""
    assert layer is not None
    return tuple(layer.pixels[4 * block_y, 4 * block_x].tolist())


def on_canvas(layer: PlacedLayer | None) -> np.ndarray | None:
    """The layer on an ample canvas, so that layers in different boxes compare."""
    if layer is None:
        return None
    canvas = np.zeros((64, 160, *layer.pixels.shape[2:]), layer.pixels.dtype)
    canvas[layer.y : layer.y + layer.height, layer.x : layer.x + layer.width] = layer.pixels
    return canvas


class TestRoundTrip:
    @given(animations, st.sampled_from(HEADER_SIZES))
    @settings(deadline=None, max_examples=40)
    def test_places_and_shapes_survive(self, frames: list[SldFrame], header_size: int) -> None:
        data = encode(frames, header_size)
        assert header_size_of(data) == header_size
        decoded = decode(data)
        assert len(decoded.frames) == len(frames)
        assert decoded.warnings == ()
        for before, after in zip(frames, decoded.frames, strict=True):
            assert before.hotspot == after.hotspot
            assert (before.canvas_width, before.canvas_height) == (40, 36)
            for name in ("main", "damage"):
                old, new = on_canvas(getattr(before, name)), on_canvas(getattr(after, name))
                assert (old is None) == (new is None)
                if old is not None and new is not None:
                    assert np.array_equal(old[..., 3] >= 128, new[..., 3] == 255)
            old, new = on_canvas(before.outline), on_canvas(after.outline)
            assert (old is None) == (new is None)
            assert old is None or np.array_equal(old, new)

    @given(animations)
    @settings(deadline=None, max_examples=40)
    def test_a_frame_comes_back_the_same_alone_and_among_others(
        self, frames: list[SldFrame]
    ) -> None:
        together = decode(encode(frames)).frames
        uncleaned = decode(encode(frames), clear_stale=False).frames
        for frame, read, unclean in zip(frames, together, uncleaned, strict=True):
            alone = decode(encode([frame])).frames[0]
            assert same_frame(read, alone)
            assert same_frame(unclean, alone)

    @given(animations, st.sampled_from(HEADER_SIZES), st.booleans())
    @settings(deadline=None, max_examples=30)
    def test_the_reference_decoder_agrees(
        self, frames: list[SldFrame], header_size: int, clear_stale: bool
    ) -> None:
        data = encode(frames, header_size)
        read = decode(data, clear_stale=clear_stale).frames
        for frame, expected in zip(read, reference_frames(data, clear_stale), strict=True):
            assert agrees(frame, expected)

    @given(animations, st.data())
    @settings(deadline=None, max_examples=40)
    def test_chosen_frames_equal_those_of_a_full_reading(
        self, frames: list[SldFrame], data: st.DataObject
    ) -> None:
        read = decode(encode(frames)).frames
        everything = list(read)
        wanted = data.draw(st.lists(st.integers(0, len(frames) - 1), max_size=4))
        for index, frame in zip(wanted, read.select(wanted), strict=True):
            assert same_frame(frame, everything[index])

    @given(animations, st.sets(st.sampled_from(LayerKind)), st.booleans())
    @settings(deadline=None, max_examples=40)
    def test_chosen_layers_equal_those_of_a_full_reading(
        self, frames: list[SldFrame], layers: set[LayerKind], clear_stale: bool
    ) -> None:
        data = encode(frames)
        left_out = {kind.name.lower(): None for kind in LayerKind if kind not in layers}
        everything = decode(data, clear_stale=clear_stale).frames
        chosen = decode(data, layers=layers, clear_stale=clear_stale).frames
        for frame, part in zip(everything, chosen, strict=True):
            assert same_frame(part, replace(frame, **left_out))

    def test_the_same_frames_give_the_same_bytes(self) -> None:
        rng = np.random.default_rng(3)
        frames = [random_frame(rng, ("main", "shadow", "outline", "player")) for _ in range(4)]
        assert encode(frames) == encode(frames)

    def test_long_runs_of_blocks_need_several_commands(self) -> None:
        pixels = np.zeros((8, 2400, 4), np.uint8)
        pixels[4:, 1300:] = RED_PIXEL
        frame = SldFrame(2400, 8, (0, 0), PlacedLayer(0, 0, pixels))
        read = decode(encode([frame])).frames[0].main
        assert read is not None
        assert np.array_equal(read.pixels, pixels)


class TestDeltas:
    def test_a_still_image_is_stored_once_for_each_heading(self) -> None:
        frame = random_frame(np.random.default_rng(0), ("main", "shadow", "player"))
        structure = parse(encode([frame] * 48))
        drawn = structure.layers.drawn.reshape(48, 3)
        assert (drawn[::3] > 0).all()
        assert (drawn[1::3] == 0).all()

    @pytest.mark.parametrize("count", [32, 33])
    def test_every_heading_begins_without_looking_back(self, count: int) -> None:
        frame = random_frame(np.random.default_rng(0), ("main", "shadow"))
        layers = parse(encode([frame] * count)).layers
        key_frames = set(layers.frame[layers.inherits == NONE_BEFORE].tolist())
        assert key_frames == set(range(0, 32, 2))

    def test_a_skipped_block_shows_what_stood_there_on_the_canvas(self) -> None:
        data = sld(
            [main((0, 0, 12, 4), commands((0, 3), blocks=[RED, GREEN, RED]))],
            [main((4, 0, 16, 4), commands((3, 0)), DELTA)],
        )
        moved = decode(data).frames[1].main
        assert [corner(moved, i) for i in range(3)] == [GREEN_PIXEL, RED_PIXEL, (0, 0, 0, 0)]

    def test_without_the_delta_flag_a_skipped_block_is_transparent(self) -> None:
        data = sld(
            [shadow((0, 0, 4, 4), commands((0, 1), blocks=[FULL]), flags=1)],
            [shadow((0, 0, 4, 4), commands((1, 0)), flags=1)],
            [shadow((0, 0, 4, 4), commands((0, 1), blocks=[FULL]), flags=1)],
            [shadow((0, 0, 4, 4), commands((1, 0)), flags=1 | DELTA)],
        )
        values = [frame.shadow.pixels.max() for frame in decode(data).frames if frame.shadow]
        assert values == [255, 0, 255, 255]

    def test_it_looks_back_to_the_last_layer_of_its_kind_not_to_the_last_frame(self) -> None:
        data = sld(
            [main((0, 0, 4, 4), commands((0, 1), blocks=[RED]))],
            [shadow((0, 0, 4, 4), commands((0, 1), blocks=[FULL]))],
            [main((0, 0, 4, 4), commands((1, 0)), DELTA)],
        )
        assert corner(decode(data).frames[2].main, 0) == RED_PIXEL

    def test_what_the_commands_do_not_reach_is_transparent_and_inherits_nothing(self) -> None:
        data = sld(
            [main((0, 0, 12, 4), commands((0, 3), blocks=[RED] * 3))],
            [main((0, 0, 12, 4), commands((1, 1), blocks=[GREEN]), DELTA)],
        )
        layer = decode(data).frames[1].main
        assert [corner(layer, i) for i in range(3)] == [RED_PIXEL, GREEN_PIXEL, (0, 0, 0, 0)]

    def test_a_first_frame_marked_as_delta_has_nothing_to_look_back_to(self) -> None:
        data = sld([main((0, 0, 4, 4), commands((1, 0)), DELTA)])
        assert corner(decode(data).frames[0].main, 0) == (0, 0, 0, 0)

    def test_it_looks_back_beyond_any_number_of_frames_without_that_layer(self) -> None:
        wide = (0, 0, 1024, 1024)
        data = sld(
            [shadow((0, 0, 4, 4), commands((0, 1), blocks=[FULL]))],
            *[[main(wide, commands())]] * 4,
            [shadow((0, 0, 4, 4), commands((1, 0)), flags=1 | DELTA)],
        )
        last = list(decode(data).frames)[-1].shadow
        assert last is not None
        assert (last.pixels == 255).all()

    def test_long_chains_are_followed_without_recursion(self) -> None:
        first = [main((0, 0, 4, 4), commands((0, 1), blocks=[RED]))]
        data = sld(first, *[[main((0, 0, 4, 4), commands((1, 0)), DELTA)]] * 5_000)
        assert corner(decode(data).frames[5_000].main, 0) == RED_PIXEL


class TestCost:
    """What is asked for is what is worked on."""

    BOX = (0, 0, 8, 8)
    HEADINGS, STEPS = 16, 10

    @pytest.fixture
    def data(self) -> bytes:
        """Headings of ten steps; all but the first inherit half of their blocks."""
        first = [main(self.BOX, commands((0, 4), blocks=[RED] * 4))]
        further = [main(self.BOX, commands((2, 2), blocks=[GREEN] * 2), DELTA)]
        return sld(*([first] + [further] * (self.STEPS - 1)) * self.HEADINGS)

    @pytest.fixture
    def work(self, monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
        """How many layers were looked at, and how many blocks decoded."""
        done = {"layers": 0, "blocks": 0}
        read_commands, decode_blocks = (
            plain_kernels.command_bytes,
            plain_kernels.image_of_blocks,
        )

        def counting_layers(data: bytes, layers: Layers, chosen: np.ndarray) -> np.ndarray:
            done["layers"] += len(chosen)
            return read_commands(data, layers, chosen)

        def counting_blocks(codes: np.ndarray, columns: int, kind: Any) -> np.ndarray:
            done["blocks"] += len(codes)
            return decode_blocks(codes, columns, kind)

        plain = loops_of(plain_kernels)
        monkeypatch.setattr(sld_decoder, "loops_for", lambda _: plain)
        monkeypatch.setattr(plain_kernels, "command_bytes", counting_layers)
        monkeypatch.setattr(plain_kernels, "image_of_blocks", counting_blocks)
        return done

    def test_a_few_frames_cost_their_chains(self, data: bytes, work: dict[str, int]) -> None:
        file = decode(data)
        file.frames.select([file.frame_index(3, 4), file.frame_index(3, 6), 100])
        assert work == {"layers": 7 + 1, "blocks": 3 * 4}

    def test_all_frames_cost_each_layer_once(self, data: bytes, work: dict[str, int]) -> None:
        assert len(list(decode(data).frames)) == 160
        assert work == {"layers": 160, "blocks": 160 * 4}

    def test_layers_that_nobody_asks_for_cost_nothing(
        self, data: bytes, work: dict[str, int]
    ) -> None:
        assert len(list(decode(data, layers=[LayerKind.SHADOW]).frames)) == 160
        assert work == {"layers": 0, "blocks": 0}


class TestStalePixels:
    SOLID, EMPTY = b"\x81\xff\xff", b"\x01"

    def file(self) -> bytes:
        """Two blocks; the second frame inherits both, its outline covers the first one."""
        box = (0, 0, 8, 4)
        return sld(
            [main(box, commands((0, 2), blocks=[RED, RED])), outline([b"\x81\xff\xff\x01"])],
            [main(box, commands((2, 0)), DELTA), outline([self.SOLID + b"\x81\0\0"])],
            [main(box, commands((2, 0)), DELTA), outline([b"\x81\xff\xff\x01"])],
        )

    def test_inherited_pixels_that_the_outline_does_not_cover_are_cleared(self) -> None:
        layer = decode(self.file()).frames[1].main
        assert [corner(layer, i) for i in range(2)] == [RED_PIXEL, (0, 0, 0, 0)]

    def test_they_are_cleared_also_where_nobody_asked_for_the_outline(self) -> None:
        frame = decode(self.file(), layers=[LayerKind.MAIN]).frames[1]
        assert frame.outline is None
        assert corner(frame.main, 1) == (0, 0, 0, 0)

    def test_clearing_can_be_turned_off(self) -> None:
        layer = decode(self.file(), clear_stale=False).frames[1].main
        assert [corner(layer, i) for i in range(2)] == [RED_PIXEL, RED_PIXEL]

    def test_a_cleared_pixel_is_not_lost_to_the_frames_after(self) -> None:
        layer = decode(self.file()).frames[2].main
        assert [corner(layer, i) for i in range(2)] == [RED_PIXEL, RED_PIXEL]

    def test_drawn_pixels_stay_whatever_the_outline_says(self) -> None:
        data = sld([main((0, 0, 4, 4), commands((0, 1), blocks=[RED])), outline([self.EMPTY])])
        assert corner(decode(data).frames[0].main, 0) == RED_PIXEL


class TestOddFrames:
    @pytest.mark.parametrize("header_size", HEADER_SIZES)
    def test_layers_of_any_length_keep_both_headers_aligned(self, header_size: int) -> None:
        odd = shadow((0, 0, 8, 4), commands((1, 0), (0, 1), blocks=[FULL]))
        even = shadow((0, 0, 8, 4), commands((1, 1), blocks=[FULL]))
        file = decode(sld([odd], [even], [odd], header_size=header_size))
        assert file.warnings == ()
        assert [int(frame.shadow.pixels.sum()) for frame in file.frames if frame.shadow] == [
            255 * 16
        ] * 3

    def test_a_frame_may_have_a_shadow_alone(self) -> None:
        frame = decode(sld([shadow((4, 4, 8, 8), commands((0, 1), blocks=[FULL]))])).frames[0]
        assert frame.main is None
        assert frame.shadow is not None
        assert (frame.shadow.x, frame.shadow.y) == (4, 4)

    def test_layers_that_share_the_main_layers_box_are_nothing_without_it(self) -> None:
        frame = decode(sld([player(commands((0, 1), blocks=[FULL]))], [])).frames[0]
        assert (frame.main, frame.player) == (None, None)

    def test_a_box_may_stick_out_of_the_canvas(self) -> None:
        layer = decode(sld([main((12, 0, 24, 4), commands((0, 3), blocks=[RED] * 3))])).frames[0]
        assert layer.main is not None
        assert layer.main.x + layer.main.width > layer.canvas_width
        assert corner(layer.main, 2) == RED_PIXEL

    def test_bytes_after_the_last_frame_are_reported(self) -> None:
        assert decode(sld([]) + b"more").warnings == ("4 bytes follow the last frame",)

    def test_padding_that_is_not_zero_is_reported(self) -> None:
        data = bytearray(sld([shadow((0, 0, 8, 4), commands((1, 1), blocks=[FULL]))]))
        data[-1] = 7
        assert decode(bytes(data)).warnings == (
            "the shadow layer of frame 0 is followed by bytes other than zero",
        )


class TestHeadings:
    @pytest.mark.parametrize(
        ("count", "headings", "steps"), [(160, 16, 10), (161, 16, 10), (16, 16, 1), (10, 1, 10)]
    )
    def test_sixteen_headings_of_equal_length_and_perhaps_one_frame_more(
        self, count: int, headings: int, steps: int
    ) -> None:
        file = decode(sld(*[[]] * count))
        assert (file.headings, file.steps) == (headings, steps)
        assert file.frame_index(headings - 1, steps - 1) == headings * steps - 1

    def test_a_heading_or_step_beyond_the_last_is_refused(self) -> None:
        file = decode(sld(*[[]] * 32))
        for heading, step in [(16, 0), (0, 2), (-1, 0)]:
            with pytest.raises(SldError, match="headings below 16 and steps below 2"):
                file.frame_index(heading, step)

    def test_frames_are_counted_from_either_end(self) -> None:
        frames = decode(sld(*[[]] * 5)).frames
        assert (len(frames), frames[-1].canvas_width) == (5, 16)
        with pytest.raises(IndexError):
            frames[5]


class TestRefusedToWrite:
    FRAME = random_frame(np.random.default_rng(0))

    def test_no_frames_at_all(self) -> None:
        with pytest.raises(SldError, match="0 frames"):
            encode([])

    def test_an_unknown_header_size(self) -> None:
        with pytest.raises(SldError, match="size of 12"):
            encode([self.FRAME], 12)

    @pytest.mark.parametrize(
        "layer",
        [
            pytest.param(PlacedLayer(0, 0, np.zeros((4, 4), np.uint8)), id="no channels"),
            pytest.param(PlacedLayer(0, 0, np.zeros((4, 4, 4), np.float32)), id="floats"),
            pytest.param(PlacedLayer(-4, 0, np.zeros((4, 4, 4), np.uint8)), id="left of canvas"),
            pytest.param(PlacedLayer(4096, 0, np.zeros((4, 4, 4), np.uint8)), id="far right"),
        ],
    )
    def test_a_layer_that_does_not_fit(self, layer: PlacedLayer) -> None:
        with pytest.raises(SldError, match="main layer of frame 1"):
            encode([self.FRAME, replace(self.FRAME, main=layer)])

    def test_a_player_layer_without_a_main_layer(self) -> None:
        alone = random_frame(np.random.default_rng(0), ["player"])
        with pytest.raises(SldError, match="Frame 0 does not fit"):
            encode([alone])

    def test_a_hotspot_beyond_sixteen_bits(self) -> None:
        with pytest.raises(SldError, match="Frame 0"):
            encode([replace(self.FRAME, hotspot=(40_000, 0))])
