"""Rules at their limits: a set is drawn and sound, or the rules are refused with what to do."""

import pytest

from pipeline.scenes.dataset.checks import label_problems, scene_separation_problems
from pipeline.scenes.dataset.synthetic_set import SyntheticSet
from pipeline.scenes.dataset.writer import write_set

EVERYTHING_COVERED = {
    "selection": {"chance": 1.0},
    "health_bar": {"chance": 1.0},
    "hud": 1.0,
    "resource_bar": {"chance": 1.0},
    "minimap": {"chance": 1.0},
    "command_panel": {"chance": 1.0},
    "fog": {"chance": 1.0, "corners": (4, 4), "banks": (3, 3)},
}
ONE_CLASS = [{"class_name": "soldier", "count": (3, 3)}]
SWIMMERS = [{"class_name": "boat", "count": (1, 3)}, {"class_name": "fish", "count": (1, 3)}]
HARD_LIGHT = {
    "times": [{"name": "odd", "factor": (4, 0, 1), "add": (-255, 255, 0)}],
    "brightness": (0.0, 4.0),
    "temperature": 1.0,
    "temperature_range": (-1.0, 1.0),
    "vignette": 1.0,
    "vignette_darkness": (1.0, 1.0),
}
LARGE = {
    "width": 64,
    "zoom": (4.0, 4.0),
    "placements": [{"class_name": "house", "count": (1, 1), "cut": 0.9, "max_overlap": 1.0}],
    # An image shows a quarter of the house.
    "labels": {"min_visible": 0.05},
}


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"images": 1}, id="one image"),
        pytest.param({"images": 1, "train_fraction": 0.0}, id="one, to validate"),
        pytest.param({"width": 64, "height": 64}, id="tiny"),
        pytest.param({"width": 64, "height": 64, "overlays": EVERYTHING_COVERED}, id="tiny, full"),
        pytest.param(LARGE, id="larger than it"),
        pytest.param({"placements": ONE_CLASS, "water_fraction": 0.0}, id="one class"),
        pytest.param({"placements": SWIMMERS, "water_fraction": 1.0}, id="water alone"),
        pytest.param({"light": HARD_LIGHT}, id="light"),
        pytest.param({"labels": {"min_visible": 1.0}}, id="whole things alone"),
        pytest.param({"labels": {"min_visible": 0.0, "min_side": 1}}, id="the last pixel"),
        pytest.param({"seed": 2**70}, id="seed"),
    ],
)
def test_rules_at_their_limits_make_sound_sets(changes, pack, sources, tmp_path):
    game = pack(**{"images": 5, **changes})
    summary = write_set(tmp_path, game, sources)
    assert summary.images == len(list(tmp_path.rglob("*.jpg")))
    assert sum(summary.counts.values()) > 0
    assert label_problems(SyntheticSet.open(tmp_path), game) == ()
    assert scene_separation_problems(SyntheticSet.open(tmp_path), game) == ()


def test_sprites_that_have_no_room_anywhere_are_told(pack, sources, tmp_path):
    """Nothing is drawn, and the check of the labels says so before anybody trains on it."""
    game = pack(images=3, width=64, height=64, zoom=(8.0, 8.0))
    assert write_set(tmp_path, game, sources).dropped == {}
    [finding] = label_problems(SyntheticSet.open(tmp_path), game)
    assert "there is no label in the whole set" in str(finding)


def test_folders_of_another_size_of_scene_are_refused(pack, sources, tmp_path):
    with pytest.raises(Exception, match=r"a scene 4000 x 4000\.\s+What to do: Materialize"):
        write_set(tmp_path, pack(width=4000, height=4000), sources)
