"""Names and numbers of the detector's training that its followers know too."""

from __future__ import annotations

BEST_WEIGHTS = "best.pt"
LAST_WEIGHTS = "last.pt"
ONNX_FILE = "best.onnx"
RESULTS_FILE = "results.csv"
MAX_DETECTIONS = 300
ROW_VALUES = 6
PLOTS = "plots"
IMAGES_DRAWN = 4
"""Of each batch. ultralytics draws 16, so small that the names cover the images."""
STATE_KEY = "outpost"
"""Under it a checkpoint carries what ultralytics leaves out; see `Recorder.keep`."""
PREFIXES = {"all": "", "synthetic": "synth_", "real": "real_"}
"""How the names of images begin, by their kind."""
PROGRESS_SECONDS = 2.0
LINEAGE_PREFIX = "outpost_"
METRIC_NAMES = {
    "precision": "metrics/precision(B)",
    "recall": "metrics/recall(B)",
    "map50": "metrics/mAP50(B)",
    "map50_95": "metrics/mAP50-95(B)",
}
