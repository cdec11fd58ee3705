"""A data set repository as the Hugging Face hub serves it, for as much as huggingface_hub 2.4 asks.

Requests and answers are those of its source (`_commit_api.py`, `lfs.py`, `hf_api.py`): files above
ten bytes that end in .png go through Git LFS, as the `.gitattributes` of a new data set says of
images; all others are within the commit. A commit that follows another one than the newest is
refused with 412. Whoever asks for a large file is sent on to another host, with an address that is
signed, as the hub does.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

import pytest
from huggingface_hub import constants

NAME = "somebody/contributions"
TOKEN = "hf_not-to-be-shown"
SIGNATURE = "signed-and-not-to-be-shown"
API = f"/api/datasets/{NAME}"
FILES = f"/datasets/{NAME}/resolve/"
RANGE = re.compile(r"bytes=(?P<first>\d+)-(?P<last>\d+)")


@dataclass
class Repository:
    """What the hub holds.

    Attributes:
        commits: their operations, the oldest first: paths by kind.
        stored: what was uploaded through Git LFS, by digest, and how often each was.
        earlier: what the files were, by commit.
        refusals: statuses and headers with which the next commits are refused.
        limits: headers with which the next readings are refused, because there were too many.
        meanwhile: called before the next commit is looked at.
        page: entries of one page of a listing.
        pages: of listings that were asked for.
        seconds: that a page takes.
        next_page: another address than its own, which that of the next page begins with.
        knows_ranges: whether a part of a file can be had.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    commits: list[list[str]] = field(default_factory=list)
    stored: dict[str, bytes] = field(default_factory=dict)
    puts: list[str] = field(default_factory=list)
    earlier: dict[str, dict[str, bytes]] = field(default_factory=dict)
    refusals: deque[tuple[int, dict[str, str]]] = field(default_factory=deque)
    limits: deque[dict[str, str]] = field(default_factory=deque)
    meanwhile: Callable[[], object] | None = None
    page: int = 1000
    pages: int = 0
    seconds: float = 0.0
    next_page: str = ""
    knows_ranges: bool = True
    lock: Any = field(default_factory=threading.RLock)

    @property
    def head(self) -> str:
        return hashlib.sha1(str(len(self.commits)).encode()).hexdigest()

    def at(self, revision: str) -> dict[str, bytes]:
        """The files of a commit."""
        return self.files if revision in ("main", self.head) else self.earlier[revision]

    def info(self, path: str, revision: str = "main") -> dict[str, Any]:
        content = self.at(revision)[path]
        blob = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
        found = {"type": "file", "path": path, "size": len(content), "oid": blob}
        if is_large(path):
            oid = hashlib.sha256(content).hexdigest()
            pointer = {"oid": oid, "size": len(content), "pointerSize": 130}
            return {**found, "oid": "0" * 40, "lfs": pointer}
        return found

    def tree(self, revision: str, folder: str, *, recursive: bool) -> list[dict[str, Any]]:
        """Files and folders in a folder, or all below it, by their path."""
        start = f"{folder}/" if folder else ""
        paths = self.at(revision)
        below = [path.removeprefix(start) for path in paths if path.startswith(start)]
        whole = [path for path in below if recursive or "/" not in path]
        files = [self.info(start + path, revision) for path in whole]
        folders = {str(one) for path in below for one in PurePosixPath(path).parents} - {"."}
        entries = [
            {"type": "directory", "path": start + one, "oid": "1" * 40, "size": 0}
            for one in folders
            if recursive or "/" not in one
        ]
        return sorted([*files, *entries], key=lambda one: str(one["path"]))

    def commit(self, lines: list[dict[str, Any]]) -> None:
        done = []
        self.earlier[self.head] = dict(self.files)
        for line in lines:
            value = line["value"]
            if line["key"] == "file":
                self.files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                self.files[value["path"]] = self.stored[value["oid"]]
            elif line["key"] == "deletedFile":
                del self.files[value["path"]]
            done.append(value["path"])
        self.commits.append(done)


def split(path: str) -> tuple[str, str]:
    """A revision, and what is asked for of it."""
    revision, _, rest = path.partition("/")
    return revision, rest


