"""What the libraries may do on the host."""

from __future__ import annotations

import os
from pathlib import Path


def keep_to_the_folder(work: Path) -> None:
    """Have libraries write below `work` and nowhere else, and install nothing by themselves."""
    work.mkdir(parents=True, exist_ok=True)
    os.environ.update(
        YOLO_CONFIG_DIR=str(work / "config"),
        MPLCONFIGDIR=str(work / "config"),
        # Others open windows, or look for a screen.
        MPLBACKEND="Agg",
        YOLO_AUTOINSTALL="false",
        # No look-up of newer releases and no usage statistics, both of which hang behind a
        # firewall. Weights are downloaded all the same.
        YOLO_OFFLINE="true",
        # Official builds of onnxruntime write an identifier to the home folder and report to
        # Microsoft unless this is set before the first import.
        ORT_DISABLE_TELEMETRY="1",
    )
