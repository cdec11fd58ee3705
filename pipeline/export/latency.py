"""How long a model takes for one image on this machine."""

from __future__ import annotations

import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.export.contract import ContractReport, open_session

RUNS = 10


def measure_latency(model: Path, contract: ContractReport) -> float:
    """Median milliseconds of one run on the CPU, after one to warm up.

    Args:
        model: an ONNX file that keeps the contract.
        contract: of that file.
    """
    session = open_session(model)
    height, width = contract.imgsz
    image = np.zeros((1, 3, height, width), np.float32)
    session.run(None, {contract.input_name: image})
    return statistics.median(_timed(session, contract.input_name, image) for _ in range(RUNS))


def _timed(session: Any, name: str, image: Any) -> float:
    began = time.perf_counter()
    session.run(None, {name: image})
    return (time.perf_counter() - began) * 1000
