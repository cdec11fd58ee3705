from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from detector_runtime.bundle import FileDigest
from detector_runtime.errors import DocumentError
from detector_runtime.updates.documents import (
    LARGEST_DOCUMENT,
    ChannelPointer,
    KeySet,
    Manifest,
    canonical_json,
    classes_digest,
    parse,
    signed_bytes,
    version_folder,
)
from detector_runtime.updates.signatures import SigningKey, sign

NOON = datetime(2026, 11, 30, 12, tzinfo=timezone.utc)
KEY = SigningKey(bytes(range(32)))
DIGEST = FileDigest(sha256="0" * 64, size=3)

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8")),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(st.characters(codec="utf-8")), inner, max_size=3)
    ),
    max_leaves=10,
)


def manifest(**changes: Any) -> Manifest:
    fields: dict[str, Any] = {
        "name": "demo",
        "version": "1.0.0+abc",
        "sequence": 7,
        "created_at": NOON,
        "files": {"bundle.json": DIGEST, "model.onnx": DIGEST},
        "classes": ("archer", "größe"),
        "classes_sha256": classes_digest(("archer", "größe")),
        "input": {"input_size": [640, 640]},
        "licence": "AGPL-3.0-or-later",
        "min_runtime": "0.1.0",
    }
    return Manifest.model_validate({**fields, **changes})


def pointer(**changes: Any) -> ChannelPointer:
    fields: dict[str, Any] = {
        "name": "demo",
        "channel": "champion",
        "sequence": 1,
        "version": "000007-0123456789ab",
        "manifest_sha256": "0" * 64,
        "keys_epoch": 1,
        "issued_at": NOON,
        "expires_at": NOON + timedelta(days=90),
        "reason": "better",
        "actor": "me",
    }
    return ChannelPointer.model_validate({**fields, **changes})


def keys(**changes: Any) -> KeySet:
    fields: dict[str, Any] = {
        "name": "demo",
        "epoch": 1,
        "root_keys": {KEY.id: KEY.public},
        "release_keys": {KEY.id: KEY.public},
        "issued_at": NOON,
    }
    return KeySet.model_validate({**fields, **changes})


@pytest.mark.parametrize("document", [keys(), manifest(), pointer()])
def test_what_is_written_is_read(document: Any) -> None:
    written = sign(document, KEY)
    read = parse(written.to_bytes(), type(document), "here")
    assert read == written
    assert read.content == signed_bytes(document)
    assert b'"schema":1' in read.content


@given(values)
def test_canonical_json_has_one_spelling(value: Any) -> None:
    canonical = canonical_json(value)
    spelt_otherwise = json.dumps(value, indent=3, ensure_ascii=True)
    assert canonical_json(json.loads(spelt_otherwise)) == canonical
    assert canonical_json(json.loads(canonical)) == canonical


@given(st.dictionaries(st.text(st.characters(codec="utf-8")), values, max_size=3))
def test_fields_of_a_later_publisher_stay_signed(more: dict[str, Any]) -> None:
    signed = {**more, **json.loads(signed_bytes(pointer()))}
    content = canonical_json(signed)
    file = json.dumps({"signatures": [], "signed": signed}).encode()
    read = parse(file, ChannelPointer, "here")
    assert (read.content, read.document) == (content, pointer())
    assert parse(read.to_bytes(), ChannelPointer, "here") == read


@given(st.binary(max_size=200) | values.map(lambda value: json.dumps(value).encode()))
def test_other_bytes_are_refused_with_our_error(content: bytes) -> None:
    with pytest.raises(DocumentError):
        parse(content, KeySet, "here")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[" * 100_000,
        b'{"signatures": [], "signed": {"a": NaN}}',
        b'{"signatures": [], "signed": {"a": 1e999}}',
        b'{"signatures": [], "signed": {"a": "\\ud800"}}',
        b'{"signatures": [], "signed": {"a": %s}}' % (b"9" * 5000),
        b'{"signatures": [], "signed": {"a": 1, "a": 2}}',
        b'{"signatures": {}, "signed": {}}',
        b'{"signatures": [{"key_id": 3, "signature": "AAAA"}], "signed": {}}',
        b'{"signatures": [{"key_id": "a", "signature": "AAAA"}], "signed": {}}',
        b'{"signatures": [{"key_id": "a", "signature": "\xc3\xa4"}], "signed": {}}',
        b'{"signatures": [null], "signed": {}}',
        b'{"signatures": %s, "signed": {}}' % json.dumps([{}] * 17).encode(),
        b" " * (LARGEST_DOCUMENT + 1),
    ],
    ids=lambda content: str(content[:60]),
)
def test_hostile_bytes_are_refused(content: bytes) -> None:
    with pytest.raises(DocumentError):
        parse(content, ChannelPointer, "here")


