"""Uploads into a data set repository: one commit each, whatever others and the hub do."""

from __future__ import annotations

import base64
import socket
from collections.abc import Iterator
from datetime import date

import pytest
from doubles.contributing import Player, shot
from doubles.hub import NAME, TOKEN, Repository, hub

from detector_runtime.contribute.records import ContributionRecord
from detector_runtime.contribute.stores.opening import open_contribution_store
from detector_runtime.errors import ContributionStoreError

BOX = (10, 20, 60, 70)


@pytest.fixture
def repository(player: Player, monkeypatch: pytest.MonkeyPatch) -> Iterator[Repository]:
    with hub() as (url, found):
        monkeypatch.setenv("HF_ENDPOINT", url)
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        player.options["store"] = f"hf://datasets/{NAME}"
        yield found


def confirm(player: Player, *seeds: int) -> None:
    for seed in seeds:
        player.contributor().confirm(shot(seed), BOX, "weapon", "Iron Sword")


def test_one_upload_is_one_commit(player: Player, repository: Repository) -> None:
    confirm(player, 1, 2, 3)
    assert player.contributor().upload_now() == "sent"
    (commit,) = repository.commits
    assert len(commit) == 4
    records = next(content for path, content in repository.files.items() if "jsonl" in path)
    assert records.count(b"Iron Sword") == 3
    assert len(repository.puts) == len(set(repository.puts)) == 3


def test_records_grow_with_each_upload(player: Player, repository: Repository) -> None:
    for seed in range(3):
        confirm(player, seed)
        assert player.contributor().upload_now() == "sent"
        player.later()
    assert [len(commit) for commit in repository.commits] == [2, 2, 2]
    (records,) = (content for path, content in repository.files.items() if "jsonl" in path)
    assert records.count(b"Iron Sword") == 3


def test_another_players_commit_may_come_between(player: Player, repository: Repository) -> None:
    confirm(player, 1)
    repository.meanwhile = lambda: repository.commits.append(["another player's"])
    assert player.contributor().upload_now() == "sent"
    assert len(repository.commits) == 2


def test_what_a_copy_of_the_folder_records_meanwhile_is_not_lost(
    player: Player, repository: Repository
) -> None:
    confirm(player, 1)
    player.contributor().upload_now()
    (path,) = (path for path in repository.files if "jsonl" in path)
    copied = ContributionRecord(
        crop_sha256="a" * 64, name="Of the copy", slot="weapon", date=date(2026, 3, 8)
    )
    content = repository.files[path] + copied.model_dump_json().encode() + b"\n"
    line = {"path": path, "content": base64.b64encode(content).decode()}
    player.later()
    confirm(player, 2)
    repository.meanwhile = lambda: repository.commit([{"key": "file", "value": line}])
    assert player.contributor().upload_now() == "sent"
    assert repository.files[path].count(b"Iron Sword") == 2
    assert b"Of the copy" in repository.files[path]


def test_a_limit_of_the_hub_is_kept(player: Player, repository: Repository) -> None:
    confirm(player, 1)
    repository.refusals.append((429, {"Retry_After": "1800"}))
    with pytest.raises(ContributionStoreError, match=r"refuses \(429\)") as caught:
        player.contributor().upload_now()
    assert caught.value.retry_after == 1800
    assert TOKEN not in str(caught.value)
    player.later(1700)
    assert player.contributor().upload_now() == "not due"
    player.later(200)
    assert player.contributor().upload_now() == "sent"
    assert len(repository.commits) == 1
    assert len(repository.puts) == 1, "what lies in the large file storage is not sent again"


def test_a_commit_whose_answer_was_lost_is_found(player: Player, repository: Repository) -> None:
    """The next upload sees what is there, and writes nothing twice."""
    confirm(player, 1)
    contributor = player.contributor()
    written = repository.commit

    def commit_and_fail(lines: list[dict[str, object]]) -> None:
        written(lines)
        raise ConnectionResetError

    repository.commit = commit_and_fail  # type: ignore[method-assign]
    with pytest.raises(ContributionStoreError):
        contributor.upload_now()
    repository.commit = written  # type: ignore[method-assign]
    player.later()
    assert contributor.upload_now() == "sent"
    assert contributor.status().waiting == 0
    assert sum("crops" in path for commit in repository.commits for path in commit) == 1


@pytest.mark.usefixtures("repository")
def test_a_hub_that_never_answers_is_given_up(
    player: Player, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the folder would stay locked until the program ends."""
    monkeypatch.setattr("detector_runtime.contribute.stores.hugging_face.LONGEST_SILENCE", 0.2)
    confirm(player, 1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{silent.getsockname()[1]}")
        with pytest.raises(ContributionStoreError, match="cannot be reached"):
            player.contributor().upload_now()


def test_to_forget_is_a_commit(player: Player, repository: Repository) -> None:
    confirm(player, 1, 2)
    player.contributor().upload_now()
    repository.files["toy/staging/another/annotations.jsonl"] = b"another player's"
    player.contributor().forget()
    assert list(repository.files) == ["toy/staging/another/annotations.jsonl"]
    assert len(repository.commits) == 2


def test_without_a_token_nothing_is_asked(
    player: Player, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HF_TOKEN")
    confirm(player, 1)
    with pytest.raises(ContributionStoreError, match="there is no token"):
        player.contributor().upload_now()


def test_a_wrong_token_or_repository_is_explained(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ContributionStoreError, match=r"refuses \(404\)"):
        open_contribution_store("hf://datasets/nobody/nothing").publish({"a": b"x"}, None)
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    with pytest.raises(ContributionStoreError, match=r"refuses \(401\)") as caught:
        open_contribution_store(f"hf://datasets/{NAME}").publish({"a": b"x"}, None)
    assert "hf_wrong" not in str(caught.value)
