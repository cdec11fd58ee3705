"""What the training program changes in ultralytics is put back after each test."""

import pytest
import ultralytics.optim.muon as upstream

STOCK_UPDATE = upstream.muon_update


@pytest.fixture(autouse=True)
def stock_update(monkeypatch: pytest.MonkeyPatch) -> None:
    """`muon_update` is ultralytics' own afterwards, whatever a test replaces it with."""
    monkeypatch.setattr(upstream, "muon_update", STOCK_UPDATE)
