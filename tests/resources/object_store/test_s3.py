"""What an S3 store makes of answers that are lost, late or refused, and what it tells nobody."""

from __future__ import annotations

import hashlib
import sys
import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from pipeline.progress import Progress
from resources.object_store import s3
from resources.object_store.base import ObjectStoreError
from resources.object_store.conformance import examine, writes_conditionally
from resources.object_store.s3 import S3Store

SECRET = "wJalrXUtnFEMI-not-to-be-shown"


@dataclass
class Bucket:
    """A bucket that answers as scripted: a status, "lost" (done, no answer) or "cut" (half)."""

    url: str = ""
    objects: dict[str, bytes] = field(default_factory=dict)
    script: deque[int | str] = field(default_factory=deque)
    requests: list[str] = field(default_factory=list)
    heeds_conditions: bool = True

    def put(self, key: str, content: bytes, if_none: str | None, if_match: str | None) -> int:
        there = self.objects.get(key)
        if self.heeds_conditions:
            if if_none and there is not None:
                return 412
            if if_match and there is None:
                return 404
            if if_match and there is not None and if_match != tag_of(there):
                return 412
        self.objects[key] = content
        return 200


def tag_of(content: bytes) -> str:
    return f'"{hashlib.md5(content).hexdigest()}"'


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    bucket = Bucket()

    class Handler(BaseHTTPRequestHandler):
        # boto3 asks whether it may go on, which HTTP/1.0 does not answer.
        protocol_version = "HTTP/1.1"

        def log_message(self, *_args: object) -> None:
            pass

        def do_PUT(self) -> None:
            content = self.rfile.read(int(self.headers["Content-Length"]))
            self.answer(lambda: self.put(content))

        def do_GET(self) -> None:
            self.answer(self.list if "list-type" in self.path else self.get)

        def do_DELETE(self) -> None:
            bucket.objects.pop(self.path, None)
            self.reply(204)

        def put(self, content: bytes) -> None:
            conditions = (self.headers["If-None-Match"], self.headers["If-Match"])
            status = bucket.put(self.path, content, *conditions)
            self.reply(status, b"", tag_of(content))

        def list(self) -> None:
            rows = "".join(
                f"<Contents><Key>{path.split('/', 2)[2]}</Key><Size>1</Size><ETag>tag</ETag>"
                "<LastModified>2026-01-01T00:00:00.000Z</LastModified></Contents>"
                for path in bucket.objects
            )
            self.reply(200, f"<ListBucketResult>{rows}</ListBucketResult>".encode())

        def get(self) -> None:
            content = bucket.objects.get(self.path)
            if content is None:
                self.reply(404)
                return
            if self.headers["If-Match"] not in (None, tag_of(content)):
                self.reply(412)
                return
            start = int((self.headers["Range"] or "bytes=0-").split("=")[1].rstrip("-"))
            self.reply(206 if start else 200, content[start:], tag_of(content))

        def answer(self, act: object) -> None:
            bucket.requests.append(f"{self.command} {self.headers['Range'] or ''}".strip())
            self.fault = bucket.script.popleft() if bucket.script else ""
            if isinstance(self.fault, int):
                self.reply(self.fault)
            else:
                act()  # type: ignore[operator]

        def reply(self, status: int, body: bytes = b"", tag: str = "") -> None:
            if self.fault == "lost":
                self.close_connection = True
                return
            code = {404: "NoSuchKey", 412: "PreconditionFailed"}.get(status, "Scripted")
            if status >= 400:
                body = f"<Error><Code>{code}</Code><Message>said</Message></Error>".encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("ETag", tag)
            self.end_headers()
            self.wfile.write(body[: len(body) // 2] if self.fault == "cut" else body)
            self.close_connection = self.fault == "cut"

        fault: int | str = ""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    bucket.url = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setenv("AWS_ENDPOINT_URL", bucket.url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_REGION", "auto")
    monkeypatch.setattr(s3, "FIRST_WAIT_SECONDS", 0.01)
    yield bucket
    server.shutdown()
    server.server_close()


@pytest.fixture
def store(bucket: Bucket) -> S3Store:
    return S3Store("bucket", "models")


@pytest.mark.parametrize("fault", ["lost", 500, 503, 429])
def test_a_write_whose_answer_is_lost_is_known_again(
    bucket: Bucket, store: S3Store, fault: int | str
) -> None:
    bucket.script.extend([fault, "lost", ""])
    assert store.put_if_absent("key", b"mine") == tag_of(b"mine")
    bucket.script.extend(["lost"])
    assert store.put_if_match("key", b"later", tag_of(b"mine")) == tag_of(b"later")
    assert bucket.objects["/bucket/models/key"] == b"later"


def test_another_writers_object_is_not_taken_for_ones_own(bucket: Bucket, store: S3Store) -> None:
    bucket.objects["/bucket/models/key"] = b"theirs"
    bucket.script.extend([500, ""])
    assert store.put_if_absent("key", b"mine") is None
    bucket.script.extend([500, ""])
    assert store.put_if_match("key", b"mine", tag_of(b"of before")) is None
    # The same bytes, and no doubt about who has written them.
    assert store.put_if_absent("key", b"theirs") is None


def test_a_writer_is_asked_to_come_again_while_another_one_writes(
    bucket: Bucket, store: S3Store
) -> None:
    bucket.script.extend([409, 409, ""])
    assert store.put_if_absent("key", b"mine") is not None
    bucket.script.extend([409] * s3.ATTEMPTS)
    assert store.put_if_absent("other", b"mine") is None


def test_a_download_goes_on_where_it_broke_off(
    bucket: Bucket, store: S3Store, tmp_path: Path
) -> None:
    content = bytes(range(256)) * 8000
    bucket.objects["/bucket/models/key"] = content
    bucket.script.extend(["cut", "cut", 503, ""])
    store.download("key", tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == content
    starts = [request.removeprefix("GET bytes=").rstrip("-") for request in bucket.requests]
    assert starts[0] == "GET"
    assert 0 < int(starts[1]) < int(starts[2]) == int(starts[3])


def test_a_download_is_of_one_object_and_not_of_two(
    bucket: Bucket, store: S3Store, tmp_path: Path
) -> None:
    bucket.objects["/bucket/models/key"] = bytes(1 << 21)
    bucket.script.extend(["cut"])

    def replaced(_: Progress) -> None:
        bucket.objects["/bucket/models/key"] = bytes([1]) * (1 << 21)

    with pytest.raises(ObjectStoreError, match="PreconditionFailed"):
        store.download("key", tmp_path / "file", replaced)
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_sent_from_its_beginning_each_time(
    bucket: Bucket, store: S3Store, tmp_path: Path
) -> None:
    (tmp_path / "file").write_bytes(b"content")
    bucket.script.extend([500, ""])
    assert store.upload("key", tmp_path / "file")
    assert bucket.objects["/bucket/models/key"] == b"content"
    assert not store.upload("key", tmp_path / "file")


def test_what_was_removed_is_not_replaced(bucket: Bucket, store: S3Store) -> None:
    assert store.put_if_match("key", b"mine", tag_of(b"of before")) is None
    assert bucket.objects == {}


def test_a_listing_is_by_key_whatever_the_server_does(bucket: Bucket, store: S3Store) -> None:
    for name in ("b", "c", "a"):
        bucket.objects[f"/bucket/models/{name}"] = b"x"
    assert [one.key for one in store.listing()] == ["a", "b", "c"]


def test_a_download_that_fails_leaves_the_file_of_before(
    bucket: Bucket, store: S3Store, tmp_path: Path
) -> None:
    (tmp_path / "file").write_bytes(b"before")
    bucket.objects["/bucket/models/key"] = bytes(1000)
    bucket.script.extend(["cut"] * s3.ATTEMPTS)
    with pytest.raises(ObjectStoreError):
        store.download("key", tmp_path / "file")
    assert [file.read_bytes() for file in tmp_path.iterdir()] == [b"before"]


def test_a_download_that_cannot_be_written_says_so(
    bucket: Bucket, store: S3Store, tmp_path: Path
) -> None:
    bucket.objects["/bucket/models/key"] = b"content"
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ObjectStoreError, match="cannot be written") as raised:
        store.download("key", tmp_path / "file" / "below")
    assert "Make room" in raised.value.fix


def test_a_server_that_ignores_conditions_is_found_out(bucket: Bucket, store: S3Store) -> None:
    assert writes_conditionally(store)
    bucket.heeds_conditions = False
    assert not writes_conditionally(store)
    found = {finding.what: finding.problem for finding in examine(S3Store("bucket"))}
    assert "If-None-Match is ignored" in found["refuses to write a new object where there is one"]
    assert "If-Match is ignored" in found["refuses to replace what was changed meanwhile"]
    assert list(bucket.objects) == ["/bucket/models/doctor/written-once"]


def test_a_server_that_replaces_nothing_is_found_out(
    bucket: Bucket, store: S3Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    plainly = bucket.put

    def refuse(key: str, content: bytes, if_none: str | None, if_match: str | None) -> int:
        return 412 if if_match else plainly(key, content, if_none, if_match)

    monkeypatch.setattr(bucket, "put", refuse)
    found = {finding.what: finding.problem for finding in examine(store)}
    assert found["refuses to replace what was changed meanwhile"]


@pytest.mark.parametrize(
    ("status", "fix"), [(403, "may list the bucket"), (501, "under a condition"), (400, "log")]
)
def test_a_refusal_says_what_to_do_and_no_secret(
    bucket: Bucket, store: S3Store, status: int, fix: str
) -> None:
    bucket.script.extend([status] * s3.ATTEMPTS)
    with pytest.raises(ObjectStoreError, match=r"^s3://bucket/models refuses") as raised:
        store.put_if_absent("key", b"mine")
    assert fix in raised.value.fix
    assert len(bucket.requests) == 1
    assert SECRET not in f"{raised.value}{raised.value.__cause__!r}"


def test_nobody_there_is_said_after_a_few_attempts(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(ObjectStoreError, match="cannot be used") as raised:
        S3Store("bucket").get("key")
    assert "AWS_ENDPOINT_URL" in raised.value.fix


def test_without_credentials_their_names_are_told(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    with pytest.raises(ObjectStoreError) as raised:
        S3Store("bucket").put_if_absent("key", b"")
    assert "AWS_SECRET_ACCESS_KEY" in raised.value.fix


def test_a_password_in_the_address_is_refused_and_not_shown(
    store: S3Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    address = f"http://user:{SECRET}@127.0.0.1:1"
    monkeypatch.setenv("AWS_ENDPOINT_URL", address)
    with pytest.raises(ObjectStoreError, match="a user or a password") as told:
        store.get("x")
    assert told.value.__cause__ is None
    assert SECRET not in str(told.value)
    # boto3 quotes an address that it cannot read.
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"user:{SECRET}@127.0.0.1")
    with pytest.raises(ObjectStoreError, match="a user or a password"):
        S3Store("bucket").get("x")
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    (tmp_path / "config").write_text(f"[default]\nendpoint_url = {address}\n", "utf-8")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    with pytest.raises(ObjectStoreError, match="a user or a password"):
        S3Store("bucket").get("x")


def test_without_boto3_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("boto3", "botocore", "botocore.exceptions"):
        monkeypatch.setitem(sys.modules, name, None)
    for ask in (lambda one: one.get("key"), lambda one: list(one.listing())):
        with pytest.raises(ObjectStoreError, match="boto3 is not installed") as raised:
            ask(S3Store("bucket"))
        assert "uv sync --extra s3" in raised.value.fix
