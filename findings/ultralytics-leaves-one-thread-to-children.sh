#!/usr/bin/env bash
# ultralytics 8.4.190 (ultralytics-opencv-headless) beside PyTorch 2.15.0: importing it writes OMP_NUM_THREADS=1 into
# the environment of the process where nothing is set (ultralytics/__init__.py). One would guess that what a process
# starts afterwards uses its cores as ever. But the variable is inherited: every process that is started after the
# import, though it knows nothing of ultralytics, computes with one thread of OpenMP, on a computer with any number of
# cores. A detector or a benchmark that a training script starts is slow for no reason that it could see.
#
# Seen: `torch.get_num_threads()` of a child that is started before the import, and of one that is started after it:
# as many as there are cores, then 1.
#
# Fails where the child of after the import has as many threads as that of before; needs two cores.
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
uv venv --quiet --python 3.11 "$folder/venv"
# opencv-python would overwrite the headless build.
echo "opencv-python; sys_platform == 'never'" > "$folder/overrides.txt"
uv pip install --quiet --python "$folder/venv" --overrides "$folder/overrides.txt" \
    "ultralytics-opencv-headless==8.4.190" "torch==2.15.0" torchvision
export YOLO_OFFLINE=true YOLO_AUTOINSTALL=false YOLO_CONFIG_DIR="$folder"
unset OMP_NUM_THREADS
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import os
import subprocess
import sys

ASK = "import torch; print(torch.get_num_threads())"


def threads_of_a_child():
    done = subprocess.run([sys.executable, "-c", ASK], capture_output=True, text=True, check=True)
    return int(done.stdout)


if (os.cpu_count() or 1) < 2:
    raise SystemExit("This needs two cores.")
before = threads_of_a_child()
import ultralytics

after = threads_of_a_child()
print(f"ultralytics {ultralytics.__version__}: a child has {before} threads before the import, {after} after it")
if after >= before:
    raise SystemExit("The import no longer changes how many threads a child has.")
PYTHON
