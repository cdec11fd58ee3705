from __future__ import annotations

from datetime import date
from hashlib import sha256
from pathlib import Path

import pytest

from pipeline.community.staged_crops import (
    Contributions,
    StagedCrop,
    StagedCrops,
    StagedCropsError,
)

IMAGE = b"the bytes of an image"
CROP = StagedCrop(
    sha256=sha256(IMAGE).hexdigest(),
    phash="0" * 16,
    kind="icon",
    slot="weapon",
    name="Iron Sword",
    date=date(2026, 3, 1),
    width=64,
    height=64,
)
CONTENT = Contributions(contributor="one", crops=(CROP,), refused={"too large": 2})


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    written = StagedCrops.write(tmp_path, CONTENT, {CROP.sha256: IMAGE})
    assert StagedCrops.open(tmp_path) == written
    assert written.image_of(CROP).read_bytes() == IMAGE


def test_an_image_of_another_digest_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StagedCropsError, match="another digest"):
        StagedCrops.write(tmp_path, CONTENT, {CROP.sha256: b"other bytes"})


def test_an_empty_folder_holds_no_contributions(tmp_path: Path) -> None:
    with pytest.raises(StagedCropsError, match="Materialize staged_crops again"):
        StagedCrops.open(tmp_path)
