"""What a training set says of the size at which objects are learned on it."""

from pathlib import Path

from detector_runtime.models.training_scale import TrainingScale
from PIL import Image

from pipeline.training.scale import listed_images, shrunk_frames, training_scale


def draw(folder: Path, sizes: dict[str, tuple[int, int]]) -> list[Path]:
    for name, size in sizes.items():
        Image.new("RGB", size).save(folder / name)
    return [folder / name for name in sizes]


def test_tiles_are_learned_at_the_scale_of_the_drawn_images(tmp_path: Path) -> None:
    images = draw(
        tmp_path,
        {
            "synth_0.png": (320, 256),
            "real_0.png": (1280, 720),
            "real_1.png": (1280, 720),
            "real_2.png": (300, 300),
        },
    )

    tiles = training_scale("tile", 160, images)

    assert tiles == TrainingScale("tile", 0.5, (320, 256))
    assert shrunk_frames(tiles, images) == (2, 4.0)
    assert training_scale("frame", 640, images) == TrainingScale("frame", 0.5, (1280, 720))


def test_most_images_decide_and_repetitions_do_not_count(tmp_path: Path) -> None:
    images = draw(
        tmp_path, {"synth_0.png": (64, 48), "synth_1.png": (64, 48), "synth_2.png": (96, 96)}
    )

    found = training_scale("tile", 64, [*images, *[images[-1]] * 9])

    assert found == TrainingScale("tile", 1.0, (64, 48))


def test_only_real_tiles_decide_among_themselves(tmp_path: Path) -> None:
    images = draw(tmp_path, {"real_0.png": (128, 128)})
    found = training_scale("tile", 128, images)
    assert found == TrainingScale("tile", 1.0, (128, 128))
    assert shrunk_frames(found, images) == (0, 1.0)


def test_what_is_no_image_says_nothing(tmp_path: Path) -> None:
    broken = tmp_path / "synth_0.png"
    broken.write_bytes(b"\x89PNG and no more")
    assert training_scale("frame", 640, [broken, tmp_path / "missing.png"]) is None
    assert listed_images(tmp_path) == []
    (tmp_path / "train.txt").write_text("./images/train/a.png\n\n")
    assert listed_images(tmp_path) == [tmp_path / "images" / "train" / "a.png"]
