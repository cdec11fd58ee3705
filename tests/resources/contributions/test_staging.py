"""Installs and files as they are listed: a folder, a real S3 server, a double of the hub."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest
from doubles import hub
from doubles.contributions import INSTALL, Uploads, image_file
from doubles.s3_server import s3_server

import resources.contributions.staging as staging_module
from pipeline.community.receiving.staged_files import StagedFile
from resources.contributions import Contributions
from resources.contributions.staging import StagingPlace
from resources.object_store.base import ObjectStoreError
from resources.paths import Paths

OTHER = UUID("00000000-0000-4000-8000-000000000002")


@pytest.fixture(params=["folder", "bucket", "hub"])
def staging(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[StagingPlace, Uploads]]:
    uploads = Uploads()
    uploads.crop(image_file(1))
    uploads.screen(image_file(2, (100, 100)))
    uploads.files["strange name+.txt"] = b"x"
    uploads.write(tmp_path / "toy")
    (tmp_path / "toy" / "staging" / "nobody").mkdir()
    contributions = Contributions(paths=Paths.below(tmp_path))
    if request.param == "folder":
        monkeypatch.setenv("OUTPOST_CONTRIBUTIONS", str(tmp_path))
        yield contributions.staging("toy"), uploads
        return
    if request.param == "hub":
        with hub.hub() as (url, repository):
            monkeypatch.setenv("HF_ENDPOINT", url)
            monkeypatch.setenv("HF_TOKEN", hub.TOKEN)
            for path, content in uploads.whole.items():
                repository.files[f"deep/toy/staging/{INSTALL}/{path}"] = content
            repository.files["deep/toy/staging/nobody/file"] = b"x"
            monkeypatch.setenv("OUTPOST_CONTRIBUTIONS", f"hf://datasets/{hub.NAME}/deep/")
            yield contributions.staging("toy"), uploads
        return
    with s3_server() as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        for path, content in uploads.whole.items():
            server.put(f"community/toy/staging/{INSTALL}/{path}", content)
        server.put("community/toy/staging/nobody/file", b"x")
        monkeypatch.setenv("OUTPOST_CONTRIBUTIONS", f"s3://{server.bucket}/community")
        yield contributions.staging("toy"), uploads


def test_files_are_listed_and_fetched(staging: tuple[StagingPlace, Uploads]) -> None:
    place, uploads = staging
    found = place.installs()
    assert (found.installs, found.others) == ((INSTALL,), 1)
    files = {file.path: file for file in place.files(INSTALL, 100)}
    assert {path: file.size for path, file in files.items()} == {
        path: len(content) for path, content in uploads.whole.items()
    }
    assert all(file.tag for file in files.values())
    for path in uploads.whole.keys() - {"strange name+.txt"}:
        assert place.fetch(INSTALL, files[path]) == uploads.whole[path]
    assert list(place.files(OTHER, 100)) == []
    assert len(list(place.files(INSTALL, 2))) == 2


def test_no_more_folders_are_listed_than_are_looked_at(
    staging: tuple[StagingPlace, Uploads], monkeypatch: pytest.MonkeyPatch
) -> None:
    place, _ = staging
    monkeypatch.setattr(staging_module, "MOST_INSTALLS", 1)
    found = place.installs()
    assert len(found.installs) + found.others == 1


def test_no_more_is_fetched_than_was_listed(staging: tuple[StagingPlace, Uploads]) -> None:
    place, uploads = staging
    content = uploads.whole["annotations.jsonl"]
    assert place.fetch(INSTALL, StagedFile("annotations.jsonl", 10, "")) == content[:10]
    assert place.fetch(INSTALL, StagedFile("annotations.jsonl", 0, "")) == b""
    assert place.fetch(INSTALL, StagedFile("annotations.jsonl", len(content) + 1, "")) is None
    assert place.fetch(INSTALL, StagedFile("crops/none.png", 10, "")) is None


@pytest.mark.skipif(sys.platform == "win32", reason="no pipes and links without rights there")
def test_a_pipe_or_a_linked_folder_is_not_listed(tmp_path: Path) -> None:
    place = Contributions(paths=Paths.below(tmp_path), location=str(tmp_path)).staging("toy")
    folder = tmp_path / "toy" / "staging" / str(INSTALL)
    folder.mkdir(parents=True)
    os.mkfifo(folder / "annotations.jsonl")
    (folder.parent / str(OTHER)).symlink_to(Path("/etc"))
    assert list(place.files(INSTALL, 10)) == []
    assert place.installs().installs == (INSTALL,)


def test_a_location_is_a_folder_or_a_bucket(tmp_path: Path) -> None:
    wrong = Contributions(paths=Paths.below(tmp_path), location="ftp://user:secret@host/x")
    with pytest.raises(ObjectStoreError) as caught:
        wrong.staging("toy")
    assert "secret" not in str(caught.value)
    usual = Contributions(paths=Paths.below(tmp_path)).staging("toy")
    assert usual.place == f"{tmp_path / 'contributions'}/toy/staging"
