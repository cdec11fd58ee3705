"""A service that is asked without long pauses."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from doubles.chat import KEY, Chat

from resources.chat import client as chat_client


@pytest.fixture
def chat(monkeypatch: pytest.MonkeyPatch) -> Iterator[Chat]:
    double = Chat()
    monkeypatch.setenv("CHAT_KEY", KEY)
    monkeypatch.setattr(chat_client, "FIRST_PAUSE", 0.01)
    yield double
    double.close()
