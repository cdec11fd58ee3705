"""Removing what nobody needs from a store that several machines write: nothing needed ever goes."""

from __future__ import annotations

import os
import random
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from unittest.mock import patch

import pytest
from doubles import seaweed
from doubles.artifacts import recorded
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import OutpostError
from pipeline.progress import Progress, Report, silent
from pipeline.provenance import ArtifactVersion, Provenance, Recipe
from resources.artifacts import ArtifactStore
from resources.object_store.base import ObjectListing, ObjectStore, ObjectStoreError, StoredObject
from resources.object_store.folder import FolderStore
from resources.object_store.s3 import S3Store
from resources.remote_artifacts import announcements, collection, layout, transfer
from resources.remote_artifacts.announcements import AnnouncedCollection
from resources.remote_artifacts.collection import (
    Collected,
    CollectionPlan,
    References,
    collect,
    contents_of,
    plan_collection,
)
from resources.remote_artifacts.remote import RemoteArtifactError, RemoteArtifacts

DAY = announcements.FORGOTTEN_AFTER_SECONDS
HOUR = 3600.0
REFUSED_AFTER_SECONDS = 15 * 60
"""S3 refuses a request that was signed longer ago (RequestTimeTooSkewed)."""


@pytest.fixture(autouse=True, scope="module")
def _small_blocks() -> Iterator[None]:
    with patch.object(layout, "BLOCK_BYTES", 4):
        yield


@dataclass
class Library:
    """Artifacts on a machine, which share blocks in many ways."""

    store: ArtifactStore
    records: dict[str, Provenance] = field(default_factory=dict)

    def add(self, name: str, files: str, *inputs: str, seed: int = 1) -> ArtifactVersion:
        """An artifact with a file of four bytes for each letter."""
        made_from = tuple(self.records[one].version for one in inputs)
        config = {"seed": seed}
        recipe = Recipe(asset=f"toy/{name}", code_version="1", config=config, inputs=made_from)
        with self.store.staging(recipe.asset) as staged:
            for letter in files:
                (staged / letter).write_text(letter * 4)
            _, self.records[name] = self.store.commit(staged, recorded(recipe))
        return self.records[name].version

    def at(self, objects: ObjectStore) -> ArtifactStore:
        return ArtifactStore(self.store.root, RemoteArtifacts(objects))


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    made = Library(ArtifactStore(tmp_path_factory.mktemp("library")))
    made.add("one", "abc")
    made.add("two", "bcd")
    made.add("made", "abce", "one")
    made.add("more", "bcef", "made", "two")
    made.add("same", "abc")
    return made


# Interleavings


class Killed(BaseException):
    """The process is gone: nothing more of it is carried out."""


@dataclass
class Actor:
    """A process that is stopped before each of its requests until it is its turn."""

    work: Callable[[Actor], None]
    offset: float
    go: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    stopped: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    is_killed: bool = False
    is_over: bool = False
    stopped_at: float | None = None
    """Since when it has been between two requests; None while one is on its way."""
    error: BaseException | None = None

    def begin(self) -> None:
        threading.Thread(target=self._run, daemon=True).start()
        self.stopped.acquire()

    def turn(self) -> None:
        """Let it carry out one request."""
        self.go.release()
        self.stopped.acquire()

    def wait_for_turn(self) -> None:
        self.stopped.release()
        self.go.acquire()
        if self.is_killed:
            raise Killed

    def _run(self) -> None:
        CURRENT.actor = self
        try:
            self.wait_for_turn()
            self.work(self)
        except (Killed, OutpostError):
            pass
        except BaseException as error:
            self.error = error
        self.is_over = True
        self.stopped.release()


CURRENT = threading.local()


