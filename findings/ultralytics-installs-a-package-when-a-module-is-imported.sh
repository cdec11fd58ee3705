#!/usr/bin/env bash
# ultralytics 8.4.190 (ultralytics-opencv-headless) with torch 2.15.0: the module of text prompts for YOLOE and YOLO-World.
# One would expect that importing a module whose optional dependency is missing raises ImportError, which a program can
# turn into a sentence. But `ultralytics/nn/text_model.py` then runs an installer: the head of a GitHub repository, at no
# pinned commit, into the running environment. `YOLO_AUTOINSTALL=false` prevents it, if it is set before ultralytics is
# imported: it is read once.
#
# Seen: one install command for git+https://github.com/ultralytics/CLIP.git by default (it is recorded here and not run);
# none, and an ImportError, with YOLO_AUTOINSTALL=false.
#
# Fails where the import installs nothing, or where the variable no longer prevents it.
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
uv venv --quiet --python 3.11 "$folder/venv"
# opencv-python would overwrite the headless build.
echo "opencv-python; sys_platform == 'never'" > "$folder/overrides.txt"
uv pip install --quiet --python "$folder/venv" --overrides "$folder/overrides.txt" \
    "ultralytics-opencv-headless==8.4.190" "torch==2.15.0" torchvision
export YOLO_CONFIG_DIR="$folder"
cd "$folder"
cat > look.py <<'PYTHON'
import subprocess

from ultralytics.utils import checks

installs = []


def record(command, *_, **__):
    installs.append(str(command))
    return ""


# What the check runs is noted instead; it needs to believe that there is a network.
subprocess.check_output = record
checks.ONLINE = True
try:
    import ultralytics.nn.text_model  # noqa: F401
    raised = "nothing"
except ImportError as error:
    raised = type(error).__name__
installs = [command for command in installs if "install" in command]
print(f"install commands: {installs}; raised: {raised}")
raise SystemExit(0 if any("CLIP.git" in command for command in installs) else 3)
PYTHON
"$folder/venv/bin/python" look.py
status=0
YOLO_AUTOINSTALL=false "$folder/venv/bin/python" look.py || status=$?
test "$status" -eq 3
