"""All stages of training, one after the other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipeline.jobs.program.constants import STOP_FILE
from pipeline.jobs.program.outputs import Outputs

from .constants import BEST_WEIGHTS, LAST_WEIGHTS, RESULTS_FILE
from .recording.checkpoints import Checkpoint, publish_checkpoint
from .recording.plots import Plots
from .recording.recorder import History, Recorder
from .stages import StageSettings


class Training:
    """All stages of training, one after the other."""

    def __init__(
        self, job: dict[str, Any], folder: Path, outputs: Outputs, weights: dict[str, Any] | None
    ) -> None:
        """`weights` describes those that the first stage started from."""
        self.job = job
        self.folder = folder
        self.outputs = outputs
        self.stages = [StageSettings(job, folder, entry) for entry in job["training"]]
        self.history = History([stage.name for stage in self.stages], weights)
        self.plots = Plots(outputs, self.stages)
        self.plots.take_over()

    def run(self, weights: Path | None, saved: Checkpoint | None) -> Path:
        """Train to the end or to the early stop; the path of the best checkpoint in the outputs.

        Args:
            weights: to start from; None starts from scratch.
            saved: what to go on from instead.
        """
        first = 0
        if saved:
            self.history.restore(saved.state, self.outputs)
            self.outputs.text(RESULTS_FILE, self.history.csv())
            first = self.history.names.index(saved.stage)
        for stage in self.stages[first:]:
            self._run_stage(stage, weights, saved)
            saved = None
            is_last = stage is self.stages[-1]
            if is_last or self.stop_requested():
                break
            weights = publish_checkpoint(stage.best, self.outputs, f"{stage.name}.pt")
        if not is_last:
            self.outputs.event(
                "message", message=f"Asked to stop: nothing is trained after stage {stage.name}"
            )
        print(
            f"Plots took {self.plots.seconds:.1f} s, {self.plots.cpu_seconds:.1f} s of it CPU time"
        )
        publish_checkpoint(stage.last, self.outputs, LAST_WEIGHTS)
        return publish_checkpoint(stage.best, self.outputs, BEST_WEIGHTS)

    def stop_requested(self) -> bool:
        """Whether somebody asked to train no longer than the epoch that is running."""
        return (self.folder / STOP_FILE).exists()

    def _run_stage(
        self, stage: StageSettings, weights: Path | None, saved: Checkpoint | None
    ) -> None:
        named = f" of stage {stage.name}" if len(self.stages) > 1 else ""
        self.outputs.event("stage", stage="train", message=f"Reading the training set{named}")
        if saved is None:
            start = str(weights or self.job["architecture"])
            self._train(stage, start, stage.trainer_options)
            return
        stage.restore(saved)
        message = f"Going on after epoch {saved.epoch} of {stage.options['epochs']}{named}"
        self.outputs.event("message", message=message)
        if stage.is_finished(saved) or self.stop_requested():
            stage.strip()
            self.outputs.event("best", **self.history.best_of(stage.name))
            return
        # It takes all other options from the checkpoint, where they have been replaced.
        self._train(stage, str(stage.last), {"resume": True})

    def _train(self, stage: StageSettings, model_file: str, options: dict[str, Any]) -> None:
        from ultralytics import YOLO

        model = YOLO(model_file, task="detect")
        model.add_callback("on_pretrain_routine_end", stage.prepare)
        recorder = Recorder(self.outputs, self.history, stage, self.stop_requested)
        for name, callback in recorder.callbacks().items():
            model.add_callback(name, callback)
        try:
            model.train(**options, **stage.fixed_options())
        finally:
            self.outputs.text(RESULTS_FILE, self.history.csv())
