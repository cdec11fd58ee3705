"""What is changed in ultralytics was written against the version that is installed."""

import importlib.metadata

import pytest

from pipeline.training.detector_program.ultralytics_patches import PATCHES, UltralyticsPatch


@pytest.mark.parametrize("patch", PATCHES, ids=lambda patch: patch.target)
def test_upstream_is_what_the_patch_was_written_against(patch: UltralyticsPatch) -> None:
    assert patch.source_digest() == patch.digest, (
        f"{patch.target} is not what it was in ultralytics {patch.checked}. It matters because it "
        f"{patch.reason}: read it, adapt what stands in for it, and note its digest."
    )


@pytest.mark.parametrize("patch", PATCHES, ids=lambda patch: patch.target)
def test_the_version_that_is_noted_is_the_one_that_is_installed(patch: UltralyticsPatch) -> None:
    assert patch.checked == importlib.metadata.version("ultralytics-opencv-headless")
