"""Which arithmetic a processor trains in, and how its threads wait."""

import json
import os
import subprocess
import sys
import time

import pytest

from pipeline.training.detector_program.acceleration.cpu import (
    BUSY,
    WAITING,
    busy_share,
    precision_of,
)

ZEN4 = {"avx2": True, "avx512_bf16": True, "amx_bf16": False}
HASWELL = {"avx2": True, "avx512_bf16": False, "amx_bf16": False}
ARM = {"bf16": True}


@pytest.mark.parametrize(
    ("capabilities", "asked", "layers", "muon"),
    [
        (ZEN4, "auto", "bfloat16", "bfloat16"),
        (ZEN4, "fp32", "float32", "bfloat16"),
        (ARM, "auto", "bfloat16", "bfloat16"),
        (HASWELL, "auto", "float32", "float32"),
        (HASWELL, "bf16", "bfloat16", "float32"),
        ({}, "auto", "float32", "float32"),
    ],
)
def test_bfloat16_is_for_processors_that_multiply_it(
    capabilities: dict[str, bool], asked: str, layers: str, muon: str
) -> None:
    precision = precision_of(asked, capabilities, {})
    assert (precision.layers, precision.muon) == (layers, muon)


@pytest.mark.parametrize(
    "limits",
    [
        {"ATEN_CPU_CAPABILITY": "avx2"},
        {"ATEN_CPU_CAPABILITY": "default"},
        {"ONEDNN_MAX_CPU_ISA": "AVX2"},
        {"DNNL_MAX_CPU_ISA": "avx512_core"},
    ],
)
def test_limits_of_the_libraries_rule_bfloat16_out(limits: dict[str, str]) -> None:
    precision = precision_of("auto", ZEN4, limits)
    assert precision.layers == precision.muon == "float32"
    assert next(iter(limits)) in precision.reason


@pytest.mark.parametrize("name", ["AVX512_CORE_BF16", "AVX512_CORE_AMX", "DEFAULT", ""])
def test_limits_above_bfloat16_do_not_matter(name: str) -> None:
    assert precision_of("auto", ZEN4, {"ONEDNN_MAX_CPU_ISA": name}).layers == "bfloat16"


SHARE = """
import json, os
from pipeline.training.detector_program.acceleration.cpu import share_the_cores
share_the_cores({busy})
import torch
torch.ones(400, 400) @ torch.ones(400, 400)
names = {names!r}
print(json.dumps({{name: os.environ.get(name) for name in names}}))
"""


@pytest.mark.parametrize(
    ("busy", "given", "expected"),
    [
        (1.0, {}, {**WAITING, "OMP_WAIT_POLICY": None}),
        (0.05, {}, {**dict.fromkeys(WAITING), "OMP_WAIT_POLICY": None}),
        pytest.param(
            1.0,
            {"OMP_WAIT_POLICY": "ACTIVE"},
            {**dict.fromkeys(WAITING), "OMP_WAIT_POLICY": "ACTIVE"},
            marks=pytest.mark.slow,
        ),
        pytest.param(
            1.0,
            {"GOMP_SPINCOUNT": "77"},
            {**dict.fromkeys(WAITING), "GOMP_SPINCOUNT": "77", "OMP_WAIT_POLICY": None},
            marks=pytest.mark.slow,
        ),
    ],
)
def test_threads_give_way_to_other_programs_unless_the_user_chose_otherwise(
    busy: float, given: dict[str, str], expected: dict[str, str | None]
) -> None:
    names = ("OMP_WAIT_POLICY", *WAITING)
    clean = {name: value for name, value in os.environ.items() if name not in names}
    done = subprocess.run(
        [sys.executable, "-c", SHARE.format(names=names, busy=busy)],
        env={**clean, **given, "OMP_DISPLAY_ENV": "VERBOSE"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout.splitlines()[-1]) == expected
    if sys.platform == "linux" and "GOMP_SPINCOUNT" in done.stderr:
        # What the library itself took over, which it reads once, when torch brings it.
        active = "30000000000" if given.get("OMP_WAIT_POLICY") == "ACTIVE" else "300000"
        assert f"GOMP_SPINCOUNT = '{expected['GOMP_SPINCOUNT'] or active}'" in done.stderr


def test_the_share_that_others_use_is_seen() -> None:
    """A process for each core that computes all the time, and this one that waits."""
    busy = [
        subprocess.Popen([sys.executable, "-c", "while True: pass"])
        for _ in range(os.cpu_count() or 1)
    ]
    try:
        time.sleep(0.5)
        assert busy_share() > BUSY
    finally:
        for process in busy:
            process.kill()
            process.wait()
