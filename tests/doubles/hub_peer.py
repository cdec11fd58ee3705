"""What the client of the Hugging Face Hub does where a server or a network is not as it should be.

    uv run --no-project --with huggingface_hub==2.4.0 python tests/doubles/hub_peer.py

Prints by case, named as in `docs/compare_updaters.py`, what came of it. `hf_hub_download` keeps one
file, of the branch `main`, and `snapshot_download` all files of a version; a version is a commit.
The server answers as the hub does: `HEAD` with the commit and the digest (ETag) of a file, `GET`
with the file, and a list of files. It runs in an environment of its own.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

os.environ |= {"HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
os.environ |= {"HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_DOWNLOAD_TIMEOUT": "2"}

from huggingface_hub import hf_hub_download, snapshot_download

CLOCK, DAY = time.time, 86_400.0
REPOSITORY = "somebody/blocks"
NAME = "model.onnx"
FIRST, SECOND, THIRD = b"the first model", b"a second model!", b"the third model"
ENDLESS = 32 << 20
"""Bytes that are sent in the place of fifteen; a client that stops before has noticed."""


class Hub(ThreadingHTTPServer):
    """A hub with one repository.

    Attributes:
        commits: files by name, by commit.
        main: the commit of the branch.
        answers: by name, what is sent in the place of a file; None: the connection breaks.
        sent: bytes of the last answer that the client took.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.commits: dict[str, dict[str, bytes]] = {}
        self.main = ""
        self.answers: dict[str, bytes | None] = {}
        self.endless = False
        self.sent = 0
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    def commit(self, content: bytes, **others: bytes) -> str:
        """Another version; the branch moves to it."""
        files = {NAME: content, **others}
        self.main = hashlib.sha1(repr(sorted(files.items())).encode()).hexdigest()
        self.commits[self.main] = files
        return self.main

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients go away: that is what is tried."""


class Handler(BaseHTTPRequestHandler):
    server: Hub

    def do_HEAD(self) -> None:
        found = self._found()
        if found is None:
            self.send_error(404)
            return
        commit, content = found
        self._head(commit, content, len(content))

    def do_GET(self) -> None:
        if self.path.startswith("/api/"):
            self._api()
            return
        found = self._found()
        if found is None:
            self.send_error(404)
            return
        commit, content = found
        hub, name = self.server, self.path.rpartition("/")[2]
        answer = hub.answers.get(name, content)
        if hub.endless:
            self._head(commit, content, None)
            hub.sent = 0
            while hub.sent < ENDLESS:
                hub.sent += self.wfile.write(bytes(1 << 16))
        elif answer is None:
            self._head(commit, content, len(content))
            self.wfile.write(content[:5])
            self.close_connection = True
        else:
            self._head(commit, content, len(answer))
            self.wfile.write(answer)

    def _found(self) -> tuple[str, bytes] | None:
        """The commit and the file that a path names."""
        _, _, rest = self.path.partition("/resolve/")
        revision, _, name = rest.partition("/")
        commit = self.server.main if revision == "main" else revision
        content = self.server.commits.get(commit, {}).get(name)
        return None if content is None else (commit, content)

    def _head(self, commit: str, content: bytes, size: int | None) -> None:
        self.send_response(200)
        self.send_header("X-Repo-Commit", commit)
        self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
        if size is not None:
            self.send_header("Content-Length", str(size))
        self.end_headers()

    def _api(self) -> None:
        commit = self.server.main
        files = self.server.commits[commit]
        said: Any = {"id": REPOSITORY, "sha": commit, "siblings": [{"rfilename": n} for n in files]}
        if "/tree/" in self.path:
            said = [
                {"type": "file", "path": name, "size": len(content), "oid": "0" * 40}
                for name, content in files.items()
            ]
        body = json.dumps(said).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        """Silent."""


class Player:
    """A program that has the second of three versions."""

    def __init__(self, folder: Path) -> None:
        self.hub = Hub()
        self.folder = folder
        self.first = self.hub.commit(FIRST)
        assert self.update() == FIRST
        self.second = self.hub.commit(SECOND)
        assert self.update() == SECOND
        self.third = self.hub.commit(THIRD)

    def update(self, revision: str = "main", **options: Any) -> bytes:
        """The model that a program opens which asks for the newest."""
        return Path(self._download(revision, cache_dir=self.folder / "cache")).read_bytes()

    def update_folder(self) -> bytes:
        """The same with a folder of one's own instead of the cache."""
        return Path(self._download("main", local_dir=self.folder / "models")).read_bytes()

    def update_all(self) -> set[str]:
        """Names of the files of the newest version."""
        place = {"endpoint": self._address, "cache_dir": self.folder / "all", "token": False}
        folder = Path(snapshot_download(REPOSITORY, **place))
        return {file.name for file in folder.iterdir()}

    def go_offline(self) -> None:
        self.hub.shutdown()
        self.hub.server_close()

    @property
    def _address(self) -> str:
        return f"http://127.0.0.1:{self.hub.server_port}"

    def _download(self, revision: str, **where: Path) -> str:
        return hf_hub_download(
            REPOSITORY, NAME, revision=revision, endpoint=self._address, token=False, **where
        )