class World:
    """A store, its clock, and what was reported to the orchestrator."""

    def __init__(self) -> None:
        self.now = 1e9
        self.objects: dict[str, StoredObject] = {}
        self.modified: dict[str, float] = {}
        self.reported: set[ArtifactVersion] = set()
        self.writes = 0

    # What processes see of time: their clocks are wrong by what is theirs.

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        actor: Actor = CURRENT.actor
        return self.now + actor.offset

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        CURRENT.actor.stopped_at = self.now
        CURRENT.actor.wait_for_turn()

    # The store

    @property
    def place(self) -> str:
        return "memory"

    def get(self, key: str) -> StoredObject | None:
        with self._request():
            return self.objects.get(key)

    def get_range(self, key: str, first: int, size: int) -> bytes:
        raise NotImplementedError

    def put_if_absent(self, key: str, content: bytes) -> str | None:
        with self._request():
            return None if key in self.objects else self._write(key, content)

    def put_if_match(self, key: str, content: bytes, tag: str) -> str | None:
        with self._request():
            found = self.objects.get(key)
            return self._write(key, content) if found and found.tag == tag else None

    def upload(self, key: str, file: Path) -> bool:
        raise NotImplementedError

    def download(self, key: str, file: Path, report: Report = silent) -> None:
        raise NotImplementedError

    def folders(self, prefix: str, most: int) -> tuple[str, ...]:
        raise NotImplementedError

    def listing(self, prefix: str = "", most: int | None = None) -> Iterator[ObjectListing]:
        with self._request():
            found = [
                ObjectListing(key, len(self.objects[key].content), modified=self.modified[key])
                for key in sorted(self.objects)
                if key.startswith(prefix)
            ]
        return iter(found)

    def delete(self, key: str) -> None:
        with self._request():
            self.objects.pop(key, None)
            self.modified.pop(key, None)

    def _write(self, key: str, content: bytes) -> str:
        self.writes += 1
        self.objects[key] = StoredObject(content, str(self.writes))
        self.modified[key] = self.now
        return str(self.writes)

    @contextmanager
    def _request(self) -> Iterator[None]:
        actor: Actor = CURRENT.actor
        actor.stopped_at = self.now
        actor.wait_for_turn()
        signed, actor.stopped_at = self.now, None
        actor.wait_for_turn()
        if self.now - signed > REFUSED_AFTER_SECONDS:
            raise ObjectStoreError("The request was held up for too long.", "Try again.")
        yield

    # What must hold

    def keys(self, prefix: str) -> set[str]:
        return {key for key in self.objects if key.startswith(prefix)}

    def check(self) -> None:
        """No manifest names a block that is absent, and what was reported is there."""
        for key in self.keys("versions/"):
            if key.endswith("/manifest.json"):
                stored = layout.StoredManifest.model_validate_json(self.objects[key].content)
                for digest in stored.blocks:
                    assert transfer.block_key(digest) in self.objects, f"{key} names what is gone"
        for version in self.reported:
            assert f"versions/{version.data_version}/manifest.json" in self.objects
            assert self.keys(f"versions/{version.data_version}/builds/")


def serially(
    work: Callable[..., object], items: list[object], _sizes: object, _stage: str, _report: object
) -> tuple[object, ...]:
    return tuple(work(item) for item in items)


@contextmanager
def virtual(world: World) -> Iterator[None]:
    with (
        patch.object(announcements, "time", world),
        patch.object(collection, "time", world),
        patch.object(transfer, "in_parallel", serially),
        patch.object(collection, "in_parallel", serially),
        patch.object(collection, "PATIENCE_SECONDS", 10.0),
        # Fewer pauses are needed to exceed them than a day.
        patch.object(announcements, "FORGOTTEN_AFTER_SECONDS", 3 * HOUR),
        patch.object(announcements, "UPLOAD_TRUSTED_SECONDS", 1.5 * HOUR),
    ):
        yield


def uploader(world: World, library: Library, name: str, reports: bool) -> Callable[[Actor], None]:
    def work(actor: Actor) -> None:
        began, record = world.now, library.records[name]
        library.at(world).upload(record, about_to_report=True)
        actor.wait_for_turn()
        if reports and world.now - began < 2 * HOUR:
            world.reported.add(record.version)

    return work


def collector(world: World) -> Callable[[Actor], None]:
    def references() -> References:
        return References(frozenset(v.data_version for v in world.reported), lambda _: True)

    def work(actor: Actor) -> None:
        remote = RemoteArtifacts(world)
        plan = plan_collection(contents_of(remote, silent), references(), world.time())
        collect(remote, plan, references, silent)

    return work


def run_alone(world: World, work: Callable[[Actor], None]) -> None:
    actor = Actor(work, offset=0.0)
    actor.begin()
    while not actor.is_over:
        actor.turn()
    if actor.error is not None:
        raise actor.error


