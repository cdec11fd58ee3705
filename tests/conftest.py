"""What all tests share: keys to sign with, no service that has had enough, a process's signals."""

import signal
from collections.abc import Iterator

import pytest

from resources.keys.private_keys import FOLDER_VARIABLE
from resources.services import rate_limits


@pytest.fixture(scope="session", autouse=True)
def keys_are_nobodys(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What signs records is made on first use: in no folder of whoever runs the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(FOLDER_VARIABLE, str(tmp_path_factory.mktemp("keys")))
        yield


@pytest.fixture(autouse=True)
def no_service_has_had_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a fresh process.

    A double that wanted to be left alone for an hour has left its port, and the next one gets it.
    """
    monkeypatch.setattr(rate_limits, "_limiters", {})


@pytest.fixture
def pythons_own_signals() -> Iterator[None]:
    """As in a fresh process.

    Whatever ran Dagster in this one has left its handler for SIGTERM, and a shell that starts
    something in the background has it ignore SIGINT.
    """
    before = {
        signal.SIGTERM: signal.signal(signal.SIGTERM, signal.SIG_DFL),
        signal.SIGINT: signal.signal(signal.SIGINT, signal.default_int_handler),
    }
    yield
    for number, handler in before.items():
        signal.signal(number, handler)