def taken(update: Callable[[], object]) -> str:
    """Whether an update comes to its end."""
    try:
        update()
    except Exception:
        return "refused"
    return "accepted"


def altered_file(player: Player) -> str:
    player.hub.answers[NAME] = THIRD.replace(b"model", b"MODEL")
    return taken(player.update)


def cut_file(player: Player) -> str:
    player.hub.answers[NAME] = THIRD[:-1]
    return taken(player.update)


def rollback(player: Player) -> str:
    player.hub.main = player.first
    return "accepted" if player.update() == FIRST else "refused"


def mix_and_match(player: Player) -> str:
    player.hub.answers[NAME] = FIRST
    return taken(player.update)


def extraneous_file(player: Player) -> str:
    files = player.hub.commits[player.third]
    player.update_all()
    files["extra.txt"] = b"more"
    player.folder = player.folder / "another computer"
    return "accepted" if "extra.txt" in player.update_all() else "refused"


def endless_file(player: Player) -> str:
    player.hub.endless = True
    taken(player.update)
    return "read on" if player.hub.sent >= ENDLESS else "refused"


def offline(player: Player) -> str:
    player.go_offline()
    _set_clock(60 * DAY)
    return "works" if player.update() == SECOND else "does not work"


def clock_ahead(player: Player) -> str:
    _set_clock(5 * 365 * DAY)
    return taken(player.update)


def clock_behind(player: Player) -> str:
    _set_clock(-5 * 365 * DAY)
    return taken(player.update)


def cut_update(player: Player) -> str:
    """The connection is lost during an update, and the next start has none."""
    player.hub.answers[NAME] = None
    taken(player.update)
    player.go_offline()
    return "works" if taken(player.update) == "accepted" else "does not work"


def cut_update_of_a_folder(player: Player) -> str:
    player.hub.main = player.second
    player.update_folder()
    player.hub.main = player.third
    player.hub.answers[NAME] = None
    taken(player.update_folder)
    player.go_offline()
    return "works" if taken(player.update_folder) == "accepted" else "does not work"


def damaged_here(player: Player) -> str:
    (model,) = (player.folder / "cache").glob(f"models--*/snapshots/{player.second}/{NAME}")
    model.resolve().write_bytes(b"damaged")
    player.hub.main = player.second
    return "not noticed" if player.update() == b"damaged" else "noticed"


def own_model(player: Player) -> str:
    player.update_folder()
    player.hub.commit(b"the fourth one")
    (player.folder / "models" / NAME).write_bytes(b"my own")
    return "stays" if player.update_folder() == b"my own" else "is replaced"


def publisher_goes_back(player: Player) -> str:
    assert player.update() == THIRD
    player.hub.main = player.second
    return "works" if player.update() == SECOND else "does not work"


def back(player: Player) -> str:
    player.update()
    player.go_offline()
    return "by naming it" if player.update(player.second) == SECOND else "not offered"


def _set_clock(ahead: float) -> None:
    time.time = lambda: CLOCK() + ahead


CASES: tuple[Callable[[Player], str], ...] = (
    *(altered_file, cut_file, rollback, mix_and_match, extraneous_file, endless_file),
    *(offline, clock_ahead, clock_behind, cut_update, cut_update_of_a_folder, damaged_here),
    *(own_model, back),
    publisher_goes_back,
)


def outcome(case: Callable[[Player], str]) -> str:
    with tempfile.TemporaryDirectory() as folder:
        try:
            return case(Player(Path(folder)))
        finally:
            _set_clock(0.0)


if __name__ == "__main__":
    print(json.dumps({case.__name__: outcome(case) for case in CASES}))
