"""What is changed in ultralytics was written against the version that is installed."""

import hashlib
import importlib
import importlib.metadata
import inspect
from typing import Any

import pytest

VERSION = "8.4.190"
"""Of ultralytics, that all of this was checked on."""
CHECKED = {
    "ultralytics.optim.muon:muon_update": (
        "b7b79fffc4875a4c",
        "pads matrices and multiplies in bfloat16, which most processors emulate",
    ),
    "ultralytics.optim.muon:MuSGD.step": (
        "b5df0189d9c5616a",
        "calls muon_update by its name in the module, with lists of all matrices",
    ),
    "ultralytics.optim.muon:zeropower_via_newtonschulz5": (
        "3e018ec667f63063",
        "its coefficients and number of steps are those of ours",
    ),
    "ultralytics.models.yolo.detect.train:DetectionTrainer.preprocess_batch": (
        "cd3df8d7801c310d",
        "images of the first epochs are made smaller after it",
    ),
    "ultralytics.engine.trainer:BaseTrainer._do_train": (
        "87a635e3bfc4fd3f",
        "calls preprocess_batch, optimizer_step and the callbacks in the order relied on",
    ),
    "ultralytics.utils.tqdm:is_noninteractive_console": (
        "d44f1b563dec61cb",
        "writes a line for each step into the log",
    ),
    "ultralytics.utils.checks:check_font": (
        "ccf9e94073e9904f",
        "downloads a font",
    ),
    "ultralytics.utils.torch_utils:select_device": (
        "47809a19a310316c",
        "sets as many threads as torch_utils.NUM_THREADS says: one core is left idle",
    ),
    "ultralytics.utils.plotting:plot_images": (
        "8e5f6489bd520fc9",
        "draws in a thread, where failures are lost, and images too small to read",
    ),
    "ultralytics.models.yolo.detect.train:DetectionTrainer.plot_training_labels": (
        "337b8f32e9e4f25d",
        "calls plot_labels by its name in the module",
    ),
    "ultralytics.models.yolo.detect.val:DetectionValidator.plot_predictions": (
        "c086de74e5035587",
        "calls plot_images by its name in the module",
    ),
    "ultralytics.engine.trainer:BaseTrainer.plot_metrics": (
        "046604f9dfb25d8a",
        "calls plot_results by its name in the module",
    ),
}
"""By module and name of a function that something stands in for, or whose workings are relied on:
SHA-256 of its source in that version, its first 16 digits, and why it is changed."""


def source_digest(target: str) -> str:
    """The digest of a function's source as it is installed."""
    module, _, name = target.partition(":")
    found: Any = importlib.import_module(module)
    for part in name.split("."):
        found = getattr(found, part)
    return hashlib.sha256(inspect.getsource(found).encode()).hexdigest()[:16]


@pytest.mark.parametrize("target", CHECKED)
def test_upstream_is_what_the_patch_was_written_against(target: str) -> None:
    digest, reason = CHECKED[target]
    assert source_digest(target) == digest, (
        f"{target} is not what it was in ultralytics {VERSION}. It matters because it "
        f"{reason}: read it, adapt what stands in for it, and note its digest."
    )


def test_the_version_that_is_noted_is_the_one_that_is_installed() -> None:
    assert importlib.metadata.version("ultralytics-opencv-headless") == VERSION
