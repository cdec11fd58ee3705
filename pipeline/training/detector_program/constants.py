"""Names and numbers that the program and those who follow it share."""

from __future__ import annotations

import signal

EXIT_FAILED = 1
EXIT_NO_MEMORY = 3
EXIT_DISK_FULL = 4
EXIT_STOPPED = 143
"""What a shell reports of a process that SIGTERM ended."""

KILL = getattr(signal, "SIGKILL", signal.SIGTERM)
"""Windows knows no other; there SIGTERM kills at once."""

MAX_DETECTIONS = 300
ROW_VALUES = 6
PLOTS = "plots"
PICTURES_DRAWN = 4
"""Of each batch. ultralytics draws 16, so small that the names cover the pictures."""
RESUME_FILE = "resume.pt"
CHECKPOINT_FILE = "checkpoint.pt"
STOP_FILE = "stop"
STATE_KEY = "outpost"
"""Under it a checkpoint carries what ultralytics leaves out; see `Recorder.keep`."""
PREFIXES = {"all": "", "synthetic": "synth_", "real": "real_"}
"""How the names of pictures begin, by their kind."""
PROGRESS_SECONDS = 2.0
LIFELINE_GRACE_SECONDS = 10.0
LINEAGE_PREFIX = "outpost_"
OUT_OF_MEMORY_TEXTS = ("out of memory", "can't allocate memory", "not enough memory")
METRIC_NAMES = {
    "precision": "metrics/precision(B)",
    "recall": "metrics/recall(B)",
    "map50": "metrics/mAP50(B)",
    "map50_95": "metrics/mAP50-95(B)",
}