NAMES = ("one", "two", "made", "more", "same")
OFFSETS = (0.0, -10 * DAY, 10 * DAY, 300.0)
"""By which clocks are wrong."""
PAUSES = (100.0, REFUSED_AFTER_SECONDS + 60, 1400.0, HOUR, 4 * HOUR)
STOPPED_AT_MOST = 25 * 60
"""Seconds that a process is stopped between looking at its watch and signing a request."""


def may_pause(actor: Actor, until: float) -> bool:
    stopped_at = actor.stopped_at
    return actor.is_over or stopped_at is None or until - stopped_at < STOPPED_AT_MOST


def interleave(world: World, library: Library, chance: random.Random) -> None:
    """Uploads of which some are never reported; two days later others, collections, and kills."""
    with virtual(world):
        for name in chance.sample(NAMES, chance.randint(1, 4)):
            run_alone(world, uploader(world, library, name, reports=chance.random() < 0.3))
        world.now += 2 * DAY
        works = [uploader(world, library, name, True) for name in chance.sample(NAMES, 2)]
        works += [collector(world)] * chance.randint(1, 2)
        actors = [Actor(work, chance.choice(OFFSETS)) for work in works]
        for actor in actors:
            actor.begin()
        restless = chance.random() < 0.6
        while going_on := [actor for actor in actors if not actor.is_over]:
            actor = chance.choice(going_on)
            actor.is_killed = chance.random() < 0.02
            later = world.now + chance.choice(PAUSES)
            if restless and all(may_pause(one, later) for one in actors):
                world.now = later
            for _ in range(chance.choice((1, 2, 4, 10, 30, 80))):
                if not actor.is_over:
                    actor.turn()
                    world.check()
        for actor in actors:
            if actor.error is not None:
                raise actor.error
        world.now += 2 * DAY
        run_alone(world, collector(world))
        world.check()


def check_that_all_else_is_gone(world: World, library: Library) -> None:
    reported = {version.data_version for version in world.reported}
    left = {key.split("/")[1] for key in world.keys("versions/")}
    assert left <= _with_all_inputs(library, reported)
    named = {
        digest
        for key in world.keys("versions/")
        if key.endswith("/manifest.json")
        for digest in layout.StoredManifest.model_validate_json(world.objects[key].content).blocks
    }
    assert {key.rpartition("/")[2] for key in world.keys("blocks/")} == named
    assert not world.keys("uploads/") | world.keys("uses/") | world.keys("collections/")


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**9))
def test_no_interleaving_of_uploads_collections_and_kills_loses_what_is_named(
    library: Library, seed: int
) -> None:
    world = World()
    interleave(world, library, random.Random(seed))
    check_that_all_else_is_gone(world, library)


def test_an_upload_that_took_too_long_looks_again(library: Library) -> None:
    """It has found blocks of an artifact that is of no use any more, and was forgotten since."""
    world = World()
    with virtual(world):
        run_alone(world, uploader(world, library, "one", reports=False))
        world.now += 2 * DAY
        actor = Actor(uploader(world, library, "two", reports=False), offset=0.0)
        actor.begin()
        while not world.keys("uploads/"):
            actor.turn()
        for _ in range(6):  # until it has found the first block
            actor.turn()
        assert actor.stopped_at is not None
        world.now += 4 * HOUR
        before = world.keys("blocks/")
        run_alone(world, collector(world))
        assert world.keys("blocks/") < before
        while not actor.is_over:
            actor.turn()
            world.check()
    assert actor.error is None
    assert f"versions/{library.records['two'].data_version}/manifest.json" in world.objects


@pytest.mark.parametrize("name", ["two", "made"])
def test_an_upload_uses_no_block_that_a_collection_is_about_to_remove(
    library: Library, name: str
) -> None:
    """Of another artifact that has the same bytes, or of the one that it is made from."""
    world = World()
    with virtual(world):
        run_alone(world, uploader(world, library, "one", reports=False))
        world.now += 2 * DAY
        removing = Actor(collector(world), offset=0.0)
        removing.begin()
        before = world.keys("versions/")
        while world.keys("versions/") == before:  # until it looks at nothing more
            removing.turn()
        uploading = Actor(uploader(world, library, name, reports=False), offset=0.0)
        uploading.begin()
        for _ in range(100):
            if not uploading.is_over:
                uploading.turn()
        while not removing.is_over:
            removing.turn()
            world.check()
        while not uploading.is_over:
            uploading.turn()
            world.check()
    assert removing.error is uploading.error is None
    assert f"versions/{library.records[name].data_version}/manifest.json" in world.objects


