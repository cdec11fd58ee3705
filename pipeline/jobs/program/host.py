"""The host: what about it can change what a job computes."""

from __future__ import annotations

import importlib.metadata
import json
import platform
import subprocess
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from detector_runtime.system.cores import usable_cores


def environment() -> dict[str, Any]:
    """Everything about this host that can change what comes out; a host may do without torch."""
    installed = tuple(importlib.metadata.distributions())
    torch = torch_of_host()
    return {
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "device": torch["gpu"] or f"CPU, {usable_cores()} cores",
        "driver": graphics_driver(),
        "cores": usable_cores(),
        "pip_freeze": frozen(installed),
        **torch,
    }


def torch_of_host() -> dict[str, str | None]:
    """Versions of torch and its CUDA, and the name of the GPU that it sees."""
    try:
        import torch
    except ImportError:
        return {"torch": None, "cuda": None, "gpu": None}
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    return {"torch": torch.__version__, "cuda": torch.version.cuda if gpu else None, "gpu": gpu}


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
