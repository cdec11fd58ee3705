#!/usr/bin/env bash
# ultralytics 8.4.190 (ultralytics-opencv-headless) with torch 2.15.0: MuSGD, the optimizer that
# `optimizer="auto"` chooses for long trainings, casts every weight matrix to bfloat16 to orthogonalize it
# (ultralytics/optim/muon.py), on processors too. One would guess that a training with amp=False, or one on a
# processor, is float32 throughout. Where the processor has no bfloat16 instructions (x86 without AVX512-BF16
# or AMX: AMD up to Zen 3, Intel's consumer chips), PyTorch emulates them, and the update of YOLO26n's 126
# matrices takes five to twenty times as long as the same code in float32: longer than the forward and the
# backward pass of 16 images of 320 px together.
#
# Seen on two cores with AVX2 (AMD EPYC, Zen 3, other programs beside): 17.9 s in bfloat16, 0.9 s in float32. The results differ by
# 0.01 to 0.02 of their norm.
#
# Fails where that changes: when the update is no longer cast to bfloat16, or when, on a processor without
# bfloat16 instructions, it takes less than three times as long as in float32.
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
uv venv --quiet --python 3.11 "$folder/venv"
# opencv-python would overwrite the headless build.
echo "opencv-python; sys_platform == 'never'" > "$folder/overrides.txt"
uv pip install --quiet --python "$folder/venv" --overrides "$folder/overrides.txt" \
    "ultralytics-opencv-headless==8.4.190" "torch==2.15.0" torchvision
export YOLO_OFFLINE=true YOLO_CONFIG_DIR="$folder" GOMP_SPINCOUNT=2000
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import time

import torch
from ultralytics.nn.tasks import DetectionModel
from ultralytics.optim import muon

weights = [p for p in DetectionModel("yolo26n.yaml", verbose=False).parameters() if p.ndim >= 2]
as_it_comes = muon.zeropower_via_newtonschulz5
seen = set()


def watched(matrices, eps=1e-7):
    result = as_it_comes(matrices, eps)
    seen.add(result.dtype)
    return result


def in_float32(matrices, eps=1e-7):
    x = matrices / (matrices.norm(dim=(-2, -1), keepdim=True) + eps)
    tall = x.size(-2) > x.size(-1)
    x = x.mT if tall else x
    for _ in range(5):
        gram = x @ x.mT
        x = 3.4445 * x + (-4.7750 * gram + 2.0315 * gram @ gram) @ x
    return x.mT if tall else x


def seconds(function):
    muon.zeropower_via_newtonschulz5 = function
    taken = []
    for _ in range(3):
        gradients = [torch.randn_like(weight) for weight in weights]
        momenta = [torch.zeros_like(weight) for weight in weights]
        began = time.perf_counter()
        muon.muon_update(gradients, momenta)
        taken.append(time.perf_counter() - began)
    return min(taken)


stock, single = seconds(watched), seconds(in_float32)
capabilities = torch.cpu.get_capabilities()
native = any(capabilities.get(name) for name in ("avx512_bf16", "amx_bf16", "bf16"))
print(f"{len(weights)} matrices: {stock:.2f} s as it comes, {single:.2f} s in float32, ratio {stock / single:.1f}")
print(f"computed in {seen}; the processor multiplies bfloat16: {native}")
if seen != {torch.bfloat16}:
    raise SystemExit("The update is no longer computed in bfloat16.")
if native:
    print("The slowness cannot be seen on this processor.")
elif stock < 3 * single:
    raise SystemExit("bfloat16 is no longer slow where it is emulated.")
PYTHON