def test_what_is_left_of_a_version_while_it_is_removed_has_its_manifest(library: Library) -> None:
    world = World()
    with virtual(world):
        run_alone(world, uploader(world, library, "one", reports=False))
        world.now += 2 * DAY
        removing = Actor(collector(world), offset=0.0)
        removing.begin()
        while not removing.is_over:
            removing.turn()
            for key in world.keys("versions/"):
                assert f"versions/{key.split('/')[1]}/manifest.json" in world.objects
    assert removing.error is None
    assert not world.keys("versions/")


@pytest.mark.exhaustive
def test_no_interleaving_of_a_thousand(library: Library) -> None:
    for seed in range(1000):
        world = World()
        interleave(world, library, random.Random(seed))
        check_that_all_else_is_gone(world, library)


def _with_all_inputs(library: Library, names: set[str]) -> set[str]:
    found = set(names)
    for record in library.records.values():
        found |= {
            used.data_version for used in record.recipe.inputs if record.data_version in names
        }
    return found if found == names else _with_all_inputs(library, found)


# One after the other, in a folder


@pytest.fixture
def objects(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "bucket")


def age(objects: FolderStore) -> None:
    """Let all that is there be older than what a run may be about to report."""
    then = time.time() - 2 * DAY
    for file in objects.root.rglob("*"):
        os.utime(file, (then, then))


def plan_for(objects: ObjectStore, *kept: ArtifactVersion) -> CollectionPlan:
    return plan_collection(
        contents_of(RemoteArtifacts(objects), silent), referring_to(*kept)(), time.time()
    )


def referring_to(*kept: ArtifactVersion) -> Callable[[], References]:
    return lambda: References(frozenset(one.data_version for one in kept), lambda _: True)


def collected(objects: ObjectStore, *kept: ArtifactVersion) -> Collected:
    plan = plan_for(objects, *kept)
    return collect(RemoteArtifacts(objects), plan, referring_to(*kept), silent)


def uploaded(library: Library, objects: ObjectStore, *names: str) -> list[ArtifactVersion]:
    for name in names:
        library.at(objects).upload(library.records[name])
    return [library.records[name].version for name in names]


def test_what_nothing_refers_to_goes_and_blocks_that_others_name_stay(
    library: Library, objects: FolderStore, tmp_path: Path
) -> None:
    one, two, more = uploaded(library, objects, "one", "two", "more")
    age(objects)
    plan = plan_for(objects, more)
    assert plan.versions == {one.data_version}, "more is made from two"
    (removal,) = plan.removals
    assert removal.what == str(one)
    assert removal.bytes == sum(plan.blocks.values()) == 4, "the others need b and c"
    assert RemoteArtifacts(objects).holds_version(one.data_version), "a plan removes nothing"
    assert collected(objects, more).removals == (removal,)
    assert collected(objects, more).removals == ()
    fresh = ArtifactStore(tmp_path / "fresh", RemoteArtifacts(objects))
    for version in (two, more):
        assert fresh.problems_of(version) == ()
    assert not RemoteArtifacts(objects).holds_version(one.data_version)
    assert fresh.find_build("toy/one", None, library.records["one"].recipe.input_key) is None


def test_the_store_is_listed_once_for_all_versions(library: Library, objects: FolderStore) -> None:
    listed: list[str] = []

    class Counted(FolderStore):
        def listing(self, prefix: str = "", most: int | None = None) -> Iterator[ObjectListing]:
            listed.append(prefix)
            return super().listing(prefix, most)

    uploaded(library, objects, "one", "two", "made")
    contents = contents_of(RemoteArtifacts(Counted(objects.root)), silent)
    assert [len(one.records) for one in contents.versions.values()] == [1, 1, 1]
    assert sorted(listed) == ["blocks/", "uses/", "versions/"]


