"""Both conventions of a box, asked of the same images and detections."""

import json
from pathlib import Path

import pytest
from doubles.artifacts import write_set_summary

from pipeline.evaluation.frames import JudgedFrame
from pipeline.evaluation.matching import ScoredBox
from pipeline.evaluation.metrics.scores import EvaluationError, Judgement
from pipeline.evaluation.reports.conventions import labels_under, under_both
from pipeline.games.sections.scenes import LabelPolicy
from pipeline.labels.boxes import Box, LabelledBox
from pipeline.scenes.dataset.reader import read_scene
from pipeline.scenes.dataset.synthetic_set import SyntheticSet

NAMES = ("house", "tree")
FULL, HALF = [10, 10, 50, 50], [10, 10, 26, 50]
JUDGEMENT = Judgement(NAMES, (0.3, 0.3))


def recorded(folder: Path, number: int, *objects: dict) -> None:
    plain = {"class": "house", "covered_by": [], "dropped": None, "player": None, "sprite": "s"}
    plain |= {"scale": 1.0, "truncated_fraction": 0.0, "full": FULL, "visible": FULL}
    head = {"background": "b", "index": number, "kind": "land", "seed": 1, "zoom": 1.0}
    entries = [plain | {"visible_fraction": 1.0} | entry for entry in objects]
    (folder / "objects" / "train").mkdir(parents=True, exist_ok=True)
    (folder / "objects" / "train" / f"synth_{number:06d}.json").write_text(
        json.dumps(head | {"size": [100, 80], "objects": entries})
    )


@pytest.fixture
def drawn(tmp_path: Path) -> SyntheticSet:
    """An image with a house that is seen whole, and one with a house covered to three fifths."""
    recorded(tmp_path, 0, {})
    recorded(tmp_path, 1, {"visible": HALF, "visible_fraction": 0.4})
    write_set_summary(tmp_path, NAMES, images=2)
    return SyntheticSet.open(tmp_path)


def found(number: int, *corners: int) -> JudgedFrame:
    return JudgedFrame(f"synth_{number:06d}.jpg", (), (ScoredBox(0, 0.9, Box(*corners)),))


def test_a_detector_of_visible_boxes_misses_full_ones_and_the_reverse(drawn):
    for half, expected in (
        (HALF, {"visible": 1.0, "full": 0.5}),
        (FULL, {"visible": 0.5, "full": 1.0}),
    ):
        scores = under_both([found(0, *FULL), found(1, *half)], drawn, LabelPolicy(), JUDGEMENT)
        assert {name: score.micro.f1 for name, score in scores.items()} == expected
        assert {score.truths for score in scores.values()} == {2}


def test_the_truths_that_frames_bring_do_not_matter(drawn):
    brought = JudgedFrame(
        "synth_000000.jpg", (LabelledBox(1, Box(0, 0, 9, 9)),), found(0, *FULL).detections
    )
    assert under_both([brought], drawn, LabelPolicy(), JUDGEMENT)["visible"].micro.f1 == 1.0


def test_any_policy_makes_its_labels_of_one_record(tmp_path):
    hidden = {"visible": None, "visible_fraction": 0.0, "dropped": "hidden"}
    recorded(tmp_path, 0, {"visible": HALF, "visible_fraction": 0.4}, hidden, {"class": "tree"})
    scene = read_scene(tmp_path, "train", "synth_000000")
    half, full, tree = (LabelledBox(n, Box(*c)) for n, c in ((0, HALF), (0, FULL), (1, FULL)))
    assert labels_under(scene, LabelPolicy(), NAMES) == (half, tree)
    assert labels_under(scene, LabelPolicy(box="full"), NAMES) == (full, tree)
    assert labels_under(scene, LabelPolicy(min_visible=0.5), NAMES) == (tree,)
    assert labels_under(scene, LabelPolicy(min_side=20), NAMES) == (tree,)


def test_images_of_another_set_are_refused(drawn):
    with pytest.raises(EvaluationError, match="no record of synth_000007"):
        under_both([found(7, *FULL)], drawn, LabelPolicy(), JUDGEMENT)
    with pytest.raises(EvaluationError, match="no drawn image"):
        under_both([], drawn, LabelPolicy(), JUDGEMENT)
