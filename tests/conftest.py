"""What all tests share: keys of their own to sign with, and the signals of a fresh process."""

import signal
from collections.abc import Iterator

import pytest

from resources.keys.private_keys import FOLDER_VARIABLE


@pytest.fixture(scope="session", autouse=True)
def keys_are_nobodys(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What signs records is made on first use: in no folder of whoever runs the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(FOLDER_VARIABLE, str(tmp_path_factory.mktemp("keys")))
        yield


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
