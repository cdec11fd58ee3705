"""What `detector_runtime.updates` does in the cases that others are tried in, for one table of all.

    uv run python tests/doubles/updater_peer.py

Prints by case, as `docs/compare_updaters.py` names them, what came of it. `test_attacks.py` tests
the attacks, and more of them.
"""

from __future__ import annotations

import json
import logging
import shutil
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from detector_runtime.updates import downloads, updater
from detector_runtime.updates.signatures import SigningKey

from detector_runtime import ModelUpdater

sys.path.insert(0, str(Path(__file__).parents[1]))

from doubles import file_server
from doubles.publisher import Publisher, signed_again, small_model

IMAGE = np.zeros((64, 64, 3), np.uint8)
YEARS = timedelta(days=5 * 365)
CLOCK = updater.time
downloads.PAUSES = (0.0, 0.0, 0.0)


class Player:
    """A program that was shipped with the first keys, and has the second of three models.

    Models are told apart by where they find a sheep.
    """

    def __init__(self, folder: Path) -> None:
        self.publisher = Publisher(folder / "published")
        self.folder = folder
        shutil.copy(self.publisher.keys_file, folder / "shipped.json")
        self._cleanup = ExitStack()
        self.server = self._cleanup.enter_context(file_server.serving(self.publisher.folder))
        self.address = self.server.address
        self.first = self.publisher.publish(1)
        self.old = self.publisher.channel_file.read_bytes()
        assert self.update() == 1
        self.second = self.publisher.publish(2)
        assert self.update() == 2
        self.third = self.publisher.publish(3)

    @property
    def updates(self) -> ModelUpdater:
        """Made anew, as a program does at its start."""
        keys = self.folder / "shipped.json"
        return ModelUpdater(self.folder / "models", self.address, keys=keys)

    @property
    def newest(self) -> Path:
        return self.publisher.folder / "versions" / self.third

    def used(self) -> float:
        """The model that a program opens which starts now."""
        with self.updates.detector(watch=False) as detector:
            return float(detector.detect_fast(IMAGE).boxes[0, 0])

    def update(self) -> float:
        """The model that is used after a look for a newer one."""
        self.updates.check(now=True)
        return self.used()

    def go_offline(self) -> None:
        self._cleanup.close()


def kept(player: Player) -> str:
    """Whether the model in use is the one before what is tried, and what failed was told."""
    failed = player.updates.check(now=True).outcome in ("failed", "expired")
    return "refused" if failed and player.used() == 2 else "accepted"


def altered_file(player: Player) -> str:
    model = player.newest / "model.onnx"
    model.write_bytes(model.read_bytes()[:-1] + b"!")
    return kept(player)


def cut_file(player: Player) -> str:
    model = player.newest / "model.onnx"
    model.write_bytes(model.read_bytes()[:-1])
    return kept(player)


def wrong_key(player: Player) -> str:
    signed_again(player.publisher.channel_file, SigningKey.generate())
    return kept(player)


def revoked_key(player: Player) -> str:
    stolen = player.publisher.release
    player.publisher.rotate()
    player.publisher.publish(2)
    assert player.update() == 2
    version = player.publisher.add(small_model(9), key=stolen)
    player.publisher.offer(version, key=stolen)
    return kept(player)


def rollback(player: Player) -> str:
    player.publisher.channel_file.write_bytes(player.old)
    return kept(player)


def freeze(player: Player) -> str:
    """The documents that were there, sixty days later."""
    assert player.update() == 3
    _set_clock(timedelta(days=60))
    return "noticed" if player.updates.check(now=True).message.count("expired") else "not noticed"


def mix_and_match(player: Player) -> str:
    manifest = player.publisher.folder / "versions" / player.first / "manifest.json"
    shutil.copy(manifest, player.newest / "manifest.json")
    return kept(player)


def extraneous_file(player: Player) -> str:
    manifest = json.loads((player.newest / "manifest.json").read_text())
    manifest["signed"]["files"]["extra.txt"] = manifest["signed"]["files"]["model.onnx"]
    (player.newest / "manifest.json").write_text(json.dumps(manifest))
    shutil.copy(player.newest / "model.onnx", player.newest / "extra.txt")
    return kept(player)


def endless_document(player: Player) -> str:
    player.server.faults["champion.json"] = file_server.endless
    return kept(player)


def endless_file(player: Player) -> str:
    player.server.faults["model.onnx"] = file_server.endless
    return kept(player)


def fast_forward(player: Player) -> str:
    """Whether honest models come through again, once there are new keys."""
    honest = player.publisher.moves
    player.publisher.offer(player.third, sequence=99_999_999)
    assert player.update() == 3
    player.publisher.moves = honest
    player.publisher.rotate()
    player.publisher.publish(4)
    return "recovers" if player.update() == 4 else "is lost"


def offline(player: Player) -> str:
    player.go_offline()
    _set_clock(timedelta(days=60))
    return "works" if player.update() == 2 else "does not work"


def clock_ahead(player: Player) -> str:
    _set_clock(YEARS)
    refused = kept(player)
    player.updates.check(now=True, allow=["expired"])
    return f"{refused}, unless asked" if player.used() == 3 else refused


def clock_behind(player: Player) -> str:
    _set_clock(-YEARS)
    return kept(player)


def cut_update(player: Player) -> str:
    """The connection is lost during an update, and the next start has none."""
    player.server.faults["model.onnx"] = file_server.cut_at(20)
    kept(player)
    player.go_offline()
    return "works" if player.update() == 2 else "does not work"


def damaged_here(player: Player) -> str:
    (player.folder / "models" / "versions" / player.second / "model.onnx").write_bytes(b"damaged")
    return "noticed" if player.used() == 1 else "not noticed"


def own_model(player: Player) -> str:
    mine = player.folder / "mine.onnx"
    mine.write_bytes(small_model(9))
    player.updates.use(mine)
    return "stays" if player.update() == 9 else "is replaced"


def back(player: Player) -> str:
    assert player.update() == 3
    player.go_offline()
    player.updates.rollback()
    return "one call" if player.update() == 2 else "not offered"


def publisher_goes_back(player: Player) -> str:
    assert player.update() == 3
    player.publisher.offer(player.second)
    return "works" if player.update() == 2 else "does not work"


def _set_clock(ahead: timedelta) -> None:
    """What the updater takes for now."""
    updater.time = SimpleNamespace(
        time=lambda: (datetime.now(UTC) + ahead).timestamp(),
        monotonic=CLOCK.monotonic,
        sleep=CLOCK.sleep,
    )


CASES: tuple[Callable[[Player], str], ...] = (
    *(altered_file, cut_file, wrong_key, revoked_key, rollback, freeze, mix_and_match),
    *(extraneous_file, endless_document, endless_file, fast_forward),
    *(offline, clock_ahead, clock_behind, cut_update, damaged_here, own_model, back),
    publisher_goes_back,
)


def outcome(case: Callable[[Player], str]) -> str:
    with tempfile.TemporaryDirectory() as folder:
        player = Player(Path(folder))
        try:
            return case(player)
        finally:
            player.go_offline()
            updater.time = CLOCK


if __name__ == "__main__":
    logging.disable()
    print(json.dumps({case.__name__: outcome(case) for case in CASES}))
