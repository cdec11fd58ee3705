"""Training on a processor: which arithmetic, which memory format, how its threads wait.

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
WAITING = {"GOMP_SPINCOUNT": "2000", "KMP_BLOCKTIME": "1"}
"""How long a thread with nothing to do keeps its core where others want it: iterations in GNU's
OpenMP (about 50 us), milliseconds in LLVM's and Intel's. Their own defaults are 300,000 and 200.

Seconds that a step of 16 images of 320 x 256 took on two cores with AVX2, alone and beside a busy
process for each core: 1.30 and 2.39 with 2,000 iterations, 1.21 and 3.45 with 8,000; alone with
300,000 1.15."""
BUSY = 0.3
"""Share of the processor's time that other programs use, from which on waiting threads give way."""
LOOK_SECONDS = 0.5
WAITING_CHOSEN_BY = ("OMP_WAIT_POLICY", *WAITING)


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


def share_the_cores(busy: float | None = None) -> str:
    """Have OpenMP's idle threads give up their core soon where other programs compute.

    To be called before torch is imported, whose OpenMP decides for good. By default idle threads
    spin for milliseconds. Alone on a computer that is fastest; beside another program a thread that
    spins takes the time in which the one that it waits for would compute. What the user has set in
    the environment holds.

    Args:
        busy: share of the processor's time that other programs use; None looks for half a second.

    Returns:
        What was decided, for the log.
    """
    chosen = [name for name in WAITING_CHOSEN_BY if name in os.environ]
    if chosen:
        return f"threads wait as {', '.join(chosen)} says"
    share = busy_share() if busy is None else busy
    if share < BUSY:
        return f"threads spin while they wait (other programs use {share:.0%} of the processor)"
    os.environ.update(WAITING)
    return f"threads give way while they wait (other programs use {share:.0%} of the processor)"


def busy_share() -> float:
    """Share of the processor's time that is used while this process waits, 0 to 1."""
    import psutil

    return float(psutil.cpu_percent(LOOK_SECONDS)) / 100


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
