"""Layers of frames to one trimmed sprite."""

from __future__ import annotations

import numpy as np

from pipeline.formats.sld import PlacedLayer, SldFrame
from pipeline.sprites.compose import ComposedSprite, compose

HOTSPOT = (20, 30)


def image(x: int, y: int, width: int, height: int, colour: int = 200) -> PlacedLayer:
    pixels = np.full((height, width, 4), colour, np.uint8)
    pixels[..., 3] = 255
    return PlacedLayer(x, y, pixels)


def values(x: int, y: int, width: int, height: int, value: int = 255) -> PlacedLayer:
    return PlacedLayer(x, y, np.full((height, width), value, np.uint8))


def frame(**layers: PlacedLayer) -> SldFrame:
    return SldFrame(40, 40, HOTSPOT, **layers)


def composed(*frames: SldFrame) -> ComposedSprite:
    drawing = compose(frames)
    assert drawing is not None
    return drawing


def test_the_box_is_that_of_the_opaque_pixels() -> None:
    layer = image(8, 12, 8, 8)
    layer.pixels[:2] = 0
    layer.pixels[:, :3] = 0
    drawing = composed(frame(main=layer))
    assert drawing.rgba.shape == (6, 5, 4)
    assert drawing.hotspot == (20 - 11, 30 - 14)
    assert (drawing.rgba[..., 3] == 255).all()


def test_a_shadow_never_widens_the_box_and_lies_where_it_lay() -> None:
    drawing = composed(frame(main=image(10, 10, 4, 4), shadow=values(4, 12, 20, 8)))
    assert drawing.rgba.shape == (4, 4, 4)
    assert drawing.shadow is not None
    assert drawing.shadow.shape == (8, 20)
    assert drawing.shadow_offset == (-6, 2)


def test_an_empty_margin_of_the_shadow_is_trimmed() -> None:
    shadow = values(4, 12, 20, 8)
    shadow.pixels[:, :5] = 0
    drawing = composed(frame(main=image(10, 10, 4, 4), shadow=shadow))
    assert drawing.shadow is not None
    assert (drawing.shadow.shape, drawing.shadow_offset) == ((8, 15), (-1, 2))


def test_player_weights_lie_on_the_pixels_they_belong_to() -> None:
    drawing = composed(frame(main=image(10, 10, 4, 4), player=values(12, 8, 4, 4, 90)))
    assert drawing.player_weight is not None
    assert drawing.player_weight.tolist() == [[0, 0, 90, 90]] * 2 + [[0] * 4] * 2


def test_a_sprite_that_nobody_owns_has_no_weights() -> None:
    drawing = composed(frame(main=image(10, 10, 4, 4), player=values(10, 10, 4, 4, 0)))
    assert drawing.player_weight is None


def test_parts_meet_at_their_hotspots_and_cover_what_lies_below() -> None:
    hull = frame(main=image(18, 28, 8, 4, 100), player=values(18, 28, 8, 4))
    sail = SldFrame(90, 90, (50, 50), main=image(50, 40, 4, 10, 250))
    drawing = composed(hull, sail)
    assert drawing.rgba.shape == (12, 8, 4)
    assert drawing.hotspot == (2, 10)
    assert drawing.rgba[9, :, 0].tolist() == [100, 100, 250, 250, 250, 250, 100, 100]
    assert drawing.player_weight is not None
    assert drawing.player_weight[9].tolist() == [255, 255, 0, 0, 0, 0, 255, 255]


def test_the_darkest_of_several_shadows_counts() -> None:
    one = frame(main=image(10, 10, 4, 4), shadow=values(10, 10, 4, 4, 50))
    other = frame(shadow=values(12, 10, 4, 4, 90))
    drawing = composed(one, other)
    assert drawing.shadow is not None
    assert drawing.shadow[0].tolist() == [50, 50, 90, 90, 90, 90]


def test_what_lies_outside_of_the_canvas_is_left_out() -> None:
    drawing = composed(frame(main=image(36, 36, 12, 8)))
    assert drawing.rgba.shape == (4, 4, 4)


def test_nothing_opaque_makes_no_sprite() -> None:
    transparent = PlacedLayer(0, 0, np.zeros((4, 4, 4), np.uint8))
    for blank in (frame(main=transparent), frame(shadow=values(0, 0, 4, 4)), frame()):
        assert compose([blank]) is None
