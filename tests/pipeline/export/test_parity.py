"""Two sets of rows are close when a user could not tell them apart."""

import json
import textwrap
from pathlib import Path

import numpy as np
import pytest
from doubles.models import export_metadata, write_detector
from PIL import Image

from pipeline.export.parity import (
    ParityError,
    ParityReport,
    Rows,
    answers_of,
    compare,
    require_parity,
)

STORED = {
    "pictures": 8,
    "detections": 31,
    "matched": 30,
    "unmatched": 0,
    "max_box_pixels": 0.25,
    "max_score_difference": 0.001,
}
"""With the keys that its files have had from the start."""


def rows(*detections: tuple[float, ...]) -> Rows:
    """300 rows, of which the first are given as x1, y1, x2, y2, score, class."""
    table = np.zeros((300, 6), np.float32)
    table[: len(detections)] = detections
    return table


KNIGHT = (10.0, 10.0, 40.0, 60.0, 0.9, 0.0)
SHEEP = (80.0, 80.0, 95.0, 90.0, 0.4, 1.0)


def test_the_same_detections_in_another_order_are_close() -> None:
    report = compare([rows(KNIGHT, SHEEP)], [rows(SHEEP, KNIGHT)])

    assert (report.detections, report.matched, report.unmatched) == (2, 2, 0)
    assert report.is_close


def test_a_moved_box_is_measured_in_pixels() -> None:
    moved = (10.0, 10.0, 41.5, 60.0, 0.9, 0.0)

    report = compare([rows(KNIGHT)], [rows(moved)])

    assert report.max_box_pixels == pytest.approx(1.5)
    assert not report.is_close


def test_another_score_is_measured() -> None:
    report = compare([rows(KNIGHT)], [rows((*KNIGHT[:4], 0.85, 0.0))])

    assert report.max_score_difference == pytest.approx(0.05, abs=1e-4)
    assert not report.is_close


@pytest.mark.parametrize(
    ("reference", "exported"),
    [([rows(KNIGHT, SHEEP)], [rows(KNIGHT)]), ([rows(KNIGHT)], [rows(KNIGHT, SHEEP)])],
)
def test_a_detection_on_one_side_alone_counts(reference: list[Rows], exported: list[Rows]) -> None:
    assert compare(reference, exported).unmatched == 1


def test_another_class_is_another_detection() -> None:
    report = compare([rows(KNIGHT)], [rows((*KNIGHT[:5], 1.0))])

    assert (report.matched, report.unmatched) == (0, 2)


def test_noise_around_the_floor_does_not_count() -> None:
    faint = (*SHEEP[:4], 0.052, 1.0)

    assert compare([rows(KNIGHT, faint)], [rows(KNIGHT)]).is_close


def test_an_export_that_differs_is_refused_with_how_far() -> None:
    report = compare([rows(KNIGHT)], [rows((14.0, *KNIGHT[1:]))])

    with pytest.raises(ParityError, match=r"up to 4\.00 px"):
        require_parity(report)


def test_a_model_that_sees_nothing_clearly_is_compared_by_its_best_rows() -> None:
    faint = (*KNIGHT[:4], 0.004, 0.0)

    assert compare([rows(faint)], [rows(faint)]).matched == 1
    assert not compare([rows(faint)], [rows((50.0, *faint[1:]))]).is_close


def test_an_agreement_about_nothing_is_no_parity() -> None:
    with pytest.raises(ParityError, match="learned nothing"):
        require_parity(compare([np.zeros((300, 6), np.float32)], [np.zeros((300, 6), np.float32)]))


def test_a_stored_report_is_read_and_written_unchanged() -> None:
    report = ParityReport.model_validate_json(json.dumps(STORED))
    assert report.is_close
    assert report.model_dump(mode="json") == STORED
    assert json.loads(report.model_dump_json()) == STORED


# Running the weights


def run_weights(folder: Path, program: str, monkeypatch: pytest.MonkeyPatch) -> list[Rows]:
    """What a program in the place of the one that runs torch finds in one image."""
    reference = folder / "reference.py"
    reference.write_text(textwrap.dedent(program), encoding="utf-8")
    monkeypatch.setattr("pipeline.export.parity.REFERENCE", reference)
    onnx = write_detector(folder / "model.onnx", export_metadata(("knight",)))
    Image.new("RGB", (64, 64)).save(folder / "image.png")
    return list(answers_of(folder / "best.pt", onnx, [folder / "image.png"]).weights)


def test_the_weights_do_not_get_to_see_keys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNPOD_API_KEY", "secret")
    found = run_weights(
        tmp_path,
        """
        import os, sys
        import numpy as np
        assert "secret" not in os.environ.values()
        np.save(sys.argv[3], np.zeros((1, 300, 6), np.float32))
        """,
        monkeypatch,
    )
    assert found[0].shape == (300, 6)


def test_weights_that_fail_are_quoted_whatever_they_print(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = r"""
        import sys
        sys.stderr.buffer.write(b"no such \xff layer")
        sys.exit(1)
        """
    with pytest.raises(ParityError, match=r"no such . layer"):
        run_weights(tmp_path, program, monkeypatch)


def test_weights_that_take_too_long_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.export.parity.TIMEOUT_SECONDS", 0.2)
    with pytest.raises(ParityError, match=r"within 0\.2 s"):
        run_weights(tmp_path, "import time; time.sleep(60)", monkeypatch)
