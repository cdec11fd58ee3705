"""The host: what the libraries may do there, and what is worth a record."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from .acceleration.cores import usable_cores


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


def environment() -> dict[str, Any]:
    """Everything about this host that can change what comes out."""

    import torch

    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    installed = tuple(importlib.metadata.distributions())
    versions = {str(item.metadata["Name"]): item.version for item in installed}
    return {
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "device": gpu or f"CPU, {usable_cores()} cores",
        "gpu": gpu,
        "driver": graphics_driver(),
        "cores": usable_cores(),
        "cuda": torch.version.cuda if gpu else None,
        "torch": torch.__version__,
        "ultralytics": versions.get("ultralytics") or versions.get("ultralytics-opencv-headless"),
        "pip_freeze": frozen(installed),
    }


def frozen(installed: Iterable[Any]) -> list[str]:
    """What `pip freeze` says, which not every host has: `name==version`, or where it is from."""
    lines = set()
    for item in installed:
        origin = item.read_text("direct_url.json")
        url: str = json.loads(origin)["url"] if origin else ""
        # A folder of the host is none of anybody's business, and of no use elsewhere.
        is_public = url != "" and not url.startswith("file:")
        at = f" @ {without_login(url)}" if is_public else f"=={item.version}"
        lines.add(f"{item.metadata['Name']}{at}")
    return sorted(lines, key=str.lower)


def without_login(url: str) -> str:
    """A URL without the name, password or token that may stand in it."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, "", ""))


def graphics_driver() -> str | None:
    """Version of NVIDIA's driver, or None where there is none."""
    command = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return next(iter(done.stdout.split()), None)
