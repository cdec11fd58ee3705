"""The attacks that The Update Framework lists (specification 1.0, section 1.5.2), and a few more.

Each goes against a folder with a model that works. Each is refused with our error, and the model
works on.
"""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from doubles import file_server
from doubles.file_server import FileServer
from doubles.publisher import Publisher, signed_again, small_model, unsigned

from detector_runtime import ModelUpdater
from detector_runtime.bundle import FileDigest
from detector_runtime.updates.signatures import SigningKey

Updating = Callable[..., ModelUpdater]
THIEF = SigningKey(bytes(32))


@dataclass
class Scene:
    """A publisher who has published three models; ours is the second of them.

    Attributes:
        old: the channel's document of the first.
        current: that of the second, which is installed.
    """

    publisher: Publisher
    server: FileServer
    old: bytes
    current: bytes

    @property
    def newest(self) -> Path:
        """The folder of the third version, which is offered."""
        versions = sorted((self.publisher.folder / "versions").iterdir())
        return versions[-1]


@pytest.fixture
def scene(publisher: Publisher, server: FileServer, updating: Updating) -> Scene:
    publisher.publish(1)
    old = publisher.channel_file.read_bytes()
    publisher.publish(2)
    assert updating().check().outcome == "updated"
    current = publisher.channel_file.read_bytes()
    publisher.publish(3)
    return Scene(publisher, server, old, current)


def altered_file(scene: Scene) -> None:
    model = scene.newest / "model.onnx"
    model.write_bytes(model.read_bytes()[:-1] + b"!")


def altered_manifest(scene: Scene) -> None:
    signed_again(scene.newest / "manifest.json", THIEF, licence="mine")


def altered_pointer(scene: Scene) -> None:
    file = scene.publisher.channel_file
    file.write_bytes(file.read_bytes().replace(b'"better"', b'"bitter"'))


def wrong_key(scene: Scene) -> None:
    signed_again(scene.publisher.channel_file, THIEF)


def wrong_key_of_the_manifest(scene: Scene) -> None:
    scene.publisher.offer(scene.publisher.add(small_model(9), key=THIEF))


def no_signature(scene: Scene) -> None:
    unsigned(scene.publisher.channel_file)


def root_key_in_the_place_of_a_release_key(scene: Scene) -> None:
    signed_again(scene.publisher.channel_file, scene.publisher.root)


def claimed_key(scene: Scene) -> None:
    """The thief's signature under the publisher's name."""
    file = scene.publisher.channel_file
    signed_again(file, THIEF)
    file.write_text(file.read_text().replace(THIEF.id, scene.publisher.release.id))


def rollback(scene: Scene) -> None:
    scene.publisher.channel_file.write_bytes(scene.old)


def two_documents_of_one_move(scene: Scene) -> None:
    scene.publisher.channel_file.write_bytes(scene.current)
    first = sorted((scene.publisher.folder / "versions").iterdir())[0]
    scene.publisher.moves = 1
    scene.publisher.offer(first.name)


def mix_and_match(scene: Scene) -> None:
    """Files of one version with the manifest of another."""
    first = sorted((scene.publisher.folder / "versions").iterdir())[0]
    shutil.copy(first / "manifest.json", scene.newest / "manifest.json")


def mixed_files(scene: Scene) -> None:
    first = sorted((scene.publisher.folder / "versions").iterdir())[0]
    shutil.copy(first / "model.onnx", scene.newest / "model.onnx")


def another_model(scene: Scene) -> None:
    scene.publisher.name = "elsewhere"
    scene.publisher.publish(9)


def another_models_manifest(scene: Scene) -> None:
    scene.publisher.offer(scene.publisher.add(small_model(9), name="elsewhere"))


def another_channel(scene: Scene) -> None:
    scene.publisher.offer(scene.newest.name, channel="challenger")


def another_kind_of_document(scene: Scene) -> None:
    shutil.copy(scene.newest / "manifest.json", scene.publisher.channel_file)


def endless_pointer(scene: Scene) -> None:
    scene.server.faults["champion.json"] = file_server.endless


def endless_manifest(scene: Scene) -> None:
    scene.server.faults["manifest.json"] = file_server.endless


def endless_file(scene: Scene) -> None:
    scene.server.faults["model.onnx"] = file_server.endless


def endless_keys(scene: Scene) -> None:
    scene.publisher.rotate()
    scene.publisher.publish(9)
    scene.server.faults["keys.json"] = file_server.endless


