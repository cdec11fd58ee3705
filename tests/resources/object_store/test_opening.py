from __future__ import annotations

from pathlib import Path

import pytest

from resources.object_store.base import ObjectStoreError
from resources.object_store.folder import FolderStore
from resources.object_store.opening import open_store
from resources.object_store.s3 import S3Store


@pytest.mark.parametrize(
    ("location", "store"),
    [
        ("s3://models", S3Store("models", "")),
        ("s3://models/", S3Store("models", "")),
        ("s3://my.models-1/deep//er/", S3Store("my.models-1", "deep/er")),
        ("/srv/models", FolderStore(Path("/srv/models").absolute())),
        ("~/models", FolderStore(Path.home() / "models")),
    ],
)
def test_a_location_names_a_store(location: str, store: object) -> None:
    assert open_store(location) == store


@pytest.mark.parametrize(
    "location",
    [
        "",
        " ",
        "s3://",
        "s3://Bad_Bucket",
        "http://host/x",
        "s3://key:secret@models",
        "s3://m?k=secret",
    ],
)
def test_anything_else_is_refused_without_its_secrets(location: str) -> None:
    with pytest.raises(ObjectStoreError) as raised:
        open_store(location)
    assert "secret" not in str(raised.value)