def is_large(path: str) -> bool:
    return path.endswith(".png")


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    repository: Repository

    def log_message(self, *_: object) -> None:
        pass

    def answer(self, status: int, body: Any = None, **headers: str) -> None:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        if isinstance(body, dict) and "error" in body:
            headers["X_Error_Message"] = body["error"]
        for name, value in {"Content-Length": str(len(content)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        repository, path = self.repository, unquote(urlsplit(self.path).path)
        if path.startswith("/elsewhere/"):
            self.elsewhere(path.removeprefix("/elsewhere/"))
            return
        if self.refused():
            return
        if repository.limits:
            self.answer(429, {"error": "Too many requests"}, **repository.limits.popleft())
        elif path == API or path == f"{API}/revision/main":
            self.answer(200, {"id": NAME, "sha": repository.head, "private": True, "tags": []})
        elif path.startswith(FILES):
            self.file(*split(path.removeprefix(FILES)))
        elif path.startswith(f"{API}/tree/"):
            self.tree(*split(path.removeprefix(f"{API}/tree/")))
        else:
            self.answer(404, {"error": "Repository not found"}, X_Error_Code="RepoNotFound")

    def do_PUT(self) -> None:
        """What is uploaded through Git LFS."""
        content = self.body()
        oid = self.path.rpartition("/")[2]
        if hashlib.sha256(content).hexdigest() != oid:
            self.answer(400, {"error": "another digest"})
            return
        self.repository.stored[oid] = content
        self.repository.puts.append(oid)
        self.answer(200, b"", ETag=f'"{oid}"')

    def do_POST(self) -> None:
        path, content = unquote(urlsplit(self.path).path), self.body()
        if self.refused():
            return
        with self.repository.lock:
            if path.startswith(f"{API}/paths-info/"):
                asked = parse_qs(content.decode()).get("paths", [])
                there = [p for p in asked if p in self.repository.files]
                self.answer(200, [self.repository.info(p) for p in there])
            elif path.startswith(f"{API}/preupload/"):
                self.answer(200, {"files": [self.mode(f) for f in json.loads(content)["files"]]})
            elif path == f"/datasets/{NAME}.git/info/lfs/objects/batch":
                self.batch(json.loads(content))
            elif path == f"{API}/commit/main":
                self.commit([json.loads(line) for line in content.splitlines()])
            else:
                self.answer(404, {"error": "Repository not found"}, X_Error_Code="RepoNotFound")

    def refused(self) -> bool:
        if self.headers.get("Authorization") == f"Bearer {TOKEN}":
            return False
        self.answer(401, {"error": "Invalid credentials"})
        return True

    def mode(self, file: dict[str, Any]) -> dict[str, Any]:
        mode = "lfs" if is_large(file["path"]) else "regular"
        return {"path": file["path"], "uploadMode": mode, "shouldIgnore": False}

    def batch(self, asked: dict[str, Any]) -> None:
        objects = []
        for one in asked["objects"]:
            found = {"oid": one["oid"], "size": one["size"]}
            if one["oid"] not in self.repository.stored:
                href = f"http://{self.headers['Host']}/lfs/{one['oid']}"
                found["actions"] = {"upload": {"href": href, "header": {}}}
            objects.append(found)
        self.answer(200, {"transfer": "basic", "objects": objects})

    def commit(self, lines: list[dict[str, Any]]) -> None:
        repository = self.repository
        if repository.refusals:
            status, headers = repository.refusals.popleft()
            self.answer(status, {"error": "You have exceeded a limit"}, **headers)
            return
        meanwhile, repository.meanwhile = repository.meanwhile, None
        if meanwhile:
            meanwhile()
        header, *operations = lines
        if header["value"].get("parentCommit", repository.head) != repository.head:
            self.answer(412, {"error": "A commit has happened since. Please refresh."})
            return
        repository.commit(operations)
        url = f"http://{self.headers['Host']}/datasets/{NAME}/commit/{repository.head}"
        self.answer(200, {"success": True, "commitOid": repository.head, "commitUrl": url})

    def tree(self, revision: str, folder: str) -> None:
        """A page of what lies in a folder or below it, and the address of the next page."""
        address = urlsplit(self.path)
        asked = {name: values[0] for name, values in parse_qs(address.query).items()}
        recursive, start = asked["recursive"].lower(), int(asked.get("cursor", 0))
        found = self.repository.tree(revision, folder, recursive=recursive == "true")
        if not found and folder:
            self.answer(404, {"error": "Entry not found"}, X_Error_Code="EntryNotFound")
            return
        end, links = start + self.repository.page, {}
        if found[end:]:
            query = f"recursive={recursive}&cursor={end}"
            hub = self.repository.next_page or f"http://{self.headers['Host']}"
            links["Link"] = f'<{hub}{address.path}?{query}>; rel="next"'
        self.repository.pages += 1
        time.sleep(self.repository.seconds)
        self.answer(200, found[start:end], **links)

    def file(self, revision: str, path: str) -> None:
        content = self.repository.at(revision).get(path)
        if content is None:
            self.answer(404, {"error": "Entry not found"}, X_Error_Code="EntryNotFound")
            return
        tag = hashlib.sha256(content).hexdigest()
        facts = {"ETag": f'"{tag}"', "X_Repo_Commit": self.repository.head}
        if is_large(path):
            port = self.headers["Host"].partition(":")[2]
            signed = f"{revision}/{quote(path)}?Signature={SIGNATURE}"
            place = f"http://localhost:{port}/elsewhere/{signed}"
            self.answer(302, Location=place, **facts)
        else:
            self.content(content, facts)

    def elsewhere(self, path: str) -> None:
        """Large files: whoever shows a token, too, is refused, as S3 does."""
        revision, path = split(path)
        if "Authorization" in self.headers:
            self.answer(400, {"error": "Only one way to sign is allowed"})
        elif path not in self.repository.at(revision):
            self.answer(403, {"error": ""})
        else:
            self.content(self.repository.at(revision)[path], {})

    def content(self, content: bytes, facts: dict[str, str]) -> None:
        """All of it, or the part that is asked for."""
        wanted = RANGE.fullmatch(self.headers.get("Range", ""))
        if wanted is None or not self.repository.knows_ranges:
            self.answer(200, content, **facts)
        elif int(wanted["first"]) >= len(content):
            self.answer(416, {"error": "Range not satisfiable"})
        else:
            first, last = int(wanted["first"]), min(int(wanted["last"]), len(content) - 1)
            place = f"bytes {first}-{last}/{len(content)}"
            self.answer(206, content[first : last + 1], Content_Range=place, **facts)


@contextmanager
def hub() -> Iterator[tuple[str, Repository]]:
    """The address of a running hub, and what it holds; large files go to it by Git LFS."""
    repository = Repository()
    handler = type("OwnHandler", (Handler,), {"repository": repository})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        # Its own protocol for large files is that of a compiled package, with servers of its own.
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(constants, "HF_HUB_DISABLE_XET", True)
            yield f"http://127.0.0.1:{server.server_address[1]}", repository
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
