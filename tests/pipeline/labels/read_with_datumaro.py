"""Reads a folder as CVAT has datumaro read it, and prints what it takes the labels for.

    python read_with_datumaro.py FOLDER FORMAT SIZES

Runs in an environment of its own, with datumaro and nothing of Outpost. FORMAT is `coco_instances`
or `yolo`; SIZES is JSON, height and width by path without suffix, as CVAT gives it for YOLO.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import datumaro as dm


def main(folder: Path, layout: str, sizes: dict[str, list[int]]) -> None:
    options = {"image_info": {name: tuple(size) for name, size in sizes.items()}}
    dataset = dm.Dataset.import_from(str(folder), layout, **(options if layout == "yolo" else {}))
    names = [label.name for label in dataset.categories()[dm.AnnotationType.label].items]
    found = {
        item.id: [
            [names[one.label], one.type.name, list(one.points), one.attributes.get("score")]
            for one in item.annotations
        ]
        for item in dataset
    }
    print(json.dumps({"labels": names, "items": found}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], json.loads(sys.argv[3]))
