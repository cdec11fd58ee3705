"""Files over a web server that does what web servers do."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from doubles import file_server
from doubles.file_server import FileServer, serving
from hypothesis import given, settings
from hypothesis import strategies as st

from detector_runtime.bundle import FileDigest
from detector_runtime.errors import SourceError, SourceUnreachableError, UntrustedUpdateError
from detector_runtime.updates.downloads import PART, download
from detector_runtime.updates.sources.address import source_at
from detector_runtime.updates.sources.web import SourceLimits

CONTENT = hashlib.sha256(b"").digest() * 8_000
QUICK = SourceLimits(silence=1.0, document=1.0, least_speed=1e6)


def digest_of(content: bytes) -> FileDigest:
    return FileDigest(sha256=hashlib.sha256(content).hexdigest(), size=len(content))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FileServer]:
    folder = tmp_path / "served"
    folder.mkdir()
    (folder / "file").write_bytes(CONTENT)
    with serving(folder) as running:
        yield running


def fetch(server: FileServer, target: Path) -> bytes:
    source = source_at(server.address, QUICK)
    download(source, "file", digest_of(CONTENT), target, wait=lambda _seconds: None)
    return target.read_bytes()


def ranges(server: FileServer) -> list[str | None]:
    return [asked for _, _, asked in server.requests]


def test_a_file_comes_whole(server: FileServer, tmp_path: Path) -> None:
    assert fetch(server, tmp_path / "got") == CONTENT
    assert ranges(server) == [None]
    assert not (tmp_path / f"got{PART}").exists()


def test_a_cut_download_goes_on_where_it_was(server: FileServer, tmp_path: Path) -> None:
    server.faults["file"] = file_server.cut_at(100_000)
    assert fetch(server, tmp_path / "got") == CONTENT
    assert ranges(server) == [None, "bytes=100000-", "bytes=200000-"]


def test_after_a_restart_too(server: FileServer, tmp_path: Path) -> None:
    (tmp_path / f"got{PART}").write_bytes(CONTENT[:70_000])
    assert fetch(server, tmp_path / "got") == CONTENT
    assert ranges(server) == ["bytes=70000-"]


def test_what_is_there_whole_is_not_asked_for(server: FileServer, tmp_path: Path) -> None:
    (tmp_path / f"got{PART}").write_bytes(CONTENT)
    assert fetch(server, tmp_path / "got") == CONTENT
    assert ranges(server) == []


@pytest.mark.parametrize("fault", [file_server.without_ranges, file_server.wrong_range])
def test_a_server_that_does_not_know_ranges_is_taken_as_it_is(
    server: FileServer, tmp_path: Path, fault: file_server.Fault
) -> None:
    (tmp_path / f"got{PART}").write_bytes(CONTENT[:70_000])
    server.faults["file"] = fault
    assert fetch(server, tmp_path / "got") == CONTENT


@pytest.mark.parametrize("there", [b"!" * 70_000, b"!" * len(CONTENT), CONTENT + b"!"])
def test_a_wrong_beginning_is_noticed(server: FileServer, tmp_path: Path, there: bytes) -> None:
    (tmp_path / f"got{PART}").write_bytes(there)
    assert fetch(server, tmp_path / "got") == CONTENT


@pytest.mark.parametrize("code", [404, 403, 500])
def test_a_no_is_no_reason_to_ask_again(server: FileServer, tmp_path: Path, code: int) -> None:
    server.faults["file"] = file_server.status(code)
    with pytest.raises(SourceError, match=r"answers|nothing at"):
        fetch(server, tmp_path / "got")
    assert len(server.requests) == 1


def test_a_no_in_the_middle_keeps_what_came(server: FileServer, tmp_path: Path) -> None:
    server.faults["file"] = file_server.cut_at(100_000)
    server.once.add("file")
    server.faults["fil"] = file_server.status(500)
    assert fetch(server, tmp_path / "got") == CONTENT


def test_a_file_without_end_is_not_kept(server: FileServer, tmp_path: Path) -> None:
    server.faults["file"] = file_server.endless
    with pytest.raises(UntrustedUpdateError, match="sends more than"):
        fetch(server, tmp_path / "got")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["served"]


def test_another_file_is_not_kept(server: FileServer, tmp_path: Path) -> None:
    (server.folder / "file").write_bytes(CONTENT[::-1])
    with pytest.raises(UntrustedUpdateError, match="not the file"):
        fetch(server, tmp_path / "got")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["served"]


def test_redirects_are_followed_but_not_for_ever(server: FileServer, tmp_path: Path) -> None:
    (server.folder / "moved").write_bytes(CONTENT)
    server.faults["file"] = file_server.moved_to(f"{server.address}/moved")
    assert fetch(server, tmp_path / "got") == CONTENT
    server.faults["file"] = file_server.moved_to(f"{server.address}/file")
    with pytest.raises(SourceError):
        fetch(server, tmp_path / "again")
    assert len(server.requests) < 20


@pytest.mark.parametrize("address", ["file:///etc/passwd", "ftp://127.0.0.1/file"])
def test_redirects_lead_to_no_other_kind_of_address(
    server: FileServer, tmp_path: Path, address: str
) -> None:
    server.faults["file"] = file_server.moved_to(address)
    with pytest.raises(SourceError):
        fetch(server, tmp_path / "got")


@pytest.fixture
def tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    certificate = tmp_path / "certificate.pem"
    file_server.write_certificate(certificate)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    folder = tmp_path / "secure"
    folder.mkdir()
    (folder / "file").write_bytes(CONTENT)
    with serving(folder, certificate) as running:
        yield running


def test_a_file_comes_by_tls(tls: FileServer, tmp_path: Path) -> None:
    tls.faults["file"] = file_server.cut_at(100_000)
    assert fetch(tls, tmp_path / "got") == CONTENT


def test_who_asks_by_tls_is_not_sent_on_to_others(
    tls: FileServer, server: FileServer, tmp_path: Path
) -> None:
    tls.faults["file"] = file_server.moved_to(f"{server.address}/file")
    with pytest.raises(SourceError, match="not https"):
        fetch(tls, tmp_path / "got")
    assert not server.requests


def test_an_unknown_certificate_is_not_taken(
    tls: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(SourceUnreachableError, match="certificate"):
        fetch(tls, tmp_path / "got")


@pytest.mark.parametrize("fault", [file_server.dripping, file_server.dripping_head])
def test_a_slow_answer_by_tls_is_ended(
    tls: FileServer, tmp_path: Path, fault: file_server.Fault
) -> None:
    tls.faults["file"] = fault
    with pytest.raises(SourceUnreachableError, match="took more than"):
        source_at(tls.address, QUICK).read("file", 1 << 20)


def test_nobody_there(tmp_path: Path) -> None:
    source = source_at("http://127.0.0.1:9", QUICK)
    with pytest.raises(SourceUnreachableError, match="cannot be reached"):
        source.read("file", 10)


def test_a_full_disk_is_not_taken_for_a_bad_line(
    server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_stream: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("detector_runtime.updates.downloads.flush", full)
    with pytest.raises(OSError, match="No space left"):
        fetch(server, tmp_path / "got")
    assert len(server.requests) == 1


@settings(max_examples=40, deadline=None)
@given(st.binary(min_size=1, max_size=5_000), st.data())
def test_from_any_beginning_and_through_any_cuts(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, data: st.DataObject
) -> None:
    """A folder as source: no matter what lies there, the file is whole at the end."""
    folder = tmp_path_factory.mktemp("any")
    (folder / "file").write_bytes(content)
    length = data.draw(st.integers(0, len(content)))
    there = data.draw(st.sampled_from([content[:length], b"?" * length, content + b"?"]))
    (folder / f"got{PART}").write_bytes(there)
    download(source_at(folder), "file", digest_of(content), folder / "got")
    assert (folder / "got").read_bytes() == content


def test_an_address_is_shown_without_surprises(tmp_path: Path) -> None:
    assert (
        source_at("https://x.example/models/a").where("b c.json").endswith("/models/a/b%20c.json")
    )
    assert re.fullmatch(r".*served.file", source_at(tmp_path / "served").where("file"))
