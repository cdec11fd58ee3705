from __future__ import annotations

from uuid import uuid4

import pytest
from doubles.contributions import INSTALL, Uploads, image_file

from pipeline.community.receiving.refusals import ReceivingLimits
from pipeline.community.receiving.staged_files import StagedFile, install_of, stamp_of

LIMITS = ReceivingLimits()


def test_an_install_is_a_uuid() -> None:
    assert install_of(str(INSTALL)) == INSTALL
    random = uuid4()
    assert install_of(str(random)) == random


@pytest.mark.parametrize(
    "name",
    [
        "",
        "..",
        "../../etc",
        "jane.doe@example.org",
        str(INSTALL).replace("-", ""),
        f"{{{INSTALL}}}",
        f"urn:uuid:{INSTALL}",
        "29AEA1D1-CF79-4218-8DEB-6ED26A8A622E".replace("0", "A"),
        f"{INSTALL}\n",
    ],
)
def test_anything_else_is_nobody(name: str) -> None:
    assert install_of(name) is None


def test_a_stamp_tells_of_every_change() -> None:
    uploads = Uploads()
    uploads.crop(image_file(1))
    stamps = {stamp_of(uploads.listed(), LIMITS)}
    assert stamps == {stamp_of(reversed(list(uploads.listed())), LIMITS)}
    uploads.screen(image_file(2, (100, 100)))
    stamps.add(stamp_of(uploads.listed(), LIMITS))
    uploads.record("a" * 64)
    stamps.add(stamp_of(uploads.listed(), LIMITS))
    stamps.add(stamp_of([StagedFile("a", 1, "x")], LIMITS))
    stamps.add(stamp_of([StagedFile("a", 1, "y")], LIMITS))
    assert len(stamps) == 5