@given(st.data())
def test_a_changed_byte_is_another_document_or_none(data: st.DataObject) -> None:
    written = sign(manifest(), KEY)
    file = bytearray(written.to_bytes())
    place = data.draw(st.integers(0, len(file) - 1))
    file[place] = data.draw(st.integers(0, 255).filter(lambda byte: byte != file[place]))
    try:
        read = parse(bytes(file), Manifest, "here")
    except DocumentError:
        return
    # White space may differ, and nothing else: all that counts is in these two.
    assert (read.content, read.signatures) != (written.content, written.signatures) or bytes(
        file
    ).split() == written.to_bytes().split()


@pytest.mark.parametrize("other", [keys(), manifest(), pointer()])
@pytest.mark.parametrize("kind", [KeySet, Manifest, ChannelPointer])
def test_a_document_is_not_taken_for_another(other: Any, kind: Any) -> None:
    file = sign(other, KEY).to_bytes()
    if type(other) is kind:
        assert parse(file, kind, "here").document == other
    else:
        with pytest.raises(DocumentError, match=r"is not what .* should be: type"):
            parse(file, kind, "here")


@pytest.mark.parametrize("change", [{"schema": 2}, {"min_runtime": "99.0"}])
def test_what_is_newer_asks_for_a_newer_runtime(change: dict[str, Any]) -> None:
    signed = {**json.loads(signed_bytes(manifest())), **change, "classes": "all of them"}
    file = json.dumps({"signatures": [], "signed": signed}).encode()
    with pytest.raises(DocumentError, match="needs detector_runtime") as raised:
        parse(file, Manifest, "here")
    assert "--upgrade" in raised.value.fix


@pytest.mark.parametrize(
    "path",
    [
        "../model.onnx",
        "/etc/passwd",
        "a//b",
        "a/./b",
        "a\\b",
        "C:model",
        "nul",
        "CON.onnx",
        "sub/com1",
        "model.onnx.",
        "model ",
        ".hidden",
        "",
        "a\nb",
        "MODEL.onnx",
        "model.onnx/part",
        "manifest.json",
        "größe",
    ],
)
def test_paths_that_lead_elsewhere_on_some_system_are_refused(path: str) -> None:
    files = {"bundle.json": DIGEST, "model.onnx": DIGEST, path: DIGEST}
    with pytest.raises(ValidationError):
        manifest(files=files)


@pytest.mark.parametrize(
    "changes",
    [
        {"files": {"model.onnx": DIGEST}},
        {"classes_sha256": "0" * 64},
        {"created_at": datetime(2026, 1, 1)},
        {"sequence": 0},
        {"sequence": True},
        {"name": "../demo"},
        {"previous": "7"},
    ],
)
def test_a_manifest_that_contradicts_itself_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        manifest(**changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"expires_at": NOON},
        {"version": "../000007-0123456789ab"},
        {"channel": "a/b"},
        {"reason": ""},
        {"sequence": 1.5},
    ],
)
def test_a_pointer_that_leads_nowhere_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        pointer(**changes)


def test_a_key_under_another_id_is_refused() -> None:
    with pytest.raises(ValidationError, match="is not the id"):
        keys(release_keys={"0" * 16: KEY.public})


def test_a_version_is_named_by_its_number_and_all_that_it_says() -> None:
    one, other = (sign(manifest(licence=licence), KEY) for licence in ("MIT", "Apache-2.0"))
    assert version_folder(one).startswith("000007-")
    assert version_folder(one) != version_folder(other)
    assert ChannelPointer.model_validate(
        {**pointer().model_dump(), "version": version_folder(one)}
    ).version == version_folder(one)


def test_a_detector_s_manifest_has_the_bytes_that_runtimes_of_before_know() -> None:
    assert b'"kind"' not in signed_bytes(manifest())
    assert manifest(kind="detector") == manifest()


PLAYS = {"game": "blocks", "rules": "0" * 64}


@pytest.mark.parametrize(
    ("kind", "file", "more"),
    [("community", "model_version.json", {}), ("policies", "policies.json", {"plays": PLAYS})],
)
def test_another_kind_says_so_and_describes_itself(
    kind: str, file: str, more: dict[str, Any]
) -> None:
    said = {"files": {file: DIGEST}, **more}
    assert f'"kind":"{kind}"'.encode() in signed_bytes(manifest(kind=kind, **said))
    without = {"kind": kind, **said, "files": {"bundle.json": DIGEST}}
    for changes in (without, {"kind": "detector", **said}):
        with pytest.raises(ValidationError):
            manifest(**changes)


def test_policies_say_what_they_play_and_nothing_else_does() -> None:
    assert b"plays" not in signed_bytes(manifest())
    with pytest.raises(ValidationError, match="plays"):
        manifest(kind="policies", files={"policies.json": DIGEST})
    with pytest.raises(ValidationError, match="plays"):
        manifest(plays=PLAYS)
