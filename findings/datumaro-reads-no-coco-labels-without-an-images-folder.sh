#!/usr/bin/env bash
# datumaro 1.13.12, with which annotation tools read COCO files that people upload: labels for images that the tool has
# already. One would expect that an archive with `annotations/instances_default.json` alone is enough, as each image is
# named in it with its size. But the folder is not taken for COCO at all: the importer asks for a folder `images` beside
# `annotations`, which may be empty. With it, every box is read.
#
# Seen: DatasetImportError without the folder; one item with one box beside an empty one.
#
# Fails where labels alone are read, or where an empty folder does not help.
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
uv venv --quiet --python 3.11 "$folder/venv"
uv pip install --quiet --python "$folder/venv" "datumaro==1.13.12"
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import json
from pathlib import Path

import datumaro as dm

LABELS = {
    "images": [{"id": 1, "file_name": "a.png", "width": 64, "height": 48}],
    "categories": [{"id": 1, "name": "house"}],
    "annotations": [
        {"id": 1, "image_id": 1, "category_id": 1, "bbox": [4, 5, 20, 10], "area": 200, "iscrowd": 0, "segmentation": []}
    ],
}


def boxes_in(root):
    try:
        dataset = dm.Dataset.import_from(str(root), "coco")
        found = [shape.get_bbox() for item in dataset for shape in item.annotations]
    except Exception as error:
        print(f"{root}: {type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}")
        return None
    print(f"{root}: {found}")
    return found


root = Path("labels")
(root / "annotations").mkdir(parents=True)
(root / "annotations" / "instances_default.json").write_text(json.dumps(LABELS))
alone = boxes_in(root)
(root / "images").mkdir()
beside = boxes_in(root)
raise SystemExit(0 if not alone and beside == [[4, 5, 20, 10]] else 1)
PYTHON
