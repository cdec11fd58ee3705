"""Verdicts are read and written with the keys that their files have had from the start."""

from pathlib import Path

from pipeline.evaluation.verdicts import read_verdicts, write_verdicts

STORED = (
    '{"name":"harbour_01.png","domain":"real","picture":{"version":{"asset":"g/cvat_export",'
    '"partition":"b","data_version":"d1"},"path":"images/harbour_01.png"},"verdicts":[{"outcome":'
    '"missed","box":[1.0,2.0,30.0,40.0],"truth":0,"found":null,"score":null}]}\n'
)


def test_a_stored_file_is_read_and_written_unchanged(tmp_path: Path) -> None:
    stored, written = tmp_path / "stored", tmp_path / "written"
    stored.mkdir()
    written.mkdir()
    (stored / "frames.jsonl").write_text(STORED, encoding="utf-8")
    write_verdicts(written, read_verdicts(stored))
    assert (written / "frames.jsonl").read_text("utf-8") == STORED
