"""True labels of screenshots that were chosen: a whole export, in the batch's own names."""

from pathlib import Path

import pytest

from pipeline.demo_game.annotator import AskedFrame, UnknownScreenshotError, write_true_labels
from pipeline.demo_game.renderer import screenshot
from pipeline.games.pack import load_pack
from pipeline.labels.formats.coco import read_export

CLASSES = load_pack("demo").class_names
ASKED = (
    AskedFrame("coast_03.png", "coast_03.png", "default"),
    AskedFrame("evening_lagoon_01.png", "evening/lagoon_01.png", "Validation"),
)


def test_every_object_has_a_box_and_each_frame_its_subset(tmp_path: Path) -> None:
    write_true_labels(tmp_path / "b.zip", ASKED)
    batch = read_export(tmp_path / "b.zip", CLASSES)
    assert {frame.place for frame in batch.frames} == {
        "coast_03.png",
        "Validation/evening_lagoon_01.png",
    }
    seen = screenshot("coast", 3).objects
    [frame] = [one for one in batch.frames if one.name == "coast_03.png"]
    assert len(frame.boxes) == len(seen)
    assert sorted(box.class_id for box in frame.boxes) == sorted(
        CLASSES.index(one.class_name) for one in seen
    )
    assert batch.rejected == ()
    write_true_labels(tmp_path / "again.zip", ASKED)
    assert (tmp_path / "again.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


@pytest.mark.parametrize("source", ["mine.png", "coast_99.png", "nowhere_01.png", "coast_3.png"])
def test_other_screenshots_are_refused_and_nothing_is_written(tmp_path: Path, source: str) -> None:
    with pytest.raises(UnknownScreenshotError, match="is no screenshot that"):
        write_true_labels(tmp_path / "b.zip", [*ASKED[:1], AskedFrame("x.png", source, "default")])
    assert list(tmp_path.iterdir()) == []
