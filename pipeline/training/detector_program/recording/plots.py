"""What ultralytics draws, brought into the outputs."""

from __future__ import annotations

import shutil
import time
import traceback
from pathlib import Path
from typing import Any

from pipeline.jobs.program.outputs import Outputs

from ..constants import IMAGES_DRAWN, PLOTS
from ..stages import StageSettings
from ..ultralytics_patches import patch_drawing


class Plots:
    """What ultralytics draws, brought into the outputs as soon as it is drawn.

    A drawing that fails is told and nothing more: it is no reason to lose a training.
    """

    def __init__(self, outputs: Outputs, stages: list[StageSettings]) -> None:
        self.outputs = outputs
        alone = len(stages) == 1
        self.places = {stage.folder: "" if alone else f"{stage.name}/" for stage in stages}
        self.class_names = dict(enumerate(stages[0].class_names))
        self.brought: dict[Path, int] = {}
        self.seconds = self.cpu_seconds = 0.0

    def take_over(self) -> None:
        """Stand in for ultralytics' drawing functions."""
        patch_drawing(self._guarded, lambda images: self._guarded(self._drawn_here(images)))

    def _drawn_here(self, plot_images: Any) -> Any:
        """Draw in this thread, so that failures are seen; few images, all with classes' names."""

        def draw(**options: Any) -> None:
            readable = {"names": self.class_names, "max_subplots": IMAGES_DRAWN}
            plot_images(threaded=False, **{**readable, **options})

        return draw

    def _guarded(self, draw: Any) -> Any:
        def draw_if_possible(*arguments: Any, **options: Any) -> None:
            began, cpu_began = time.monotonic(), time.process_time()
            try:
                draw(*arguments, **options)
                self._bring()
            except Exception as error:
                traceback.print_exc()
                self.outputs.event(
                    "message",
                    message=f"A plot could not be drawn, training goes on without it: {error}",
                )
            self.seconds += time.monotonic() - began
            self.cpu_seconds += time.process_time() - cpu_began

        return draw_if_possible

    def _bring(self) -> None:
        """Copy what is new into the outputs."""
        for folder, place in self.places.items():
            for file in sorted((*folder.glob("*.png"), *folder.glob("*.jpg"))):
                changed = file.stat().st_mtime_ns
                if self.brought.get(file) != changed:
                    with self.outputs.replacing(f"{PLOTS}/{place}{file.name}") as temporary:
                        shutil.copyfile(file, temporary)
                    self.brought[file] = changed
