"""Which arithmetic a processor trains in."""

import pytest

from pipeline.training.detector_program.acceleration.cpu import precision_of

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