def test_what_is_young_or_was_just_found_stays(library: Library, objects: FolderStore) -> None:
    (one,) = uploaded(library, objects, "one")
    assert collected(objects).removals == ()
    age(objects)
    library.at(objects).upload(library.records["one"], about_to_report=True)
    assert collected(objects).removals == ()
    age(objects)
    assert [removal.key for removal in collected(objects).removals] == [
        f"versions/{one.data_version}"
    ]
    assert [found.key.split("/")[0] for found in objects.listing()] == ["recipes"]


def test_what_another_instance_may_refer_to_stays(library: Library, objects: FolderStore) -> None:
    one, made = uploaded(library, objects, "one", "made")
    age(objects)
    contents = contents_of(RemoteArtifacts(objects), silent)
    plan = plan_collection(contents, References(frozenset(), lambda _: False), time.time())
    assert plan.removals == ()
    assert plan.unknown == {one.data_version, made.data_version}


def test_blocks_of_an_upload_that_was_broken_off_go_after_a_day(
    library: Library, objects: FolderStore
) -> None:
    uploaded(library, objects, "one")
    shutil.rmtree(objects.root / "versions")
    assert collected(objects).removals == ()
    age(objects)
    assert {removal.reason for removal in collected(objects).removals} == {"no artifact needs it"}
    assert not list(objects.listing("blocks/"))


def test_nothing_goes_where_a_manifest_was_changed(library: Library, objects: FolderStore) -> None:
    one, _ = uploaded(library, objects, "one", "two")
    (objects.root / f"versions/{one.data_version}/manifest.json").write_text("{}")
    age(objects)
    with pytest.raises(RemoteArtifactError, match="not a manifest"):
        collected(objects)


