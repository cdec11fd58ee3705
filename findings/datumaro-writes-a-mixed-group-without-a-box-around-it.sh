#!/usr/bin/env bash
# datumaro 1.13.12, with whose COCO exporter annotation tools write their exports: shapes of one group become one
# annotation, and its `bbox` is the box around all of them, as long as all are rectangles or all are polygons. One
# would expect the same of a rectangle and a polygon. But then the `bbox` is that of the rectangle alone, and the
# `segmentation` that of the polygon alone (`find_instance_parts` in plugins/data_formats/coco/exporter.py): neither
# holds all of the object, and whoever reads one of the two, as evaluators and trainers do, loses the other. Labels
# of the group that differ are not told either: the largest shape's is written.
#
# Seen: [2, 2, 6, 6] for the rectangle and a polygon from 40, 30 to 60, 44; [2, 2, 58, 42] for two rectangles there.
#
# Fails where the box of a mixed group is around all of it, or that of two rectangles is not.
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
import numpy as np

WHOLE = [2.0, 2.0, 58.0, 42.0]


def bbox_of(name, other):
    """The `bbox` of a small rectangle in one group with something else."""
    shapes = [dm.Bbox(2, 2, 6, 6, label=0, group=1), other]
    media = dm.Image.from_numpy(data=np.zeros((48, 64, 3), dtype=np.uint8), ext=".png")
    item = dm.DatasetItem(id="a", subset="default", media=media, annotations=shapes)
    dataset = dm.Dataset.from_iterable([item], categories=["sheep", "wolf"], media_type=dm.Image)
    dataset.export(name, "coco_instances", save_media=True)
    file = Path(name) / "annotations" / "instances_default.json"
    (annotation,) = json.loads(file.read_text())["annotations"]
    return annotation["bbox"]


alike = bbox_of("alike", dm.Bbox(40, 30, 20, 14, label=1, group=1))
mixed = bbox_of("mixed", dm.Polygon([40, 30, 60, 30, 60, 44], label=1, group=1))
print(f"datumaro {dm.__version__}: bbox of two rectangles {alike}, of a rectangle and a polygon {mixed}")
if alike != WHOLE or mixed == WHOLE:
    raise SystemExit("datumaro no longer treats mixed groups otherwise.")
PYTHON
