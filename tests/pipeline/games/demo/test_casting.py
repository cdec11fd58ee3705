import numpy as np
import pytest

from pipeline.demo_game.art.raycasting import Part, draw
from pipeline.demo_game.art.solids import Cone, ball, box
from pipeline.demo_game.art.surfaces import Material

GREY = Material((150, 150, 150))
CLOTH = Material((200, 200, 200), player=1.0)


def test_a_ball_is_drawn_round_and_stands_on_its_anchor() -> None:
    drawing = draw([Part(ball((0.0, 0.0, 10.0), 10.0), GREY)])
    height, width = drawing.mask.shape
    assert abs(width - 20) <= 1
    assert abs(height - 20) <= 1
    assert (drawing.mask == drawing.mask[:, ::-1]).mean() > 0.98
    x, y = drawing.hotspot
    assert x == pytest.approx(width / 2, abs=1)
    assert y == pytest.approx(height - 2, abs=1)


def test_alpha_is_one_bit_and_the_image_is_trimmed() -> None:
    drawing = draw([Part(box((3.0, 0.0, 4.0), (8.0, 5.0, 8.0)), GREY)], 30)
    assert set(np.unique(drawing.rgba[..., 3]).tolist()) <= {0, 255}
    for edge in (drawing.mask[0], drawing.mask[-1], drawing.mask[:, 0], drawing.mask[:, -1]):
        assert edge.any()
    assert (drawing.rgba[~drawing.mask] == 0).all()


@pytest.mark.parametrize(
    ("heading", "right", "down"), [(0, 1, 0), (90, 0, 1), (180, -1, 0), (270, 0, -1)]
)
def test_headings_turn_clockwise_from_east(heading: float, right: int, down: int) -> None:
    nose = draw([Part(ball((20.0, 0.0, 0.0), 3.0), GREY)], heading)
    middle_x = nose.mask.shape[1] / 2 - nose.hotspot[0]
    middle_y = nose.mask.shape[0] / 2 - nose.hotspot[1]
    assert middle_x == pytest.approx(20 * right, abs=1)
    assert middle_y == pytest.approx(12 * down, abs=1)


def test_a_pole_throws_its_shadow_to_the_right_and_away_from_the_viewer() -> None:
    pole = draw([Part(Cone((0.0, 0.0, 0.0), (0.0, 0.0, 30.0), 1.5, 1.5), GREY)])
    rows, columns = np.nonzero(pole.shadow > 128)
    x = columns.mean() + pole.shadow_offset[0] - pole.hotspot[0]
    y = rows.mean() + pole.shadow_offset[1] - pole.hotspot[1]
    assert x == pytest.approx(9, abs=1.5)
    assert y == pytest.approx(-4, abs=1.5)


def test_what_is_nearer_covers_what_is_behind() -> None:
    red, blue = Material((255, 0, 0), glow=1.0), Material((0, 0, 255), glow=1.0)
    behind, before = ball((0.0, -8.0, 8.0), 8.0), ball((0.0, 8.0, 8.0), 8.0)
    for parts in ([Part(behind, red), Part(before, blue)], [Part(before, blue), Part(behind, red)]):
        drawing = draw(parts)
        assert drawing.rgba[-8, drawing.mask.shape[1] // 2, 2] > 100


def test_the_players_area_is_weighed_only_where_it_is_seen() -> None:
    coat, hat = ball((0.0, 0.0, 6.0), 6.0), ball((0.0, 0.0, 15.0), 4.0)
    drawing = draw([Part(coat, CLOTH), Part(hat, GREY)])
    assert drawing.player[-4].max() == 255
    assert drawing.player[:3].max() == 0
    assert (drawing.player[~drawing.mask] == 0).all()


def test_the_same_model_gives_the_same_pixels() -> None:
    parts = [Part(box((0.0, 0.0, 5.0), (9.0, 7.0, 10.0)), GREY)]
    first, second = draw(parts, 22.5), draw(parts, 22.5)
    assert first.rgba.tobytes() == second.rgba.tobytes()
    assert first.shadow.tobytes() == second.shadow.tobytes()
