"""Two sets of rows are close when a user could not tell them apart."""

import json

import numpy as np
import pytest

from pipeline.export.parity import ParityError, ParityReport, Rows, compare, require_parity

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
