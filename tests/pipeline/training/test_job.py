"""A job says everything that a host must know, and refuses what no host could do."""

import json
from pathlib import Path

import pytest

from pipeline.labels.merge import REAL_PREFIX
from pipeline.training.detector_program.constants import PREFIXES
from pipeline.training.job import (
    HyperparameterError,
    Hyperparameters,
    ImageOrigin,
    JobError,
    JobStage,
    TrainingSpec,
    TrainingStage,
    hyperparameters,
    read_job,
    two_stages,
    write_job,
)

CLASSES = ("knight", "sheep")


@pytest.fixture
def training_set(tmp_path: Path) -> Path:
    folder = tmp_path / "set"
    (folder / "images" / "train").mkdir(parents=True)
    (folder / "images" / "train" / "a.jpg").write_bytes(b"image")
    for name in ("train.txt", "val.txt"):
        (folder / name).write_text("./images/train/a.jpg\n", encoding="utf-8")
    return folder


def spec(**changes: object) -> TrainingSpec:
    return TrainingSpec.model_validate({"game": "demo", "class_names": CLASSES, **changes})


def test_the_program_knows_real_images_by_the_prefix_that_the_merge_gives_them() -> None:
    """It travels to hosts without the rest of Outpost."""
    assert PREFIXES[ImageOrigin.REAL] == REAL_PREFIX


def test_the_defaults_are_those_of_the_runbook() -> None:
    chosen = Hyperparameters()

    assert (chosen.epochs, chosen.imgsz, chosen.batch) == (150, 640, 32)
    assert (chosen.patience, chosen.workers, chosen.seed) == (20, 8, 42)
    assert (chosen.mosaic, chosen.mixup, chosen.degrees, chosen.scale) == (1.0, 0.1, 10.0, 0.5)
    assert (chosen.flipud, chosen.fliplr, chosen.translate) == (0.0, 0.5, 0.1)
    assert (chosen.hsv_h, chosen.hsv_s, chosen.hsv_v) == (0.015, 0.7, 0.4)


def test_later_overrides_win() -> None:
    chosen = hyperparameters({"epochs": 9, "batch": 8}, {"epochs": 3})

    assert (chosen.epochs, chosen.batch) == (3, 8)


def test_a_misspelt_hyperparameter_is_refused_with_the_name_that_was_meant() -> None:
    with pytest.raises(HyperparameterError, match="no hyperparameter 'epoch'") as caught:
        hyperparameters({"epoch": 3})

    assert "epochs" in caught.value.fix


@pytest.mark.parametrize(
    ("name", "value"),
    [("epochs", 0), ("imgsz", 96), ("imgsz", 330), ("mixup", 1.5), ("optimizer", "best")],
)
def test_an_impossible_value_is_refused_by_name(name: str, value: object) -> None:
    with pytest.raises(HyperparameterError, match=f"'{name}' cannot be"):
        hyperparameters({name: value})


def test_a_written_job_reads_back_and_carries_its_program(
    tmp_path: Path, training_set: Path
) -> None:
    wanted = spec(lineage={"run_id": "1"}, hyperparameters={"epochs": 2})

    file = write_job(tmp_path / "job", wanted, training_set)

    assert read_job(file) == wanted
    assert (tmp_path / "job" / "program.pyz").is_file()
    assert (tmp_path / "job" / "data" / "images" / "train" / "a.jpg").read_bytes() == b"image"


def test_a_job_holds_no_path_of_the_machine_that_wrote_it(
    tmp_path: Path, training_set: Path
) -> None:
    text = write_job(tmp_path / "job", spec(), training_set).read_text(encoding="utf-8")

    assert str(tmp_path) not in text


def test_the_training_set_is_linked_and_new_files_stay_out_of_it(
    tmp_path: Path, training_set: Path
) -> None:
    write_job(tmp_path / "job", spec(), training_set)
    data = tmp_path / "job" / "data"

    (data / "labels.cache").write_bytes(b"written by ultralytics")

    image = "images/train/a.jpg"
    assert (data / image).samefile(training_set / image)
    assert not (training_set / "labels.cache").exists()


def test_training_without_a_validation_list_is_refused(tmp_path: Path, training_set: Path) -> None:
    (training_set / "val.txt").write_text("\n", encoding="utf-8")

    with pytest.raises(JobError, match=r"val\.txt .* lists no image"):
        write_job(tmp_path / "job", spec(), training_set)


