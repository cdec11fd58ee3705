#!/usr/bin/env bash
# ultralytics 8.4.190 (ultralytics-opencv-headless) beside Pillow: importing it puts a function of its own in the
# place of `PIL.Image.open`, for the whole process and for code that knows nothing of ultralytics
# (ultralytics/utils/patches.py). One would guess that a program which catches `PIL.UnidentifiedImageError` for a
# file that is not an image goes on doing so. After the import, each such file makes ultralytics look for the
# package pi-heif, install it with pip unless YOLO_AUTOINSTALL=false forbids that, and, where it is missing,
# raise ModuleNotFoundError. That is neither an OSError nor an UnidentifiedImageError.
#
# Seen: before the import UnidentifiedImageError, after it ModuleNotFoundError for the same bytes.
#
# Fails where the same error is raised before and after.
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
uv venv --quiet --python 3.11 "$folder/venv"
# opencv-python would overwrite the headless build.
echo "opencv-python; sys_platform == 'never'" > "$folder/overrides.txt"
uv pip install --quiet --python "$folder/venv" --overrides "$folder/overrides.txt" \
    "ultralytics-opencv-headless==8.4.190" "torch==2.15.0" torchvision "pillow==13.0.0"
export YOLO_OFFLINE=true YOLO_AUTOINSTALL=false YOLO_CONFIG_DIR="$folder"
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import io

from PIL import Image


def raised():
    try:
        Image.open(io.BytesIO(b"some text, which is not an image"))
    except Exception as error:
        return type(error).__name__
    return "nothing"


before = raised()
import ultralytics

after = raised()
print(f"ultralytics {ultralytics.__version__}: {before} before the import, {after} after it")
if before == after:
    raise SystemExit("The import no longer changes what Pillow raises.")
PYTHON
