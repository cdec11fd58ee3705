"""Exports in a bucket of a real S3 server: what is listed, fetched, retired, and what fails how."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from doubles.s3_server import S3Server, s3_server

from pipeline.manifests import sha256_of
from pipeline.progress import Progress
from resources.exports import Exports, bucket
from resources.exports.base import ExportMissingError, ExportSourceError, NotRestoredError
from resources.exports.bucket import ExportsBucket
from resources.exports.fetched import FetchedExports
from resources.paths import Paths


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Server]:
    with s3_server() as running:
        for name, value in running.environment.items():
            monkeypatch.setenv(name, value)
        yield running


@pytest.fixture
def exports(server: S3Server, tmp_path: Path) -> Exports:
    return Exports(paths=Paths.below(tmp_path), bucket=f"s3://{server.bucket}/cvat/")


def test_archives_right_below_the_games_prefix_are_exports(
    server: S3Server, exports: Exports
) -> None:
    for key in ("cvat/demo/a b.zip", "cvat/demo/ü.ZIP", "cvat/demo/heldout_x.zip"):
        server.put(key, b"archive")
    for key in ("cvat/demo/.hidden.zip", "cvat/demo/deep/c.zip", "cvat/demo/d.txt"):
        server.put(key, b"archive")
    server.put("cvat/demoland/e.zip", b"archive")
    server.put("cvat/demo/empty.zip", b"")
    found = {export.name: export.has_arrived for export in exports.exports("demo")}
    assert found == {"a b.zip": True, "ü.ZIP": True, "heldout_x.zip": True, "empty.zip": False}
    assert exports.export("demo", "a_b").place == f"s3://{server.bucket}/cvat/demo/a b.zip"


def test_an_archive_is_brought_here_whole_and_once(
    server: S3Server, exports: Exports, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bucket, "PART_BYTES", 1000)
    content = bytes(range(256)) * 20
    server.put("cvat/demo/a.zip", content)
    readings: list[Progress] = []
    export = exports.export("demo", "a")
    copy = export.fetch(readings.append)
    assert copy.read_bytes() == content
    assert len(readings) == 6
    assert not export.differs_from(sha256_of(copy))
    assert exports.export("demo", "a").fetch(readings.append) == copy
    assert len(readings) == 6, "it is here already"


def test_a_replaced_archive_has_another_stamp_and_is_fetched_anew(
    server: S3Server, exports: Exports
) -> None:
    server.put("cvat/demo/a.zip", b"first")
    first = exports.export("demo", "a")
    digest = sha256_of(first.fetch())
    assert exports.export("demo", "a").stamp == first.stamp
    server.put("cvat/demo/a.zip", b"other")
    second = exports.export("demo", "a")
    assert second.stamp != first.stamp
    assert second.differs_from(digest)
    assert second.fetch().read_bytes() == b"other"


def test_one_that_is_replaced_between_look_and_fetch_is_not_mixed(
    server: S3Server, exports: Exports, tmp_path: Path
) -> None:
    server.put("cvat/demo/a.zip", b"first")
    export = exports.export("demo", "a")
    server.put("cvat/demo/a.zip", b"other")
    with pytest.raises(ExportSourceError, match="replaced while it was fetched"):
        export.fetch()
    assert [file for file in tmp_path.rglob("*") if file.is_file()] == []
    server.delete("cvat/demo/a.zip")
    with pytest.raises(ExportSourceError, match="no longer there"):
        export.fetch()


def test_a_retired_archive_stays_in_the_bucket_and_may_come_back(
    server: S3Server, exports: Exports
) -> None:
    server.put("cvat/demo/a.zip", b"first")
    exports.retire("demo", "a")
    assert exports.exports("demo") == ()
    assert [export.batch for export in exports.retired("demo")] == ["a"]
    server.put("cvat/demo/a.zip", b"corrected")
    assert [export.batch for export in exports.exports("demo")] == ["a"], "it is another one"
    server.put("cvat/demo/a.zip", b"first")
    assert exports.exports("demo") == ()
    exports.restore("demo", "a")
    assert [export.batch for export in exports.exports("demo")] == ["a"]
    with pytest.raises(NotRestoredError, match="was retired"):
        exports.restore("demo", "a")


def test_the_folder_goes_before_the_bucket_and_says_so(server: S3Server, exports: Exports) -> None:
    server.put("cvat/demo/a.zip", b"archive")
    folder = exports.path("demo")
    folder.mkdir(parents=True)
    (folder / "a.zip").write_bytes(b"archive")
    assert exports.export("demo", "a").place == str(folder / "a.zip")
    (passed,) = exports.listing("demo").passed_over
    assert f"s3://{server.bucket}/cvat/demo/a.zip is passed over" in str(passed)
    assert str(folder / "a.zip") in str(passed)


def test_a_bucket_that_is_not_there_is_named_and_hides_no_folder(
    server: S3Server, exports: Exports
) -> None:
    lost = exports.model_copy(update={"bucket": "s3://no-such-bucket/cvat"})
    folder = lost.path("demo")
    folder.mkdir(parents=True)
    (folder / "a.zip").write_bytes(b"archive")
    listing = lost.listing("demo")
    assert [export.batch for export in listing.exports] == ["a"]
    assert "s3://no-such-bucket/cvat/demo/" in listing.unreachable["bucket"].problem
    assert "Make the bucket" in listing.unreachable["bucket"].fix
    with pytest.raises(ExportMissingError, match=r"'gone' was not found\. s3://no-such-bucket"):
        lost.export("demo", "gone")


def test_a_server_that_is_down_is_named_in_time_without_secrets(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with s3_server() as gone:
        for name, value in gone.environment.items():
            monkeypatch.setenv(name, value)
    source = ExportsBucket("s3://annotations", "demo", FetchedExports(tmp_path))
    with pytest.raises(ExportSourceError, match="error sending request") as raised:
        source.found()
    assert "not-to-be-shown" not in str(raised.value)
    assert "Debug" not in str(raised.value)
    assert "\n" not in raised.value.problem


def test_a_key_with_the_end_of_a_line_is_told_and_not_shown(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "not-to-be-shown\r")
    source = ExportsBucket("s3://annotations", "demo", FetchedExports(tmp_path))
    with pytest.raises(ExportSourceError, match="AWS_ACCESS_KEY_ID has a character") as raised:
        source.found()
    assert "not-to-be-shown" not in str(raised.value)


class Refusing(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(403)
        self.end_headers()
        self.wfile.write(b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>")

    def log_message(self, *_: object) -> None:
        pass


def test_a_key_that_is_refused_is_said_to_be(
    server: S3Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    refusing = ThreadingHTTPServer(("127.0.0.1", 0), Refusing)
    threading.Thread(target=refusing.serve_forever, daemon=True).start()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{refusing.server_port}")
    source = ExportsBucket("s3://annotations", "demo", FetchedExports(tmp_path))
    with pytest.raises(ExportSourceError) as raised:
        source.found()
    refusing.shutdown()
    assert "AWS_SECRET_ACCESS_KEY to a key" in raised.value.fix


@pytest.mark.parametrize(
    "location",
    [
        "annotations",
        "s3://",
        "https://host/b",
        "s3://user:secret@b",
        "s3://user:of/a/secret@b/prefix",
        "user:secret@b",
        "https://host/b?key=secret",
        "s3://annotations/prefix?key=secret",
    ],
)
def test_a_place_that_is_none_says_how_to_write_one(location: str, tmp_path: Path) -> None:
    with pytest.raises(ExportSourceError, match="is no place in a bucket") as raised:
        ExportsBucket(location, "demo", FetchedExports(tmp_path)).found()
    assert "s3://bucket/prefix" in raised.value.fix
    assert "secret" not in str(raised.value)


def test_a_prefix_may_be_empty(tmp_path: Path) -> None:
    copies = FetchedExports(tmp_path)
    assert ExportsBucket("s3://annotations", "demo", copies).place == "s3://annotations/demo/"