def extraneous_file(scene: Scene) -> None:
    """A manifest that would write beside its folder; nobody who keeps the rules signs that."""
    digest = FileDigest(sha256="0" * 64, size=1).model_dump()
    file = scene.newest / "manifest.json"
    values = json.loads(file.read_text())
    values["signed"]["files"]["../../current.json"] = digest
    canonical = json.dumps(values["signed"], sort_keys=True, separators=(",", ":")).encode()
    signature = scene.publisher.release.sign(canonical)
    values["signatures"] = [
        {
            "key_id": signature.key_id,
            "signature": base64.b64encode(signature.signature).decode(),
        }
    ]
    file.write_text(json.dumps(values))
    scene.publisher.offer(scene.newest.name)


def too_large_a_version(scene: Scene) -> None:
    large = FileDigest(sha256="0" * 64, size=2 << 30)
    file = scene.newest / "manifest.json"
    names = ("bundle.json", "a.onnx", "b.onnx")
    files = {name: large.model_dump() for name in names}
    signed_again(file, scene.publisher.release, files=files)
    scene.publisher.offer(scene.newest.name)


def later_keys_that_are_not_there(scene: Scene) -> None:
    scene.publisher.offer(scene.newest.name, keys_epoch=7)


def keys_of_a_thief(scene: Scene) -> None:
    scene.publisher.rotate(signed_by=THIEF)
    scene.publisher.publish(9)


def skipped_keys(scene: Scene) -> None:
    scene.publisher.rotate()
    scene.publisher.rotate()
    scene.publisher.publish(9)
    (scene.publisher.folder / "keys" / "000002.json").unlink()


def countless_keys(scene: Scene) -> None:
    scene.publisher.epoch = 5_000
    scene.publisher.rotate()
    scene.publisher.publish(9)


def slow_pointer(scene: Scene) -> None:
    scene.server.faults["champion.json"] = file_server.dripping


def slow_head(scene: Scene) -> None:
    scene.server.faults["champion.json"] = file_server.dripping_head


def slow_file(scene: Scene) -> None:
    scene.server.faults["model.onnx"] = file_server.dripping


def silence(scene: Scene) -> None:
    scene.server.faults["champion.json"] = file_server.silent


def captive_portal(scene: Scene) -> None:
    for end in (".json", ".onnx"):
        scene.server.faults[end] = file_server.portal


def bomb(scene: Scene) -> None:
    scene.publisher.channel_file.write_bytes(b"[" * 60_000)


def number_that_nobody_can_read(scene: Scene) -> None:
    unsigned(scene.publisher.channel_file, min_runtime="9" * 5000)


def length_that_nobody_can_read(scene: Scene) -> None:
    def answer(handler: Any, _content: bytes) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "9" * 5000)
        handler.end_headers()
        handler.wfile.write(b"{}")
        handler.close_connection = True

    scene.server.faults["champion.json"] = answer


def words_that_move_the_cursor(scene: Scene) -> None:
    def answer(handler: Any, _content: bytes) -> None:
        handler.send_response(500, "all\x1b[2J\x1b[1;1Hwell")
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    scene.server.faults["champion.json"] = answer


def key_that_is_no_text(scene: Scene) -> None:
    file = scene.publisher.channel_file
    values = json.loads(file.read_bytes())
    values["signatures"][0]["key_id"] = "\ud800"
    file.write_text(json.dumps(values))


ATTACKS: dict[Callable[[Scene], None], str] = {
    altered_file: "is not the file that the publisher signed",
    altered_manifest: "is not the manifest",
    altered_pointer: "changed after it was signed",
    wrong_key: "not by one of the keys that count",
    wrong_key_of_the_manifest: "not by one of the keys that count",
    no_signature: "signed by nobody",
    root_key_in_the_place_of_a_release_key: "not by one of the keys that count",
    claimed_key: "changed after it was signed",
    rollback: "older than move 2",
    two_documents_of_one_move: "two different documents of move 2",
    mix_and_match: "is not the manifest",
    mixed_files: "is not the file that the publisher signed",
    another_model: "'elsewhere'",
    another_models_manifest: "'elsewhere'",
    another_channel: "'challenger'",
    another_kind_of_document: "is not what the channel should be",
    endless_pointer: "sends more than",
    endless_manifest: "sends more than",
    endless_file: "sends more than",
    endless_keys: "sends more than",
    extraneous_file: "no path that every system takes",
    too_large_a_version: "more than the",
    later_keys_that_are_not_there: "latest are of epoch 1",
    keys_of_a_thief: "not by one of the keys that count",
    skipped_keys: "there is nothing at",
    countless_keys: "more than 100",
    slow_pointer: "took more than",
    slow_head: "took more than",
    slow_file: "took more than",
    silence: "took more than",
    captive_portal: "is no signed document",
    bomb: "is no signed document",
    number_that_nobody_can_read: "needs detector_runtime of a newer kind",
    key_that_is_no_text: "is no signed document",
    length_that_nobody_can_read: "is no signed document",
    words_that_move_the_cursor: "answers 500 all [2J [1;1Hwell",
}


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
def test_an_attack_is_refused_and_the_model_works_on(
    scene: Scene, attack: Callable[[Scene], None], updating: Updating, used: Callable[[], float]
) -> None:
    attack(scene)
    began = time.monotonic()
    result = updating().check(now=True)
    assert time.monotonic() - began < 60
    assert result.outcome == "failed"
    assert result.error is not None
    assert ATTACKS[attack] in result.error.problem
    assert result.error.fix
    assert used() == 2


