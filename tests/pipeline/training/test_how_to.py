"""What docs/how-to/train.md shows works as it stands there."""

import re
import textwrap
from pathlib import Path

import pytest
import yaml
from doubles.models import export_metadata, write_detector

import pipeline.training.job as job_module
from pipeline.games.pack import TwoStageRules
from pipeline.training import ModelRegistry
from pipeline.training.job import FINETUNING, hyperparameters

PAGE = (Path(__file__).parents[3] / "docs" / "how-to" / "train.md").read_text("utf-8")
PROGRAM = """
    import hashlib, json, pathlib, shutil
    job = json.loads(pathlib.Path("job.json").read_text())
    outputs = pathlib.Path("outputs")
    metrics = (outputs / "metrics.jsonl").open("a")
    def tell(kind, **fields):
        metrics.write(json.dumps({"event": kind, "seconds": 1.0, **fields}) + "\\n")
        metrics.flush()
    for stage in job["training"]:
        epochs = {**job["hyperparameters"], **stage["hyperparameters"]}["epochs"]
        for epoch in range(1, epochs + 1):
            content = json.dumps([stage["name"], epoch]).encode()
            (outputs / "tmp").write_bytes(content)
            (outputs / "tmp").replace(outputs / "checkpoint.pt")
            (outputs / "tmp").write_text(json.dumps({"stage": stage["name"],
                "epoch": epoch, "sha256": hashlib.sha256(content).hexdigest()}))
            (outputs / "tmp").replace(outputs / "checkpoint.json")
            tell("epoch", stage=stage["name"], epoch=epoch, epochs=epochs, map50=0.5, map50_95=0.3)
    import time; time.sleep(0.5)
    names = ["best.pt", "last.pt", "results.csv"]
    for name in names + ["pretrain.pt"] * (len(job["training"]) - 1):
        (outputs / name).write_text(name)
    shutil.copyfile(pathlib.Path(__file__).parents[3] / "model.onnx", outputs / "best.onnx")
    tell("done")
    (outputs / "done.json").write_text("{}")
"""


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def write_model(file: Path) -> None:
    """A model that keeps the contract and sees nothing."""
    write_detector(file, export_metadata(("knight", "sheep"), (320, 320)), size=(320, 320))


def test_the_python_of_the_page_runs_from_top_to_bottom(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    program = tmp_path / "program.pyz"
    program.write_text(textwrap.dedent(PROGRAM), encoding="utf-8")
    monkeypatch.setattr(job_module, "PROGRAM", program)
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "training_set"
    folder.mkdir()
    for name in ("train.txt", "val.txt"):
        (folder / name).write_text("./images/train/synth_0.jpg\n./images/train/real_0.jpg\n")
    (folder / "dataset.yaml").write_text("names: {0: knight, 1: sheep}\n")
    write_model(tmp_path / "model.onnx")
    namespace: dict[str, object] = {}

    for block in blocks("python"):
        exec(compile(block, "docs/how-to/train.md", "exec"), namespace)
    exec("staged = train(config, two_stage=True, registry='registry')", namespace)
    (pretrained,) = ModelRegistry(Path("registry")).list(purpose="pretrain")
    assert (pretrained.version, pretrained.metrics["map50_95"]) == ("1", 0.3)

    printed = capsys.readouterr().out
    assert "There is no field 'epoch'" in printed
    assert "write 'epochs'" in printed
    assert "train 1/16: mAP50 0.500" in printed
    assert "('finetune', 20, 0.5)" in printed
    assert "demo/detector 1" in printed


def test_the_stages_of_the_page_are_ones_that_a_pack_may_ask_for() -> None:
    (stages,) = (block for block in blocks("yaml") if block.startswith("two_stage"))
    rules = TwoStageRules.model_validate(yaml.safe_load(stages)["two_stage"])

    assert hyperparameters(FINETUNING, rules.finetune).epochs == 50