def test_training_without_a_training_set_is_refused(tmp_path: Path) -> None:
    with pytest.raises(JobError, match=r"has no train\.txt"):
        write_job(tmp_path / "job", spec())


def test_exporting_alone_needs_weights(tmp_path: Path) -> None:
    with pytest.raises(JobError, match="needs the weights"):
        write_job(tmp_path / "job", spec(stages=[JobStage.EXPORT]))


def test_a_folder_that_holds_something_is_not_used(tmp_path: Path, training_set: Path) -> None:
    (tmp_path / "job").mkdir()
    (tmp_path / "job" / "old.pt").write_bytes(b"")

    with pytest.raises(JobError, match="not empty"):
        write_job(tmp_path / "job", spec(), training_set)


def test_stages_keep_their_order() -> None:
    with pytest.raises(ValueError, match="in the order"):
        spec(stages=["export", "train"])


def test_weights_cannot_point_out_of_the_folder() -> None:
    with pytest.raises(ValueError, match="weights"):
        spec(weights="../../secret.pt")


def test_the_written_job_is_plain_json_that_any_python_reads(
    tmp_path: Path, training_set: Path
) -> None:
    content = json.loads(write_job(tmp_path / "job", spec(), training_set).read_text("utf-8"))

    assert content["stages"] == ["train", "export"]
    assert content["class_names"] == list(CLASSES)


def test_a_job_trains_once_unless_it_says_otherwise() -> None:
    assert [stage.name for stage in spec().training] == ["train"]


def test_two_stages_go_from_synthetic_images_to_real_ones() -> None:
    staged = spec(
        hyperparameters={"epochs": 9, "imgsz": 320},
        training=two_stages(finetuning={"epochs": 3, "imgsz": 640}),
    )
    pretrain, finetune = staged.training

    assert (pretrain.train_on, finetune.train_on) == (ImageOrigin.SYNTHETIC, ImageOrigin.REAL)
    assert staged.hyperparameters_of(pretrain).epochs == 9
    assert staged.hyperparameters_of(finetune).epochs == 3
    assert staged.hyperparameters_of(finetune).lr0 < staged.hyperparameters_of(pretrain).lr0
    assert staged.imgsz == 640, "the shipped model works as it was trained last"


def test_a_misspelt_hyperparameter_of_a_stage_is_refused() -> None:
    with pytest.raises(HyperparameterError, match="no hyperparameter 'epoch'"):
        spec(training=two_stages(finetuning={"epoch": 3}))


@pytest.mark.parametrize("names", [("a", "a"), ("best",), ("checkpoint", "b")])
def test_stages_of_training_have_names_of_their_own(names: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="a name of its own"):
        spec(training=[TrainingStage(name=name) for name in names])


def test_a_stage_without_images_is_refused_by_its_name(tmp_path: Path, training_set: Path) -> None:
    (training_set / "train.txt").write_text("./images/train/synth_0.jpg\n", encoding="utf-8")

    with pytest.raises(JobError, match=r"no real image, which the stage 'finetune'"):
        write_job(tmp_path / "job", spec(training=two_stages()), training_set)


def test_kinds_of_images_are_told_by_their_names() -> None:
    lines = ["./images/train/synth_0.jpg", "./images/train/real_a.png", "", "./real_b.jpg"]

    assert ImageOrigin.SYNTHETIC.of(lines) == lines[:1]
    assert ImageOrigin.REAL.of(lines) == [lines[1], lines[3]]
    assert ImageOrigin.ALL.of(lines) == [lines[0], lines[1], lines[3]]


def test_a_checkpoint_to_go_on_from_travels_with_what_describes_it(
    tmp_path: Path, training_set: Path
) -> None:
    (tmp_path / "checkpoint.pt").write_bytes(b"weights")
    (tmp_path / "checkpoint.json").write_text("{}")

    write_job(tmp_path / "job", spec(), training_set, resume=tmp_path / "checkpoint.pt")

    assert (tmp_path / "job" / "resume.pt").read_bytes() == b"weights"
    assert (tmp_path / "job" / "resume.json").is_file()


def test_a_checkpoint_that_is_not_there_is_refused(tmp_path: Path, training_set: Path) -> None:
    with pytest.raises(JobError, match="no checkpoint at"):
        write_job(tmp_path / "job", spec(), training_set, resume=tmp_path / "checkpoint.pt")
