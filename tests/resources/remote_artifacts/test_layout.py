"""Which bytes lie in which object: every file comes back, and no byte is stored or read twice."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from pipeline.manifests import FileEntry, Manifest
from resources.remote_artifacts import layout
from resources.remote_artifacts.layout import (
    StoredFile,
    StoredManifest,
    blocks_of,
    places_in,
    reads_of,
    stored_manifest,
)

CONTENTS = st.dictionaries(
    st.sampled_from([f"folder/{number}" for number in range(12)]), st.binary(max_size=40)
)


@pytest.fixture(autouse=True, scope="module")
def _small_blocks() -> Iterator[None]:
    with patch.object(layout, "BLOCK_BYTES", 16):
        yield


def manifest_for(contents: dict[str, bytes]) -> Manifest:
    entries = (
        FileEntry(path=path, size=len(content), sha256=hashlib.sha256(content).hexdigest())
        for path, content in sorted(contents.items())
    )
    return Manifest(files=tuple(entries))


@given(CONTENTS, st.sets(st.integers(0, 11)))
def test_every_chosen_file_is_put_together_of_the_blocks(
    contents: dict[str, bytes], chosen: set[int]
) -> None:
    manifest = manifest_for(contents)
    objects, named = {}, []
    for block in blocks_of(manifest.files):
        slices = (contents[s.file.path][s.offset : s.offset + s.size] for s in block)
        content = b"".join(slices)
        assert len(content) <= 16
        named.append((hashlib.sha256(content).hexdigest(), block))
        objects[named[-1][0]] = content
    assert sum(s.size for _, block in named for s in block) == sum(map(len, set(contents.values())))

    stored = stored_manifest(manifest, places_in(named))
    assert stored.manifest == manifest
    files = [file for file in stored.files if int(file.path.rpartition("/")[2]) in chosen]
    found = {file.path: bytearray(file.size) for file in files}
    reads = reads_of(stored, files)
    for read in reads:
        content = objects[read.block][read.first : read.first + read.size]
        assert len(content) == read.size
        for part in read.parts:
            piece = content[part.offset - read.first : part.end - read.first]
            at = part.slice.offset
            found[part.slice.file.path][at : at + part.slice.size] = piece
    assert found == {file.path: contents[file.path] for file in files}
    assert sum(read.size for read in reads) <= sum(
        map(len, {contents[file.path] for file in files})
    )


@pytest.mark.parametrize("path", ["../x", "/etc/x", "a/../../x", "C:\\x", "..\\x", "\\x", "C:x"])
def test_no_path_leads_out_of_the_artifact(path: str) -> None:
    with pytest.raises(ValidationError, match="leads out"):
        StoredFile(path=path, size=0, sha256="0" * 64, extents=())


@pytest.mark.parametrize(
    ("blocks", "extents"),
    [
        (["a" * 64], [(1, 0, 3)]),
        (["a" * 64], [(0, 0, 2)]),
        (["a" * 64], []),
        (["a" * 64], [(0, 0, 3), (0, 3, 1)]),
        (["../../other"], [(0, 0, 3)]),
    ],
)
def test_a_manifest_whose_places_were_changed_is_refused(
    blocks: list[str], extents: list[tuple[int, int, int]]
) -> None:
    placed = [{"block": block, "offset": at, "size": size} for block, at, size in extents]
    file = {"path": "a", "size": 3, "sha256": "a" * 64, "extents": placed}
    with pytest.raises(ValidationError):
        StoredManifest.model_validate({"blocks": blocks, "files": [file]})


@given(CONTENTS)
def test_every_block_can_be_made_of_the_files_again(contents: dict[str, bytes]) -> None:
    blocks = blocks_of(manifest_for(contents).files)
    made = [
        b"".join(contents[s.file.path][s.offset :][: s.size] for s in block) for block in blocks
    ]
    named = [hashlib.sha256(content).hexdigest() for content in made]
    places = places_in(tuple(zip(named, blocks, strict=True)))
    stored = stored_manifest(manifest_for(contents), places)
    for block, parts in stored.parts.items():
        assert parts[-1].end == len(made[named.index(block)])
        slices = [part.slice for part in parts]
        again = b"".join(contents[s.file.path][s.offset :][: s.size] for s in slices)
        assert hashlib.sha256(again).hexdigest() == block