def test_a_freeze_is_noticed(
    scene: Scene, updating: Updating, used: Callable[[], float], clock: Any
) -> None:
    """Somebody answers with the same document for ever."""
    scene.publisher.channel_file.write_bytes(scene.current)
    clock.now += 60 * 86_400
    result = updating().check()
    assert (result.outcome, used()) == ("current", 2)
    assert "somebody keeps newer ones from this computer" in result.message
    assert updating().status().is_expired


def test_after_each_attack_an_honest_update_comes_through(
    scene: Scene, updating: Updating, used: Callable[[], float]
) -> None:
    altered_file(scene)
    assert updating().check(now=True).outcome == "failed"
    scene.publisher.publish(4)
    assert updating().check(now=True).outcome == "updated"
    assert used() == 4


def test_new_keys_are_followed_one_after_the_other(
    scene: Scene, updating: Updating, used: Callable[[], float]
) -> None:
    for _ in range(3):
        scene.publisher.rotate()
    scene.publisher.publish(5)
    assert updating().check(now=True).outcome == "updated"
    assert (used(), updating().status().keys_epoch) == (5, 4)


def test_a_key_that_was_revoked_counts_no_more(
    scene: Scene, updating: Updating, used: Callable[[], float]
) -> None:
    stolen = scene.publisher.release
    scene.publisher.rotate()
    scene.publisher.publish(5)
    assert updating().check(now=True).outcome == "updated"
    scene.publisher.offer(scene.publisher.add(small_model(9), key=stolen), key=stolen)
    result = updating().check(now=True)
    assert (result.outcome, used()) == ("failed", 5)


def test_fast_forward_and_the_recovery_after_new_keys(
    scene: Scene, updating: Updating, used: Callable[[], float]
) -> None:
    """A thief with the release key signs the highest number, of the year 9999 (TUF 5.3.11)."""
    honest = scene.publisher.moves
    far = scene.publisher.now.replace(year=9998)
    scene.publisher.offer(
        scene.newest.name, sequence=99_999_999, issued_at=far, expires_at=far + timedelta(days=9)
    )
    assert updating().check(now=True).outcome == "updated"
    scene.publisher.moves = honest
    scene.publisher.publish(4)
    assert updating().check(now=True).outcome == "failed"
    scene.publisher.rotate()
    scene.publisher.publish(5)
    assert updating().check(now=True).outcome == "updated"
    assert used() == 5
    scene.publisher.publish(6)
    assert updating().check(now=True).outcome == "updated"


def test_a_program_that_ships_later_keys_is_believed(
    scene: Scene, updating: Updating, tmp_path: Path, used: Callable[[], float]
) -> None:
    """After a root key was stolen nothing on the net can be believed; a new program can."""
    scene.publisher.rotate(signed_by=THIEF)
    scene.publisher.publish(7)
    assert updating().check(now=True).outcome == "failed"
    shutil.copy(scene.publisher.keys_file, tmp_path / "shipped.json")
    assert updating().check(now=True).outcome == "updated"
    assert used() == 7


JUDGE = Path(file_server.__file__).with_name("tuf_judge.py")
JUDGED = (
    *(altered_file, altered_pointer, wrong_key, rollback, mix_and_match, mixed_files),
    *(endless_pointer, endless_file),
)
"""Attacks that can be made on the reference client as well, under the same names."""


@pytest.mark.slow
def test_the_reference_client_of_tuf_says_the_same() -> None:
    """What is refused here, it refuses; what is taken after a recovery, it takes."""
    command = ["uv", "run", "--no-project", "--with", "tuf==7.0.1", "--with", "cryptography"]
    done = subprocess.run(
        [*command, "python", str(JUDGE)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    refuses = json.loads(done.stdout)
    assert [attack for attack in JUDGED if not refuses.pop(attack.__name__)] == []
    assert refuses == {
        "freeze": True,
        "revoked_key": True,
        "fast_forward": True,
        "fast_forward_and_new_keys": False,
    }
