"""Writes a random COCO export with datumaro, as CVAT does, and what was put into it.

    python write_datumaro_export.py FOLDER SEED SHAPES

Runs in an environment of its own, with datumaro and nothing of Outpost. `export/` is the export;
`drawn.json` lists what was drawn: subset, path of the image, kind, label, and the box around the
shape in pixels; of a group, the label of its largest shape and the box around all of it.
"""

from __future__ import annotations

import json
import math
import random
import sys
from pathlib import Path
from typing import Any

import datumaro as dm
import numpy as np
from datumaro.components.annotation import RotatedBbox

WIDTH, HEIGHT = 320, 240
SUBSETS = ("default", "Train", "Validation", "Test")
PATHS = ("frame_000000", "frame_000001", "day1/frame_000000", "day1/b/x y", "day2/frame_000000")
LABELS = ("sheep", "wolf", "ship")
PER_FRAME = 25
KINDS = ("rectangle", "turned", "polygon", "pieces", "mask", "ellipse", "rotated_bbox", "group")
GROUPS = ("rectangles", "polygons", "masks", "outlined")
Box = tuple[float, float, float, float]


def main(folder: Path, seed: int, shapes: int) -> None:
    rng = random.Random(seed)
    items, drawn = [], []
    frames = math.ceil(shapes / PER_FRAME)
    for number in range(frames):
        subset = SUBSETS[number % len(SUBSETS)]
        path = f"{PATHS[number // len(SUBSETS) % len(PATHS)]}_{number // 20}"
        annotations: list[Any] = []
        for _ in range(PER_FRAME):
            kind = rng.choice(KINDS)
            made, label, box = draw(kind, rng, group=len(annotations) + 1)
            annotations += made
            drawn.append({"subset": subset, "path": path, "kind": kind, "label": label, "box": box})
        pixels = np.random.default_rng(number).integers(0, 255, (HEIGHT, WIDTH, 3), dtype=np.uint8)
        media = dm.Image.from_numpy(data=pixels, ext=".png")
        items.append(dm.DatasetItem(id=path, subset=subset, media=media, annotations=annotations))
    dataset = dm.Dataset.from_iterable(items, categories=list(LABELS), media_type=dm.Image)
    dataset.export(str(folder / "export"), "coco_instances", save_media=True)
    (folder / "drawn.json").write_text(json.dumps(drawn))


def draw(kind: str, rng: random.Random, group: int) -> tuple[list[Any], str, Box]:
    """The annotations of one shape or group, its label, and the box around it."""
    label = rng.randrange(len(LABELS))
    if kind != "group":
        annotation, box = shape(kind, rng, {"label": label, "attributes": attributes(rng)})
        return [annotation], LABELS[label], box
    how = rng.choice(GROUPS)
    kinds = {
        "rectangles": ["rectangle"] * rng.randint(2, 3),
        "polygons": ["polygon", "polygon"],
        "masks": ["mask", "mask"],
        "outlined": ["rectangle"],
    }[how]
    # Masks of several labels become polygons, which lose a pixel.
    labels = [label if how == "masks" else rng.randrange(len(LABELS)) for _ in kinds]
    parts = [shape(kind, rng, {"label": labels[n], "group": group}) for n, kind in enumerate(kinds)]
    made, boxes = [part[0] for part in parts], [part[1] for part in parts]
    if how == "outlined":
        x1, y1, x2, y2 = boxes[0]
        points = [x1 + 2, y1 + 2, x2 - 2, y1 + 2, x2 - 2, y2 - 2]
        made.append(dm.Polygon(points, label=labels[0], group=group))
    leader = max(made, key=lambda one: one.get_area())
    return made, LABELS[leader.label], around(boxes)


def attributes(rng: random.Random) -> dict[str, Any]:
    return rng.choice(
        [
            {},
            {"occluded": rng.random() < 0.5, "rotation": 0.0},
            {"hp": "12", "owner": None, "seen": [1, "two"], "track_id": rng.randrange(9)},
            {"occluded": "false", "keyframe": True, "score": rng.random()},
        ]
    )


def shape(kind: str, rng: random.Random, common: dict[str, Any]) -> tuple[Any, Box]:
    x, y = rng.uniform(0, WIDTH - 60), rng.uniform(0, HEIGHT - 60)
    width, height = rng.uniform(8, 55), rng.uniform(8, 55)
    box = (x, y, x + width, y + height)
    if kind == "rectangle":
        return dm.Bbox(x, y, width, height, **common), box
    if kind == "turned":  # A rotated rectangle as CVAT hands it over.
        angle = rng.uniform(1, 359)
        common = {**common, "attributes": {**common.get("attributes", {}), "rotation": angle}}
        return dm.Bbox(x, y, width, height, **common), around([turned(box, angle)])
    if kind == "rotated_bbox":
        middle = (x + width / 2, y + height / 2)
        return RotatedBbox(*middle, width, height, rng.uniform(0, 359), **common), box
    if kind == "ellipse":
        return dm.Ellipse(*box, **common), box
    if kind == "mask":
        return mask(rng, common)
    if kind == "pieces":
        return mask(rng, common, pieces=rng.randint(2, 4))
    # Two corners of the box, so that it is no sliver of less than a pixel, which is refused.
    points = [(x, y), (x + width, y + height)]
    points += [
        (rng.uniform(x, x + width), rng.uniform(y, y + height)) for _ in range(rng.randint(1, 7))
    ]
    flat = [round(value, 2) for point in points for value in point]
    outline = (min(flat[0::2]), min(flat[1::2]), max(flat[0::2]), max(flat[1::2]))
    return dm.Polygon(flat, **common), outline


def mask(rng: random.Random, common: dict[str, Any], pieces: int = 1) -> tuple[Any, Box]:
    pixels = np.zeros((HEIGHT, WIDTH), dtype=bool)
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    for _ in range(pieces):
        x, y = rng.randint(0, WIDTH - 1), rng.randint(0, HEIGHT - 1)
        a, b = rng.uniform(2, 30), rng.uniform(2, 30)
        pixels |= ((columns - x) / a) ** 2 + ((rows - y) / b) ** 2 <= 1
    ys, xs = np.nonzero(pixels)
    box = (int(xs.min()), int(ys.min()), int(xs.max()) + 1, int(ys.max()) + 1)
    return dm.Mask(image=pixels, **common), box


def turned(box: Box, degrees: float) -> Box:
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    half_width, half_height = (box[2] - box[0]) / 2, (box[3] - box[1]) / 2
    c, s = abs(math.cos(math.radians(degrees))), abs(math.sin(math.radians(degrees)))
    dx, dy = half_width * c + half_height * s, half_width * s + half_height * c
    return x - dx, y - dy, x + dx, y + dy


def around(boxes: list[Box]) -> Box:
    return (
        min(box[0] for box in boxes),
        min(box[1] for box in boxes),
        max(box[2] for box in boxes),
        max(box[3] for box in boxes),
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
