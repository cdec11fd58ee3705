"""What is signed of a version says how good it is."""

from __future__ import annotations

from pathlib import Path

import pytest
from doubles.releases import NOON, new_version


def test_the_manifest_holds_the_scores_of_the_report(tmp_path: Path) -> None:
    new = new_version(tmp_path / "new", found=16)
    manifest = new.manifest(7, "000006-0123456789ab")
    scores = {one.name: one.score.f1 for one in new.report.real.per_class}
    assert scores["boat"] is None, "there is none, and nothing is said of it"
    assert manifest.metrics.per_class_f1 == {"house": pytest.approx(scores["house"])}
    assert manifest.metrics.real_micro_f1 is not None
    assert manifest.metrics.real_micro_f1.value == pytest.approx(new.report.real.micro.f1)
    assert (manifest.sequence, manifest.previous) == (7, "000006-0123456789ab")
    assert (manifest.trained_at, manifest.created_at) == (NOON, NOON)
    assert set(manifest.files) == set(new.files)
