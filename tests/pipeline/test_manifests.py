"""Manifests: the identity of a directory is its files' paths and bytes, and nothing else."""

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.manifests import digest_of, manifest_of, problems_in, sha256_of

FILES = st.dictionaries(
    st.text("abcdefgh", min_size=1, max_size=6).map(lambda name: f"{name[0]}/{name}.bin"),
    st.binary(max_size=64),
    min_size=1,
    max_size=6,
)


def write(folder: Path, files: dict[str, bytes]) -> Path:
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    return folder


@settings(deadline=None, max_examples=40)
@given(files=FILES)
def test_digest_does_not_depend_on_time_or_order_of_writing(
    files: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory
) -> None:
    first = write(tmp_path_factory.mktemp("first"), files)
    second = write(tmp_path_factory.mktemp("second"), dict(reversed(files.items())))
    for file in second.rglob("*.bin"):
        os.utime(file, (1, 1))
    assert manifest_of(first) == manifest_of(second)
    assert manifest_of(first).digest == manifest_of(second).digest


def test_a_changed_byte_a_new_name_and_a_new_file_each_change_the_digest(tmp_path: Path) -> None:
    files = {"a/one.bin": b"one", "a/two.bin": b"two"}
    digests = {
        manifest_of(write(tmp_path / name, content)).digest
        for name, content in {
            "same": files,
            "byte": {**files, "a/two.bin": b"twO"},
            "name": {"a/one.bin": b"one", "a/tvo.bin": b"two"},
            "more": {**files, "a/three.bin": b""},
        }.items()
    }
    assert len(digests) == 4


def test_problems_name_each_changed_missing_and_extra_file(tmp_path: Path) -> None:
    folder = write(tmp_path, {"a/same.bin": b"s", "a/byte.bin": b"one", "a/gone.bin": b"g"})
    manifest = manifest_of(folder)
    assert problems_in(folder, manifest) == ()
    (folder / "a/byte.bin").write_bytes(b"onE")
    (folder / "a/gone.bin").unlink()
    (folder / "a/extra.bin").write_bytes(b"")
    found = {problem.path: problem.problem for problem in problems_in(folder, manifest)}
    assert found == {
        "a/byte.bin": "has other bytes than when it was made",
        "a/gone.bin": "is missing",
        "a/extra.bin": "is not part of the artifact",
    }


def test_sha256_is_the_published_one(tmp_path: Path) -> None:
    file = tmp_path / "abc"
    file.write_bytes(b"abc")
    assert sha256_of(file) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_digest_of_json_ignores_the_order_of_keys() -> None:
    assert digest_of({"a": 1, "b": [1, 2]}) == digest_of({"b": [1, 2], "a": 1})
    assert digest_of({"a": 1}) != digest_of({"a": 2})
