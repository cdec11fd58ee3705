"""Training on a processor: which arithmetic, which memory format.

ultralytics changes memory format and precision on GPUs alone, and its MuSGD multiplies in bfloat16
everywhere. Both are decided here, once for each training, by what the processor computes itself.
"""

from __future__ import annotations

import os
import types
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Precision = Literal["bfloat16", "float32"]

NATIVE_BFLOAT16 = ("avx512_bf16", "amx_bf16", "bf16")
"""What `torch.cpu.get_capabilities` calls instructions that multiply bfloat16 (x86, x86, ARM)."""
ISA_WITHOUT_BFLOAT16 = ("SSE41", "AVX", "AVX2", "AVX2_VNNI", "AVX512_CORE", "AVX512_CORE_VNNI")
"""Values of ONEDNN_MAX_CPU_ISA below AVX512_CORE_BF16 (oneDNN, "CPU Dispatcher Control")."""


@dataclass(frozen=True)
class CpuPrecision:
    """The arithmetic of a training on a processor.

    Attributes:
        layers: of the forward and the backward pass; weights and loss stay in float32.
        muon: of the orthogonalization in MuSGD.
        reason: for the log.
    """

    layers: Precision
    muon: Precision
    reason: str

    def __str__(self) -> str:
        return f"layers in {self.layers}, MuSGD in {self.muon} ({self.reason})"


def precision_of(
    asked: str, capabilities: Mapping[str, Any], environment: Mapping[str, str]
) -> CpuPrecision:
    """Decide which arithmetic a processor trains in.

    Where bfloat16 is emulated it is slower than float32: in MuSGD by ten times (two cores with
    AVX2), so that an optimizer's step takes five times as long as all layers together.

    Args:
        asked: the hyperparameter `precision`: "auto", "bf16" or "fp32". It decides on the layers.
        capabilities: as `torch.cpu.get_capabilities` tells them.
        environment: may hold the limits that PyTorch and oneDNN obey, `ATEN_CPU_CAPABILITY` and
            `ONEDNN_MAX_CPU_ISA`.
    """
    native, reason = _multiplies_bfloat16(capabilities, environment)
    layers = {"bf16": True, "fp32": False}.get(asked, native)
    return CpuPrecision(_name(layers), _name(native), reason)


def cpu_precision(asked: str) -> CpuPrecision:
    """`precision_of` this computer."""
    import torch

    capabilities: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    return precision_of(asked, capabilities, os.environ)


def _multiplies_bfloat16(
    capabilities: Mapping[str, Any], environment: Mapping[str, str]
) -> tuple[bool, str]:
    known = next((name for name in NATIVE_BFLOAT16 if capabilities.get(name)), None)
    if known is None:
        return False, "the processor only emulates bfloat16"
    aten = environment.get("ATEN_CPU_CAPABILITY", "").lower()
    if aten in ("default", "avx2"):
        return False, f"ATEN_CPU_CAPABILITY={aten} rules out {known}"
    for variable in ("ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA"):
        limit = environment.get(variable, "").upper()
        if limit in ISA_WITHOUT_BFLOAT16:
            return False, f"{variable}={limit} rules out {known}"
    return True, f"the processor has {known}"


def _name(bfloat16: bool) -> Precision:
    return "bfloat16" if bfloat16 else "float32"


def use_channels_last(trainer: Any) -> None:
    """Lay the weights out as the processor's convolutions want them."""
    import torch

    for model in (trainer.model, trainer.ema.ema):
        model.to(memory_format=torch.channels_last)


def compute_in_bfloat16(model: Any) -> None:
    """Run the layers in bfloat16; weights, loss and optimizer stay in float32.

    As a method, which a copy of the model binds to itself and a checkpoint leaves behind:
    ultralytics copies the model when it recovers from a loss that is no number.
    """

    def predict(self: Any, *arguments: Any, **options: Any) -> Any:
        import torch

        with torch.autocast("cpu", dtype=torch.bfloat16):
            predicted = type(self).predict(self, *arguments, **options)
        return as_float32(predicted)

    model.predict = types.MethodType(predict, model)


def as_float32(value: Any) -> Any:
    """The same nested dictionaries, lists and tuples with every tensor as float32."""
    if isinstance(value, dict):
        return {key: as_float32(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(as_float32(item) for item in value)
    return value.float()
