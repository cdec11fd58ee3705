"""Tests sign with keys of their own."""

from collections.abc import Iterator

import pytest

from resources.keys.private_keys import FOLDER_VARIABLE


@pytest.fixture(scope="session", autouse=True)
def keys_are_nobodys(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What signs records is made on first use: in no folder of whoever runs the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(FOLDER_VARIABLE, str(tmp_path_factory.mktemp("keys")))
        yield
