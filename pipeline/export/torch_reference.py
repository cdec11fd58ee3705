"""What the weights themselves answer: `python torch_reference.py best.pt in.npy out.npy`.

A program of its own, so that torch comes into no process of the pipeline. Reads images as
float32 [count, 3, height, width] in 0..1 and writes the rows of the head that is shipped,
float32 [count, 300, 6].
"""

from __future__ import annotations

import os
import sys
import tempfile


def main(weights: str, source: str, target: str) -> None:
    """Run the weights on the images of `source` and write the rows to `target`.

    Without the batching, letterboxing and filtering that ultralytics' own predict adds.
    """
    with tempfile.TemporaryDirectory() as settings:
        os.environ.update(YOLO_CONFIG_DIR=settings, YOLO_OFFLINE="true", YOLO_AUTOINSTALL="false")
        import numpy as np
        import torch
        from ultralytics import YOLO

        model = YOLO(weights, task="detect").model.float().eval()
        model.end2end = True
        model.fuse(verbose=False)
        with torch.inference_mode():
            rows = [model(torch.from_numpy(image[None]))[0] for image in np.load(source)]
        np.save(target, torch.cat(rows).numpy())


if __name__ == "__main__":
    main(*sys.argv[1:])
