"""AP50 and AP50-95 of judged frames by the two other implementations of COCO's evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import redirect_stdout
from io import StringIO
from typing import Any

import numpy as np

from pipeline.evaluation.frames import JudgedFrame

Precisions = list[tuple[float, float]]
"""AP50 and AP50-95 of each class; -1 without objects."""


def by_faster_coco_eval(frames: Sequence[JudgedFrame], class_count: int) -> Precisions:
    from faster_coco_eval import COCO, COCOeval_faster

    return _precisions(COCO, COCOeval_faster, frames, class_count)


def by_pycocotools(frames: Sequence[JudgedFrame], class_count: int) -> Precisions:
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    return _precisions(COCO, COCOeval, frames, class_count)


def _precisions(
    coco: Any, evaluate: Any, frames: Sequence[JudgedFrame], class_count: int
) -> Precisions:
    numbers = range(1, len(frames) + 1)
    truths = [
        {"image_id": number, "category_id": truth.class_id + 1, **_box(truth.box), "iscrowd": 0}
        for number, frame in zip(numbers, frames, strict=True)
        for truth in frame.truths
    ]
    detections = [
        {
            "image_id": number,
            "category_id": found.class_id + 1,
            **_box(found.box),
            "score": found.score,
        }
        for number, frame in zip(numbers, frames, strict=True)
        for found in frame.detections
    ]
    with redirect_stdout(StringIO()):
        known = coco()
        known.dataset = {
            "images": [{"id": number, "width": 1, "height": 1} for number in numbers],
            "categories": [{"id": n, "name": str(n)} for n in range(1, class_count + 1)],
            "annotations": [{"id": n, **one} for n, one in enumerate(truths, 1)],
        }
        known.createIndex()
        given = coco()
        given.dataset = {
            **known.dataset,
            "annotations": [{"id": n, "iscrowd": 0, **one} for n, one in enumerate(detections, 1)],
        }
        given.createIndex()
        run = evaluate(known, given, "bbox")
        run.params.maxDets = [1, 10, 300]
        run.evaluate()
        run.accumulate()
    precision = np.asarray(run.eval["precision"])[:, :, :, 0, -1]
    return [(float(p[0].mean()), float(p.mean())) for p in np.moveaxis(precision, 2, 0)]


def _box(box: Any) -> dict[str, Any]:
    return {"bbox": [box.x1, box.y1, box.width, box.height], "area": box.area}