def test_nothing_goes_while_an_upload_goes_on_that_came_first(
    library: Library, objects: FolderStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    (one,) = uploaded(library, objects, "one")
    age(objects)
    monkeypatch.setattr(collection, "PATIENCE_SECONDS", 0.1)
    monkeypatch.setattr(collection, "POLL_SECONDS", 0.05)
    told: list[Progress] = []
    with announcements.announced_upload(objects, "toy/two 0123", silent):
        plan = plan_for(objects)
        done = collect(RemoteArtifacts(objects), plan, referring_to(), told.append)
    assert [upload.what for upload in done.uploads] == ["toy/two 0123"]
    assert done.removals == ()
    assert any("uploads to" in reading.stage for reading in told)
    assert [removal.what for removal in collected(objects).removals] == [str(one)]


def test_who_may_not_remove_says_otherwise_that_an_upload_is_over(objects: FolderStore) -> None:
    class NoDeleting(FolderStore):
        def delete(self, key: str) -> None:
            raise ObjectStoreError("You may not remove objects.", "Ask.")

    with announcements.announced_upload(NoDeleting(objects.root), "toy/two 0123", silent):
        assert len(announcements.uploads_at(objects, time.time())) == 1
    assert announcements.uploads_at(objects, time.time()) == {}


def announce_collection(objects: ObjectStore, name: str, plan: CollectionPlan) -> str:
    """As one that was killed leaves it."""
    said = AnnouncedCollection(versions=plan.versions, blocks=frozenset(plan.blocks))
    objects.put_if_absent(f"collections/{name}", said.model_dump_json().encode())
    return f"collections/{name}"


def test_an_upload_waits_for_what_it_needs_until_the_collection_is_over(
    library: Library, objects: FolderStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(announcements, "POLL_SECONDS", 0.01)
    one, two = uploaded(library, objects, "one", "two")
    age(objects)
    key = announce_collection(objects, "it", plan_for(objects, two))
    told: list[Progress] = []

    def end(reading: Progress) -> None:
        if "waited for a collection" in reading.stage:
            told.append(reading)
            shutil.rmtree(objects.root / f"versions/{one.data_version}")
            objects.delete(key)

    store = library.at(objects)
    ArtifactStore(store.root, store.remote, end).upload(library.records["two"])
    assert told == [], "it needs nothing that goes"
    ArtifactStore(store.root, store.remote, end).upload(
        library.records["one"], about_to_report=True
    )
    assert len(told) == 1
    assert RemoteArtifacts(objects).holds_whole(
        [library.records["one"]], RemoteArtifacts(objects).block_sizes()
    )


def test_nobody_waits_for_a_collection_that_was_killed_long_ago(
    library: Library, objects: FolderStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    uploaded(library, objects, "one")
    age(objects)
    plan = plan_for(objects)
    shutil.rmtree(objects.root / "versions")
    announce_collection(objects, "long-ago", plan)
    age(objects)
    monkeypatch.setattr(announcements, "POLL_SECONDS", 3600.0)
    assert library.at(objects).upload(library.records["one"])
    (objects.root / "collections/damaged").write_text("{")
    assert library.at(objects).upload(library.records["two"])
    collected(objects)
    assert [found.key for found in objects.listing("collections/")] == ["collections/damaged"]


def test_what_a_version_was_found_for_is_remembered_for_a_day_alone(
    library: Library, objects: FolderStore
) -> None:
    uploaded(library, objects, "one")
    for _ in range(3):
        age(objects)
        library.at(objects).upload(library.records["one"], about_to_report=True)
    assert len(list(objects.listing("uses/"))) == 1


def test_what_else_lies_in_the_same_place_stays(library: Library, objects: FolderStore) -> None:
    (one,) = uploaded(library, objects, "one")
    others = ("versions/000001-0123/manifest.json", "history/champion/1.json", "blocks-of-wood")
    for key in others:
        objects.put_if_absent(key, b"{}")
    age(objects)
    assert [removal.what for removal in collected(objects).removals] == [str(one)]
    left = {found.key for found in objects.listing()}
    assert set(others) <= left


def test_a_collection_that_took_too_long_leaves_the_rest(
    library: Library, objects: FolderStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    uploaded(library, objects, "one", "two")
    age(objects)
    monkeypatch.setattr(collection, "COLLECTION_TRUSTED_SECONDS", -1.0)
    assert collected(objects) == Collected(is_complete=False)
    monkeypatch.undo()
    monkeypatch.setattr(layout, "BLOCK_BYTES", 4)
    assert collected(objects).is_complete
    assert not list(objects.listing("versions/"))


# Many at a time, on real stores


def hammer(library: Library, objects: ObjectStore, seconds: float) -> None:
    """Threads that upload and collect; what was reported is whole at the end."""
    ends = time.monotonic() + seconds
    errors: list[BaseException] = []

    def repeat(work: Callable[[], object]) -> None:
        try:
            while time.monotonic() < ends:
                work()
        except BaseException as error:
            errors.append(error)

    def upload(name: str) -> None:
        library.at(objects).upload(library.records[name], about_to_report=True)

    threads = [
        threading.Thread(target=repeat, args=(lambda name=name: upload(name),)) for name in NAMES
    ] + [threading.Thread(target=repeat, args=(lambda: collected(objects),))] * 1
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    for name in NAMES:
        upload(name)
    remote = RemoteArtifacts(objects)
    sizes = remote.block_sizes()
    for record in library.records.values():
        assert remote.holds_whole([record], sizes)


@contextmanager
def hasty() -> Iterator[None]:
    """Hours are fractions of a second."""
    with (
        patch.object(announcements, "FORGOTTEN_AFTER_SECONDS", 2.0),
        patch.object(announcements, "UPLOAD_TRUSTED_SECONDS", 1.0),
        patch.object(announcements, "POLL_SECONDS", 0.02),
        patch.object(collection, "POLL_SECONDS", 0.02),
        patch.object(collection, "PATIENCE_SECONDS", 0.5),
    ):
        yield


@pytest.mark.slow
def test_in_a_folder_that_many_use(library: Library, objects: FolderStore) -> None:
    with hasty():
        hammer(library, objects, 6.0)


@pytest.mark.slow
@pytest.mark.skipif(not seaweed.is_installed(), reason="no wheel for this machine")
def test_on_a_server_that_many_use(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with seaweed.seaweed(tmp_path / "weed") as server, hasty():
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        bucket = S3Store(seaweed.BUCKET, "artifacts")
        uploaded(library, bucket, *NAMES)
        time.sleep(3.5)
        assert len(collected(bucket, library.records["two"].version).removals) == 3
        hammer(library, bucket, 10.0)
        time.sleep(3.5)
        with suppress(ObjectStoreError):
            collected(bucket)
        assert {found.key.split("/")[0] for found in bucket.listing()} <= {"recipes"}
