"""The report of parity is read and written with the keys that its files have had from the start."""

import json

from pipeline.export.parity import ParityReport

STORED = {
    "pictures": 8,
    "detections": 31,
    "matched": 30,
    "unmatched": 0,
    "max_box_pixels": 0.25,
    "max_score_difference": 0.001,
}


def test_a_stored_report_is_read_and_written_unchanged() -> None:
    report = ParityReport.model_validate_json(json.dumps(STORED))
    assert report.is_close
    assert report.model_dump(mode="json") == STORED
    assert json.loads(report.model_dump_json()) == STORED
