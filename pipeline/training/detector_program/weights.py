"""The weights that a job starts from or exports."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipeline.jobs.program.outputs import Outputs, sha256_of


def find_weights(job: dict[str, Any], folder: Path, work: Path, outputs: Outputs) -> Path | None:
    """The weights that the job names: in its folder, else downloaded, else none."""
    at_hand: Path = folder / job["weights"]
    if at_hand.is_file():
        return at_hand
    if "train" not in job["stages"]:
        return None
    from ultralytics.utils.downloads import attempt_download_asset

    outputs.event("stage", stage="weights", message=f"Downloading {job['weights']}")
    downloaded: Path = work / job["weights"]
    try:
        attempt_download_asset(downloaded, retry=0, progress=False)
    except Exception as error:  # offline, blocked, no such release: all mean the same here
        print(f"{type(error).__name__}: {error}")
    if downloaded.is_file():
        return downloaded
    outputs.event(
        "message",
        message=f"{job['weights']} is not at hand and cannot be downloaded: training starts from "
        f"scratch ({job['architecture']})",
    )
    return None


def described(weights: Path | None) -> dict[str, Any] | None:
    """Name and digest of the weights that a training starts from."""
    return {"name": weights.name, "sha256": sha256_of(weights)} if weights else None
