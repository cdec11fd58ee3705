"""Artifacts that several machines share: a folder or a server between two stores."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from doubles import seaweed
from doubles.artifacts import recorded

from pipeline.manifests import manifest_of
from pipeline.progress import Progress, Report, silent
from pipeline.provenance import ArtifactVersion, Provenance, Recipe
from resources.artifacts import ArtifactMissingError, ArtifactStore, ArtifactStoreError
from resources.object_store.base import ObjectListing, ObjectStore, ObjectStoreError, StoredObject
from resources.object_store.folder import FolderStore
from resources.object_store.s3 import S3Store
from resources.remote_artifacts import layout
from resources.remote_artifacts.remote import (
    ChangedFileError,
    RemoteArtifactError,
    RemoteArtifacts,
)


@dataclass
class Counted:
    """An object store that counts, and fails from some request on."""

    inner: ObjectStore
    fails_after: int = 10**9
    requests: int = 0
    written: int = 0
    read: int = 0
    keys: list[str] = field(default_factory=list)

    @property
    def place(self) -> str:
        return self.inner.place

    def get(self, key: str) -> StoredObject | None:
        self._request()
        return self.inner.get(key)

    def get_range(self, key: str, first: int, size: int) -> bytes:
        self._request()
        self.read += size
        return self.inner.get_range(key, first, size)

    def put_if_absent(self, key: str, content: bytes) -> str | None:
        self._request()
        tag = self.inner.put_if_absent(key, content)
        if tag is not None:
            self.written += len(content)
            self.keys.append(key)
        return tag

    def put_if_match(self, key: str, content: bytes, tag: str) -> str | None:
        raise NotImplementedError

    def upload(self, key: str, file: Path) -> bool:
        raise NotImplementedError

    def download(self, key: str, file: Path, report: Report = silent) -> None:
        raise NotImplementedError

    def listing(self, prefix: str = "") -> Iterator[ObjectListing]:
        self._request()
        return self.inner.listing(prefix)

    def delete(self, key: str) -> None:
        self._request()
        self.inner.delete(key)

    def _request(self) -> None:
        if self.requests >= self.fails_after:
            raise ObjectStoreError("The cable is out.", "Put it in.")
        self.requests += 1


@pytest.fixture
def objects(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "bucket")


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout, "BLOCK_BYTES", 1000)


def machine(folder: Path, objects: ObjectStore, report: Report = silent) -> ArtifactStore:
    return ArtifactStore(folder, RemoteArtifacts(objects), report)


def build(
    store: ArtifactStore, recipe: Recipe, files: dict[str, bytes]
) -> tuple[ArtifactVersion, Provenance]:
    with store.staging(recipe.asset, recipe.partition) as staged:
        for path, content in files.items():
            (staged / path).parent.mkdir(parents=True, exist_ok=True)
            (staged / path).write_bytes(content)
        artifact, record = store.commit(staged, recorded(recipe))
    return artifact.version, record


def recipe_of(name: str, *inputs: ArtifactVersion, partition: str | None = None) -> Recipe:
    return Recipe(
        asset=f"toy/{name}", partition=partition, code_version="1", config={}, inputs=inputs
    )


def images(count: int, first: int = 0) -> dict[str, bytes]:
    return {f"images/{n}.png": f"image {n} ".encode() * 30 for n in range(first, first + count)}


SPRITES = recipe_of("sprites")


def test_another_machine_finds_it_by_its_recipe_and_by_its_version(
    tmp_path: Path, objects: FolderStore
) -> None:
    files = {**images(20), "empty": b"", "same.png": images(1)["images/0.png"]}
    recipe = recipe_of("batch", partition="Bucht am See ö")
    version, record = build(machine(tmp_path / "one", objects), recipe, files)

    two = machine(tmp_path / "two", objects)
    assert two.find_build(recipe.asset, recipe.partition, recipe.input_key) == record
    assert two.problems_of(version) == ()
    assert two.provenance_of(version) == (record,)
    path = two.open(version).path
    assert {p.relative_to(path).as_posix(): p.read_bytes() for p in path.rglob("*.*")} == {
        name: content for name, content in files.items() if name != "empty"
    }
    assert (path / "empty").read_bytes() == b""
    assert (path / "empty").stat().st_mode & 0o222 == 0

    three = machine(tmp_path / "three", objects)
    assert three.open(version).manifest == two.open(version).manifest
    assert not list((tmp_path / "three").glob("*/*/staging/*"))


def test_only_what_is_asked_for_is_fetched(tmp_path: Path, objects: FolderStore) -> None:
    one = machine(tmp_path / "one", objects)
    large, _ = build(one, SPRITES, images(50))
    small, _ = build(one, recipe_of("backgrounds"), {"a": b"12345"})
    counted = Counted(objects)
    two = machine(tmp_path / "two", counted)
    two.open(small)
    assert counted.read == 5
    assert not two.files_of(large).exists()
    two.open(small)
    two.open(large)
    again = counted.requests
    two.open(large)
    assert counted.requests == again, "what is here asks nobody"


def test_what_an_input_has_is_not_stored_twice(tmp_path: Path, objects: FolderStore) -> None:
    counted = Counted(objects)
    one = machine(tmp_path / "one", counted)
    sprites, _ = build(one, SPRITES, images(20))
    before = counted.written
    merged, _ = build(one, recipe_of("merge", sprites), {**images(10, 5), "list.txt": b"list"})
    blocks = [key for key in counted.keys if key.startswith("blocks/")]
    assert len(blocks) == -(-sum(map(len, images(20).values())) // 1000) + 1
    assert counted.written - before < 6000, "the list, the manifest and the record"
    two = machine(tmp_path / "two", objects)
    assert two.problems_of(merged) == ()
    assert not two.files_of(sprites).exists()


def test_small_files_take_few_requests(tmp_path: Path, objects: FolderStore) -> None:
    counted = Counted(objects)
    version, _ = build(
        machine(tmp_path / "one", counted), SPRITES, {str(n): b"x%d" % n for n in range(200)}
    )
    assert counted.requests <= 10
    counted.requests = 0
    machine(tmp_path / "two", counted).open(version)
    assert counted.requests <= 6


def test_an_upload_that_breaks_off_anywhere_is_not_seen_and_goes_on(
    tmp_path: Path, objects: FolderStore
) -> None:
    files = images(12)
    whole = Counted(objects)
    build(machine(tmp_path / "whole", whole), SPRITES, files)
    for step in range(whole.requests - 1):  # the last one says that the upload is over
        bucket = FolderStore(tmp_path / f"bucket{step}")
        broken = Counted(bucket, fails_after=step)
        one = tmp_path / f"one{step}"
        with pytest.raises(ArtifactStoreError, match="The cable is out") as raised:
            build(machine(one, broken), SPRITES, files)
        assert "Put it in" in raised.value.fix
        (record,) = ArtifactStore(one).builds()
        assert ArtifactStore(one).problems_of(record.version) == (), "here it is whole"
        two = machine(tmp_path / f"two{step}", bucket)
        seen = two.find_build("toy/sprites", None, SPRITES.input_key)
        if seen is not None:
            assert two.problems_of(seen.version) == ()
        on = Counted(bucket)
        assert machine(one, on).find_build("toy/sprites", None, SPRITES.input_key) == record
        assert not set(on.keys) & set(broken.keys), "nothing is sent twice"
        three = machine(tmp_path / f"three{step}", bucket)
        assert three.find_build("toy/sprites", None, SPRITES.input_key) == record
        assert three.is_here(record.version)


def test_a_download_that_breaks_off_goes_on(tmp_path: Path, objects: FolderStore) -> None:
    files = images(12)
    version, _ = build(machine(tmp_path / "one", objects), SPRITES, files)
    broken = Counted(objects, fails_after=5)
    with pytest.raises(ObjectStoreError, match="cable"):
        machine(tmp_path / "two", broken).open(version)
    on = Counted(objects)
    two = machine(tmp_path / "two", on)
    assert two.open(version).is_whole
    assert two.problems_of(version) == ()
    assert on.read < sum(map(len, files.values()))


def test_changed_bytes_are_refused_and_made_anew(tmp_path: Path, objects: FolderStore) -> None:
    version, _ = build(machine(tmp_path / "one", objects), SPRITES, images(5))
    block = next((objects.root / "blocks").rglob("*/*"))
    block.write_bytes(b"X" + block.read_bytes()[1:])
    two = machine(tmp_path / "two", objects)
    with pytest.raises(RemoteArtifactError, match="whose bytes have changed"):
        two.open(version)
    assert not two.files_of(version).exists()
    assert two.find_build("toy/sprites", None, SPRITES.input_key) is None
    block.unlink()
    with pytest.raises(RemoteArtifactError, match="needs what is gone"):
        two.open(version)
    block.write_bytes(b"short")
    with pytest.raises(ObjectStoreError, match="shorter"):
        two.open(version)
    assert build(two, SPRITES, images(5))[0] == version


def test_a_block_that_is_shorter_than_it_was_is_no_reason_to_make_nothing(
    tmp_path: Path, objects: FolderStore
) -> None:
    build(machine(tmp_path / "one", objects), SPRITES, images(5))
    block = next((objects.root / "blocks").rglob("*/*"))
    block.write_bytes(block.read_bytes()[:-1])
    two = machine(tmp_path / "two", objects)
    assert two.find_build("toy/sprites", None, SPRITES.input_key) is None


def test_the_object_that_has_changed_is_named_and_what_is_said_to_do_helps(
    tmp_path: Path, objects: FolderStore
) -> None:
    one = machine(tmp_path / "one", objects)
    version, _ = build(one, SPRITES, images(12))
    for block in (objects.root / "blocks").rglob("*/*"):
        block.write_bytes(b"X" + block.read_bytes()[1:])
        with pytest.raises(RemoteArtifactError, match=f"changed in blocks/../{block.name}") as said:
            machine(tmp_path / block.name, objects).open(version)
        assert f"Remove blocks/{block.name[:2]}/{block.name} there" in said.value.fix
        assert "`outpost artifacts upload`" in said.value.fix
        block.unlink()
        assert one.restore_remote([version]) == {version}
        assert one.restore_remote([version]) == set()
        assert machine(tmp_path / block.name, objects).open(version).is_whole


@pytest.mark.parametrize("size", [0, 999])
def test_blocks_that_lost_bytes_are_written_again(
    tmp_path: Path, objects: FolderStore, size: int
) -> None:
    one = machine(tmp_path / "one", objects)
    version, _ = build(one, SPRITES, images(20))
    merged, _ = build(one, recipe_of("merge", version), {**images(10, 5), "list": b"list"})
    blocks = sorted((objects.root / "blocks").rglob("*/*"))
    for block in blocks:
        block.write_bytes(block.read_bytes()[:size])
    assert one.restore_remote([version, merged]) == {version, merged}
    two = machine(tmp_path / "two", objects)
    assert two.open(version).is_whole
    assert two.open(merged).is_whole


def test_what_lay_in_lost_blocks_of_an_input_is_brought_there_anew(
    tmp_path: Path, objects: FolderStore
) -> None:
    """Without the input: a machine may have what was made of it alone."""
    one = machine(tmp_path / "one", objects)
    sprites, _ = build(one, SPRITES, images(20))
    merged, record = build(one, recipe_of("merge", sprites), {**images(10, 5), "list": b"list"})
    shutil.rmtree(objects.root / "blocks")
    with pytest.raises(RemoteArtifactError, match="not made of files that are here") as said:
        one.restore_remote([merged])
    manifest = f"versions/{merged.data_version}/manifest.json"
    assert f"Remove {manifest} there" in said.value.fix
    (objects.root / manifest).unlink()
    assert one.upload(record)
    assert one.restore_remote([merged]) == set()
    assert machine(tmp_path / "two", objects).open(merged).is_whole


def test_a_changed_manifest_keeps_nothing_else_from_being_mended_or_made(
    tmp_path: Path, objects: FolderStore
) -> None:
    one = machine(tmp_path / "one", objects)
    sprites, _ = build(one, SPRITES, images(20))
    other, _ = build(one, recipe_of("other"), {"a": b"a" * 700})
    for block in (objects.root / "blocks").rglob("*/*"):
        block.unlink()
    (objects.root / f"versions/{sprites.data_version}/manifest.json").write_text("{}")
    with pytest.raises(RemoteArtifactError, match="not a manifest"):
        one.restore_remote([sprites, other])
    two = machine(tmp_path / "two", objects)
    assert two.open(other).is_whole
    merged, _ = build(one, recipe_of("merge", sprites), images(10, 5))
    assert two.open(merged).is_whole


def test_a_file_that_was_changed_here_is_not_uploaded(tmp_path: Path, objects: FolderStore) -> None:
    alone = ArtifactStore(tmp_path / "one")
    version, record = build(alone, SPRITES, images(5))
    file = alone.files_of(version) / "images/3.png"
    file.chmod(0o600)
    file.write_bytes(b"X" + file.read_bytes()[1:])
    one = machine(tmp_path / "one", objects)
    with pytest.raises(ChangedFileError, match=r"3\.png has other bytes") as said:
        one.upload(record)
    assert str(alone.files_of(version).parent) in said.value.fix
    assert not list(objects.listing()), "nobody finds it, and no block of it"


def test_a_changed_manifest_or_record_is_not_believed(tmp_path: Path, objects: FolderStore) -> None:
    version, _ = build(machine(tmp_path / "one", objects), SPRITES, {"a": b"a"})
    folder = objects.root / "versions" / version.data_version
    (said,) = (folder / "builds").iterdir()
    said.write_text(said.read_text().replace('"code_version": "1"', '"code_version": "2"'))
    two = machine(tmp_path / "two", objects)
    assert two.find_build("toy/sprites", None, SPRITES.input_key) is None
    assert two.provenance_of(version) == ()
    manifest = folder / "manifest.json"
    text = manifest.read_text()
    manifest.write_text(text.replace('"path":"a"', '"path":"b"'))
    with pytest.raises(RemoteArtifactError, match="other bytes"):
        two.open(version)
    manifest.write_text("{}")
    with pytest.raises(RemoteArtifactError, match="not a manifest"):
        two.open(version)


def test_a_record_that_claims_another_version_is_not_believed(
    tmp_path: Path, objects: FolderStore
) -> None:
    one = machine(tmp_path / "one", objects)
    version, _ = build(one, SPRITES, {"a": b"a"})
    other, _ = build(one, recipe_of("other"), {"b": b"b"})
    (said,) = (objects.root / "versions" / version.data_version / "builds").iterdir()
    said.write_text(said.read_text().replace(version.data_version, other.data_version))
    two = machine(tmp_path / "two", objects)
    assert two.find_build("toy/sprites", None, SPRITES.input_key) is None


def test_of_two_assets_with_the_same_bytes_each_keeps_its_own_record(
    tmp_path: Path, objects: FolderStore
) -> None:
    one = machine(tmp_path / "one", objects)
    version, record = build(one, SPRITES, {"a": b"a"})
    other, _ = build(one, recipe_of("other"), {"a": b"a"})
    assert other.data_version == version.data_version
    two = machine(tmp_path / "two", objects)
    two.open(version)
    assert two.provenance_of(version) == (record,)


@pytest.mark.parametrize("damage", ["manifest.json", "builds", "recipe"])
def test_a_recipe_whose_version_was_removed_names_the_next_one(
    tmp_path: Path, objects: FolderStore, damage: str
) -> None:
    """Weights are others each time: without this every machine would train again."""
    first, _ = build(machine(tmp_path / "one", objects), SPRITES, {"weights": b"one"})
    version = objects.root / "versions" / first.data_version
    if damage == "recipe":
        (objects.root / "recipes" / SPRITES.input_key).write_bytes(b"no version")
    elif damage == "builds":
        shutil.rmtree(version / "builds")
    else:
        (version / damage).unlink()
    second, record = build(machine(tmp_path / "two", objects), SPRITES, {"weights": b"two"})
    third, _ = build(machine(tmp_path / "three", objects), SPRITES, {"weights": b"three"})
    four = machine(tmp_path / "four", objects)
    assert four.find_build("toy/sprites", None, SPRITES.input_key) == record
    assert (four.is_here(second), four.is_here(third)) == (True, False)


def test_a_file_is_looked_for_although_another_manifest_has_changed(
    tmp_path: Path, objects: FolderStore
) -> None:
    one = machine(tmp_path / "one", objects)
    version, _ = build(one, SPRITES, {"a": b"a"})
    other, _ = build(one, recipe_of("other"), {"b": b"b"})
    (objects.root / "versions" / other.data_version / "manifest.json").write_text("{}")
    (file,) = one.listing_of(version).files
    assert machine(tmp_path / "two", objects).versions_holding(file.sha256) == (version,)


def test_what_a_run_takes_up_again_by_a_record_of_elsewhere_is_no_garbage(
    tmp_path: Path, objects: FolderStore
) -> None:
    one = machine(tmp_path / "one", objects)
    version, _ = build(one, SPRITES, {"a": b"a"})
    home = one.files_of(version).parent
    for record in home.parent.glob("builds/*"):
        record.unlink()
    os.utime(home / "manifest.json", (0, 0))
    assert [removal.path for removal in one.garbage(set())] == [home]
    assert one.find_build("toy/sprites", None, SPRITES.input_key) is not None
    assert one.garbage(set()) == ()


@pytest.mark.parametrize(
    ("asset", "partition"), [("../x", None), ("toy/../../../x", None), ("toy/x", "/../../../x")]
)
def test_a_record_of_anybody_reaches_nothing_outside_the_store(
    tmp_path: Path, objects: FolderStore, asset: str, partition: str | None
) -> None:
    (tmp_path / "files").mkdir()
    (tmp_path / "files/a").write_bytes(b"a")
    manifest = manifest_of(tmp_path / "files")
    recipe = Recipe(asset=asset, partition=partition, code_version="1", config={}, inputs=())
    forged = recorded(recipe)(manifest.digest)
    RemoteArtifacts(objects).upload(forged, tmp_path / "files", manifest, silent)
    before = sorted(tmp_path.rglob("*"))
    two = machine(tmp_path / "deep/two", objects)
    (version,) = two.versions_holding(manifest.files[0].sha256)
    for look in (two.open, two.problems_of, two.provenance_of):
        with pytest.raises(ArtifactStoreError, match="names no folder"):
            look(version)
    assert sorted(tmp_path.rglob("*")) == before


def test_what_is_nowhere_is_said_to_be_missing(tmp_path: Path, objects: FolderStore) -> None:
    version, record = build(ArtifactStore(tmp_path / "one"), SPRITES, {"a": b"a"})
    two = machine(tmp_path / "two", objects)
    with pytest.raises(ArtifactMissingError, match="neither in") as raised:
        two.open(version)
    assert "outpost artifacts upload" in raised.value.fix
    # Made before there was an object store: the same recipe brings it there.
    one = machine(tmp_path / "one", objects)
    assert one.find_build("toy/sprites", None, SPRITES.input_key) == record
    assert two.open(version).is_whole


def test_progress_is_told(
    tmp_path: Path, objects: FolderStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Progress] = []
    monkeypatch.setattr(layout, "BLOCK_BYTES", 1 << 20)
    content = {"a": bytes(range(256)) * 4096 + bytes(2 << 20)}
    version, _ = build(machine(tmp_path / "one", objects, told.append), SPRITES, content)
    machine(tmp_path / "two", objects, told.append).open(version)
    stages = {(reading.stage, reading.done, reading.total) for reading in told}
    assert (f"MiB of toy/sprites to {objects.place}", 3, 3) in stages
    # Two of the blocks are the same, and are read once.
    assert ("MiB of toy/sprites", 2, 2) in stages


@pytest.mark.slow
@pytest.mark.skipif(not seaweed.is_installed(), reason="no wheel for this machine")
def test_on_a_real_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("resources.object_store.s3.FIRST_WAIT_SECONDS", 0.05)
    monkeypatch.setattr(layout, "BLOCK_BYTES", 1 << 20)
    with seaweed.seaweed(tmp_path / "weed") as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        bucket = S3Store(seaweed.BUCKET, "deep/artifacts")
        files = {**images(2000), "weights.pt": bytes(range(256)) * 20_000}
        one = machine(tmp_path / "one", bucket)
        version, record = build(one, SPRITES, files)
        two = machine(tmp_path / "two", bucket)
        assert two.find_build("toy/sprites", None, SPRITES.input_key) == record
        assert two.problems_of(version) == ()

        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
        stranger = machine(tmp_path / "three", S3Store(seaweed.BUCKET, "deep/artifacts"))
        with pytest.raises(ObjectStoreError, match="refuses"):
            stranger.open(version)
        with pytest.raises(ArtifactStoreError, match="made and kept in") as raised:
            build(stranger, recipe_of("other"), {"a": b"a"})
        assert "key" in raised.value.fix
        assert len(list(stranger.builds())) == 1

        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        server.kill()
        assert two.open(version).is_whole, "what is here needs no server"
        with pytest.raises(ArtifactStoreError, match="made and kept in"):
            build(two, recipe_of("other"), {"a": b"a"})
        server.start()
        assert two.find_build("toy/other", None, recipe_of("other").input_key) is not None
        shutil.rmtree(tmp_path / "one")
        other = ArtifactVersion(
            asset="toy/other",
            data_version=next(
                r.data_version for r in two.builds() if r.recipe.asset == "toy/other"
            ),
        )
        assert machine(tmp_path / "one", bucket).open(other).is_whole
