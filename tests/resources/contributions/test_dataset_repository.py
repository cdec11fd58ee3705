"""Contributions that lie in a data set repository of the Hugging Face hub: here, of its double.

What every place does is in test_staging.py.
"""

from __future__ import annotations

import logging
import socket
import sys
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from detector_runtime.contribute.contributor import Contributor
from detector_runtime.contribute.rules import ContributionRules
from doubles.contributions import INSTALL, RULES
from doubles.hub import NAME, SIGNATURE, TOKEN, Repository, hub
from huggingface_hub import constants, get_token

from pipeline.community.receiving.receive import Reading, receive
from resources.contributions import Contributions, dataset_repository
from resources.contributions.dataset_repository import MOST_PATIENCE, DatasetRepository
from resources.object_store.base import (
    ObjectMissingError,
    ObjectStoreBusyError,
    ObjectStoreError,
    ObjectTooShortError,
)
from resources.paths import Paths

FOLDER = f"toy/staging/{INSTALL}"


@pytest.fixture
def repository(monkeypatch: pytest.MonkeyPatch) -> Iterator[Repository]:
    with hub() as (url, found):
        monkeypatch.setenv("HF_ENDPOINT", url)
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        yield found


def test_what_a_player_sends_into_a_repository_is_received(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = f"hf://datasets/{NAME}"
    rules = ContributionRules.of("toy", RULES.model_dump())
    player = Contributor(tmp_path / "kept", rules, place, consent=True)
    player.start = lambda: None  # type: ignore[method-assign]
    shot = np.random.default_rng(1).integers(0, 256, (360, 640, 3), dtype=np.uint8)
    player.confirm(shot, (10, 10, 60, 70), "weapon", "Iron Sword")
    player.confirm_screen(shot, "ARMOUR")
    assert player.upload_now() == "sent"
    monkeypatch.setenv("OUTPOST_CONTRIBUTIONS", place)
    staging = Contributions(paths=Paths.below(tmp_path)).staging("toy")
    (install,) = staging.installs().installs
    assert install == player.status().install
    (tmp_path / "images").mkdir()
    found = receive(
        install,
        staging.files(install, 100),
        lambda file: staging.fetch(install, file),
        Reading(RULES, datetime.now(UTC).date()),
        tmp_path / "images",
    )
    assert found.content.refused == {}
    assert [crop.kind for crop in found.content.crops] == ["icon", "screen"]
    player.forget()
    again = Contributions(paths=Paths.below(tmp_path)).staging("toy")
    assert again.installs().installs == ()


def test_no_more_pages_are_asked_for_than_are_looked_at(repository: Repository) -> None:
    repository.page = 10
    for number in range(100):
        repository.files[f"{FOLDER}/crops/{number:03}.png"] = b"x"
        repository.files[f"toy/staging/{number:03}/annotations.jsonl"] = b""
    store = DatasetRepository(NAME)
    assert len(list(store.listing(f"{FOLDER}/", 15))) == 15
    assert repository.pages == 2
    assert len(store.folders("toy/staging/", 25)) == 25
    assert repository.pages == 5
    assert len(list(store.listing(f"{FOLDER}/"))) == 100
    assert list(store.listing("toy/nothing/")) == []
    assert store.folders("toy/nothing/", 9) == ()


def test_folders_within_folders_end_a_listing(repository: Repository) -> None:
    """Whoever writes chooses how deep a file lies, and each folder on the way is listed."""
    repository.page = 10
    for number in range(20):
        repository.files[f"{FOLDER}/{number}{'/deep' * 50}/x"] = b"x"
    list(DatasetRepository(NAME).listing(f"{FOLDER}/", 20))
    assert repository.pages == 4


def test_all_that_is_read_is_of_one_commit(repository: Repository) -> None:
    path = f"{FOLDER}/annotations.jsonl"
    repository.files[path] = b"one"
    store = DatasetRepository(NAME)
    (listed,) = store.listing(f"{FOLDER}/")
    repository.commit([{"key": "deletedFile", "value": {"path": path}}])
    repository.files["toy/staging/other/x"] = b"x"
    assert [*store.listing(f"{FOLDER}/")] == [listed]
    assert store.get_range(path, 0, 3) == b"one"
    assert store.folders("toy/staging/", 9) == (str(INSTALL),)
    assert DatasetRepository(NAME).folders("toy/staging/", 9) == ("other",)


@pytest.mark.parametrize("knows_ranges", [True, False])
@pytest.mark.parametrize("name", ["a file+&%41?#.png", "annotations.jsonl"])
def test_a_part_of_a_file_is_read(repository: Repository, name: str, *, knows_ranges: bool) -> None:
    """Large files lie with another host, which is shown no token."""
    repository.knows_ranges = knows_ranges
    repository.files[f"toy/{name}"] = b"0123456789" * 100_000
    store = DatasetRepository(NAME)
    assert store.get_range(f"toy/{name}", 0, 4) == b"0123"
    assert store.get_range(f"toy/{name}", 999_998, 2) == b"89"
    with pytest.raises(ObjectTooShortError):
        store.get_range(f"toy/{name}", 999_998, 3)
    with pytest.raises(ObjectTooShortError):
        store.get_range(f"toy/{name}", 1_000_000, 1)
    with pytest.raises(ObjectMissingError):
        store.get_range(f"toy/other-{name}", 0, 1)


def test_what_is_replaced_has_another_tag(repository: Repository) -> None:
    tags = set()
    for content in (b"one", b"two"):
        for name in ("a.png", "annotations.jsonl"):
            repository.files[f"{FOLDER}/{name}"] = content
        tags |= {one.tag for one in DatasetRepository(NAME).listing(f"{FOLDER}/")}
    assert len(tags) == 4


LIMITS = [
    ({"Retry_After": "120"}, 121),
    ({"RateLimit": '"api";r=0;t=40', "Retry_After": "120"}, 41),
    ({"RateLimit": '"api";r=9;t=40'}, 61),
    ({"Retry_After": "Wed, 21 Oct 2026 07:28:00 GMT"}, 61),
    ({}, 61),
]


@pytest.mark.parametrize(("said", "seconds"), LIMITS)
def test_whoever_lists_is_told_how_long_the_hub_wants_to_be_left_alone(
    repository: Repository, said: dict[str, str], seconds: float
) -> None:
    store = DatasetRepository(NAME)
    store.folders("toy/staging/", 9)
    repository.limits.append(said)
    with pytest.raises(ObjectStoreBusyError, match=r"refuses \(429\): Too many") as caught:
        list(store.listing(f"{FOLDER}/"))
    assert caught.value.seconds == seconds
    assert list(store.listing(f"{FOLDER}/")) == []


def test_whoever_reads_files_waits_as_long_as_the_hub_asks_for(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []
    monkeypatch.setattr("time.sleep", waited.append)
    repository.files["toy/a.png"] = b"whole"
    store = DatasetRepository(NAME)
    repository.limits.extend([{"Retry_After": "120"}, {"RateLimit": '"resolvers";r=0;t=40'}])
    assert store.get_range("toy/a.png", 0, 5) == b"whole"
    assert waited == [121, 41]
    repository.limits.append({"Retry_After": str(int(MOST_PATIENCE))})
    with pytest.raises(ObjectStoreBusyError):
        store.get_range("toy/a.png", 0, 5)
    repository.limits.extend([{"Retry_After": "1"}] * 9)
    with pytest.raises(ObjectStoreBusyError):
        store.get_range("toy/a.png", 0, 5)
    assert (len(waited), len(repository.limits)) == (5, 5)


def test_an_answer_has_a_size_and_a_time(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.files["toy/a.png"] = b"x" * 200_000
    for number in range(500):
        repository.files[f"{FOLDER}/{number}"] = b"x"
    store = DatasetRepository(NAME)
    assert len(list(store.listing(f"{FOLDER}/"))) == 500
    monkeypatch.setattr(dataset_repository, "PAGE_BYTES", 1000)
    with pytest.raises(ObjectStoreError, match="not answered for"):
        list(store.listing(f"{FOLDER}/"))
    monkeypatch.setattr(dataset_repository, "FILE_SECONDS", -1.0)
    with pytest.raises(ObjectStoreError, match="takes too long"):
        store.get_range("toy/a.png", 0, 200_000)


def test_all_pages_of_a_listing_together_have_a_time(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.page, repository.seconds = 10, 0.05
    for number in range(100):
        repository.files[f"{FOLDER}/{number}"] = b"x"
    monkeypatch.setattr(dataset_repository, "LISTING_SECONDS", 0.2)
    with pytest.raises(ObjectStoreError, match="takes too long"):
        list(DatasetRepository(NAME).listing(f"{FOLDER}/"))
    assert repository.pages < 10


def test_the_next_page_lies_with_the_same_hub(repository: Repository) -> None:
    """Whoever has the token is shown it nowhere else."""
    repository.page, repository.next_page = 1, "http://127.0.0.1:9"
    for number in range(3):
        repository.files[f"{FOLDER}/{number}"] = b"x"
    with pytest.raises(ObjectStoreError, match="lies elsewhere"):
        list(DatasetRepository(NAME).listing(f"{FOLDER}/"))
    # What is asked is a mirror then.
    repository.next_page = "https://huggingface.co"
    assert len(list(DatasetRepository(NAME).listing(f"{FOLDER}/"))) == 3


def test_no_token_and_no_signature_is_logged(
    repository: Repository, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    repository.files["toy/a.png"] = b"x"
    store = DatasetRepository(NAME)
    errors = []
    for change in ("limit", "gone"):
        if change == "limit":
            repository.limits.append({"Retry_After": "3600"})
        else:
            monkeypatch.setattr("doubles.hub.Handler.elsewhere", lambda it, _: it.answer(403))
        with pytest.raises(ObjectStoreError) as caught:
            store.get_range("toy/a.png", 0, 1)
        errors.append("".join(traceback.format_exception(caught.value)) + repr(store))
    assert "(429)" in errors[0]
    assert "(403)" in errors[1]
    for secret in (TOKEN, SIGNATURE):
        assert secret not in "".join(errors)
    assert TOKEN not in caplog.text


def test_a_wrong_token_or_repository_is_explained(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ObjectStoreError, match=r"refuses \(404\): Repository not found"):
        DatasetRepository("nobody/nothing").folders("toy/staging/", 9)
    for token in ("hf_wrong", ""):
        monkeypatch.setenv("HF_TOKEN", token)
        with pytest.raises(ObjectStoreError, match=r"refuses \(401\)") as caught:
            list(DatasetRepository(NAME).listing(f"{FOLDER}/"))
        assert "hf_wrong" not in f"{caught.value} {caught.value.fix}"
        with pytest.raises(ObjectStoreError, match=r"refuses \(401\)"):
            DatasetRepository(NAME).get_range("toy/a.png", 0, 1)


def test_what_somebody_has_logged_in_with_is_not_shown(
    repository: Repository, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text(TOKEN, "utf-8")
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
    monkeypatch.delenv("HF_TOKEN")
    assert get_token() == TOKEN
    with pytest.raises(ObjectStoreError, match=r"refuses \(401\)"):
        DatasetRepository(NAME).folders("toy/staging/", 9)


def test_a_hub_that_is_away_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _seconds: pytest.fail("it waits"))
    for endpoint in ("http://127.0.0.1:9", "127.0.0.1:9", "http://[", "no address"):
        monkeypatch.setenv("HF_ENDPOINT", endpoint)
        with pytest.raises(ObjectStoreError, match=r"cannot be reached|not answered for"):
            DatasetRepository(NAME).folders("toy/staging/", 9)


def test_a_hub_that_does_not_answer_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dataset_repository, "READ_SECONDS", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{silent.getsockname()[1]}")
        with pytest.raises(ObjectStoreError, match="cannot be reached"):
            DatasetRepository(NAME).folders("toy/staging/", 9)


def test_without_the_package_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(ObjectStoreError, match="not installed") as caught:
        DatasetRepository(NAME).folders("toy/staging/", 9)
    assert "hugging-face" in caught.value.fix


def test_nothing_is_written_into_a_repository(tmp_path: Path) -> None:
    place = Contributions(paths=Paths.below(tmp_path), location=f"hf://datasets/{NAME}")
    with pytest.raises(ObjectStoreError, match="no place in a bucket"):
        place.store()
