"""Verdicts are read and written with the keys that their files have had from the start."""

from pipeline.evaluation.verdicts import FrameVerdicts

STORED = (
    '{"name":"harbour_01.png","domain":"real","picture":{"version":{"asset":"g/cvat_export",'
    '"partition":"b","data_version":"d1"},"path":"images/harbour_01.png"},"verdicts":[{"outcome":'
    '"missed","box":[1.0,2.0,30.0,40.0],"truth":0,"found":null,"score":null}]}'
)


def test_a_stored_line_is_read_and_written_unchanged() -> None:
    assert FrameVerdicts.model_validate_json(STORED).model_dump_json() == STORED
