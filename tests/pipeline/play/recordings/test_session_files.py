"""Sessions are read as they were written, lose nothing to a kill, and are never trusted."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import time
from functools import cache, partial
from io import BytesIO
from pathlib import Path

import pytest
import zstandard
from doubles.sessions import session_info, some_events
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mcap.data_stream import RecordBuilder
from mcap.reader import make_reader
from mcap.records import Chunk
from mcap.writer import Writer

from pipeline.play.recordings.events import (
    EVENTS,
    EntitiesEvent,
    KeyEvent,
    RecordingError,
    SessionInfo,
    TimedEvent,
    Topic,
    require_game,
    require_simulated,
)
from pipeline.play.recordings.reader import open_session, session_files
from pipeline.play.recordings.recovery import recover
from pipeline.play.recordings.writer import SessionWriter, begin_file

ROOT = Path(__file__).parents[4]


def written(folder: Path, events: list[TimedEvent], name: str = "one", **changes: object) -> Path:
    with SessionWriter(folder, session_info(name, **changes)) as writer:
        for time_of, event in events:
            writer.write(time_of, event)
        return writer.finish()


@cache
def _beginning() -> bytes:
    """What every session of `session_info` begins with."""
    stream = BytesIO()
    writer = Writer(stream, use_chunking=False)
    begin_file(writer, session_info())
    writer.flush()
    return stream.getvalue()


def interrupted(folder: Path, events: list[TimedEvent], name: str = "one") -> Path:
    """The part of a recording that nobody has finished."""
    with SessionWriter(folder, session_info(name)) as writer:
        for time_of, event in events:
            writer.write(time_of, event)
    return writer.part


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sessions")
    return written(folder, list(some_events()))


def test_every_channel_is_read_as_it_was_written(session):
    read = open_session(session)
    expected = list(some_events())
    assert list(read.events()) == expected
    assert read.damage is None
    assert read.info == session_info()
    assert read.seconds == max(one.time for one in expected) / 1e9
    keys = list(read.events(Topic.KEYS, Topic.GOALS))
    assert keys == [one for one in expected if type(one.event).__name__[0] in "KG"]
    assert [file.name for file in session.parent.iterdir()] == ["one.mcap"]


def test_other_programs_find_an_index_and_schemas(session):
    with session.open("rb") as stream:
        summary = make_reader(stream).get_summary()
        assert summary is not None
        assert {channel.topic for channel in summary.channels.values()} == set(Topic)
        assert {schema.encoding for schema in summary.schemas.values()} == {"jsonschema"}
        assert summary.chunk_indexes
        found = [
            channel.topic for _schema, channel, _message in make_reader(stream).iter_messages()
        ]
    assert len(found) == sum(open_session(session).counts.values())


def test_the_same_events_give_the_same_bytes(session, tmp_path):
    assert written(tmp_path, list(some_events())).read_bytes() == session.read_bytes()


numbers = st.integers(-(2**15), 2**15 - 1)
rows = st.lists(st.lists(numbers, min_size=12, max_size=12), max_size=6)
known = st.builds(
    EntitiesEvent,
    rows=rows,
    status=st.lists(st.integers(-(2**31), 2**31 - 1), min_size=4, max_size=4),
)
pressed = st.builds(
    KeyEvent,
    actor=st.from_regex(r"\A[a-z][a-z0-9_]{0,9}\Z"),
    kind=st.sampled_from(["press", "release"]),
    key=st.from_regex(r"\A[A-Z0-9_]{1,30}\Z"),
)


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(st.tuples(st.integers(0, 2**62), known | pressed), min_size=1, max_size=12), st.data()
)
def test_any_session_comes_back_and_any_beginning_of_it_opens(tmp_path, events, data):
    shutil.rmtree(tmp_path)
    timed = sorted((TimedEvent(*event) for event in events), key=lambda one: one.time)
    part = interrupted(tmp_path, timed)
    content = part.read_bytes()
    cut = data.draw(st.integers(len(content) // 2, len(content)))
    part.write_bytes(content[:cut])
    try:
        torn = open_session(part)
    except RecordingError:
        # Only where not one event is whole; before an event's text are 31 bytes.
        first = timed[0].event.model_dump_json(exclude_defaults=True)
        assert cut < len(_beginning()) + 31 + len(first)
    else:
        read = list(torn.events())
        assert read == timed[: len(read)]
        assert torn.damage == "it breaks off"
        assert len(read) == len(timed) or cut < len(content)
    part.write_bytes(content)
    assert list(recover(part).events()) == timed
    assert session_files(tmp_path, unfinished=True) == []


def _killed(folder: Path, lines: int, chance: random.Random) -> tuple[Path, int]:
    """Kill a process that records after some lines; how many events it said it had written."""
    command = [sys.executable, "-m", "doubles.killed_recorder", str(folder)]
    paths = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    environment = {**os.environ, "PYTHONPATH": paths}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True)
    part = folder / "killed.mcap.part"
    assert process.stdout is not None
    try:
        for _ in range(lines):
            said = process.stdout.readline()
        with pytest.raises(RecordingError, match="is being recorded"):
            recover(part)
        time.sleep(chance.random() / 50)
    finally:
        process.kill()
        rest = process.stdout.read()
        process.wait()
    complete = rest.split("\n")[:-1]
    return part, int(complete[-1] if complete else said)


@pytest.mark.parametrize("lines", [3, pytest.param(range(1, 400, 20), marks=pytest.mark.slow)])
def test_a_killed_process_loses_nothing_that_it_said_it_had_written(tmp_path, lines):
    chance = random.Random(1)
    for number in [lines] if isinstance(lines, int) else lines:
        part, said = _killed(tmp_path / str(number), number, chance)
        assert open_session(part).counts[Topic.KEYS] >= said
        finished = recover(part)
        keys = [event.key for _time, event in finished.events() if isinstance(event, KeyEvent)]
        assert keys == [f"K{number}" for number in range(1, len(keys) + 1)]
        assert len(keys) >= said
        assert [one.name for one in part.parent.iterdir()] == ["killed.mcap"]


def test_what_follows_a_damaged_event_is_kept(tmp_path):
    part = interrupted(tmp_path, list(some_events()))
    content = part.read_bytes().replace(b'"goal":"FIGHT"', b'"goal":"FIGHX"')
    assert content != part.read_bytes()
    part.write_bytes(content)
    finished = recover(part)
    assert 0 < sum(finished.counts.values()) < len(list(some_events()))
    assert finished.damage is None
    assert not part.exists()
    assert part.with_name(f"{part.name}.damaged").read_bytes() == content
    assert session_files(tmp_path, unfinished=True) == []


def test_what_is_there_at_any_moment_opens(tmp_path):
    """As if it had been killed after any event."""
    sizes = []
    with SessionWriter(tmp_path, session_info()) as writer:
        for time_of, event in some_events():
            writer.write(time_of, event)
            sizes.append(writer.part.stat().st_size)
    content = writer.part.read_bytes()
    expected = list(some_events())
    for number in range(0, len(sizes), 9):
        writer.part.write_bytes(content[: sizes[number]])
        assert list(open_session(writer.part).events()) == expected[: number + 1]


def test_what_is_on_the_disk_is_asked_for_once_a_second(tmp_path, monkeypatch):
    monkeypatch.setattr("pipeline.play.recordings.writer.SYNC_SECONDS", 0.01)
    synced = []
    monkeypatch.setattr(os, "fsync", synced.append)
    with SessionWriter(tmp_path, session_info()) as writer:
        assert len(synced) == 1
        writer.write(0, KeyEvent(actor="person", kind="press", key="STOP"))
        deadline = time.monotonic() + 60
        # Nothing more is written: it is put on the disk nevertheless, and once.
        while len(synced) < 2 and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.05)
        assert len(synced) == 2
        writer.discard()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("cut", [0, 5, 8, 30, 200])
def test_a_torn_header_is_one_clear_error(session, tmp_path, cut):
    torn = tmp_path / "torn.mcap"
    torn.write_bytes(session.read_bytes()[:cut])
    with pytest.raises(RecordingError, match="is no recorded session"):
        open_session(torn)


def test_a_finished_session_that_breaks_off_says_so(session, tmp_path):
    torn = tmp_path / "torn.mcap"
    content = session.read_bytes()
    torn.write_bytes(content[:-9])
    read = open_session(torn)
    assert read.damage == "it breaks off"
    assert len(list(read.events())) == len(list(some_events()))


def test_a_damaged_chunk_ends_what_is_read(tmp_path, monkeypatch):
    small_chunks = partial(Writer, chunk_size=1000, enable_data_crcs=True)
    monkeypatch.setattr("pipeline.play.recordings.recovery.compressed_writer", small_chunks)
    events = list(some_events(200))
    file = written(tmp_path, events)
    content = bytearray(file.read_bytes())
    content[content.index(b"zstd", len(content) // 3) + 60] ^= 1
    file.write_bytes(content)
    read = open_session(file)
    assert "damaged" in str(read.damage)
    kept = list(read.events())
    assert len(events) // 9 < len(kept) < len(events)
    assert kept == events[: len(kept)]


@pytest.mark.parametrize("place", [0.3, 0.5, 0.7])
def test_no_byte_of_the_events_changes_unnoticed(session, tmp_path, place):
    with session.open("rb") as stream:
        summary = make_reader(stream).get_summary()
    assert summary is not None
    begins = summary.chunk_indexes[0].chunk_start_offset
    ends = begins + summary.chunk_indexes[0].chunk_length
    content = bytearray(session.read_bytes())
    content[round(begins + (ends - begins) * place)] ^= 1
    file = tmp_path / "changed.mcap"
    file.write_bytes(content)
    with pytest.raises(RecordingError, match=r"damaged|size|breaks off"):
        open_session(file)


def test_an_event_that_is_none_ends_what_is_read(tmp_path):
    part = interrupted(tmp_path, list(some_events()))
    part.write_bytes(part.read_bytes().replace(b'"key":"STOP"', b'"key":"ST P"'))
    read = open_session(part)
    assert "event 1 of /keys is not what it should be (key " in str(read.damage)
    assert list(read.events(Topic.ENTITIES)) == [
        next(e for e in some_events() if isinstance(e.event, EntitiesEvent))
    ]


def _with_info(file: Path, metadata: dict[str, str], *, events: bool = True) -> Path:
    """A file of events whose metadata may say anything."""
    stream = BytesIO()
    writer = Writer(stream, use_chunking=False)
    writer.start("", "test")
    writer.add_metadata("session", metadata)
    channel = writer.register_channel("/keys", "json", 0)
    if events:
        writer.add_message(channel, 0, b'{"actor":"person","kind":"press","key":"STOP"}', 0)
    writer.finish()
    file.write_bytes(stream.getvalue())
    return file


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"schema_version": "2"}, "version 2 of the schema"),
        ({"name": '"../up"'}, "says of itself is damaged"),
        ({"screen": "[0, 5]"}, "says of itself is damaged"),
        ({"actor": "not json"}, "says of itself is damaged"),
        ({"seed": "[" * 100_000}, "says of itself is damaged"),
        ({"user": '"me"'}, "says of itself is damaged"),
    ],
)
def test_other_schemas_are_refused(tmp_path, changes, told):
    metadata = {**session_info().to_metadata(), **changes}
    with pytest.raises(RecordingError, match=told):
        open_session(_with_info(tmp_path / "other.mcap", metadata))


def test_other_games_classes_and_rules_are_refused():
    require_simulated(session_info())
    for changes, told in (
        ({"game": "chess"}, "of the game 'chess'"),
        ({"classes": ("pawn",)}, "only there: pawn; only here: berry_bush"),
        ({"rules": "0" * 64}, "other rules"),
        ({"seed": None}, "does not say seed"),
    ):
        with pytest.raises(RecordingError, match=told):
            require_simulated(session_info(**changes))
    require_game(session_info(game="chess", classes=("pawn",)), "chess", ("pawn",))


def test_an_empty_session_is_refused(tmp_path):
    metadata = session_info().to_metadata()
    with pytest.raises(RecordingError, match="is empty: nothing happens in it"):
        open_session(_with_info(tmp_path / "empty.mcap", metadata, events=False))
    with (
        SessionWriter(tmp_path, session_info("nothing")) as writer,
        pytest.raises(RecordingError, match="holds no event"),
    ):
        writer.finish()


def test_a_chunk_that_would_fill_the_memory_is_not_opened(tmp_path, monkeypatch):
    monkeypatch.setattr("pipeline.play.recordings.reader.MOST_RECORD_BYTES", 1 << 20)
    opened = []
    monkeypatch.setattr(zstandard, "decompress", lambda *asked: opened.append(asked))
    data = zstandard.compress(bytes(3 << 20))
    for stated, compression in ((100, "zstd"), (3 << 20, "zstd"), (100, "lz4"), (100, "")):
        content = RecordBuilder()
        Chunk(compression, data, 0, 0, 0, stated).write(content)
        file = _with_info(tmp_path / "bomb.mcap", session_info().to_metadata(), events=False)
        whole = file.read_bytes()
        ends = whole.index(b"\x0f\x04")
        file.write_bytes(whole[:ends] + content.end() + whole[ends:])
        with pytest.raises(RecordingError, match="size that it states"):
            open_session(file)
    assert not opened


@pytest.mark.parametrize("seed", range(40))
def test_no_damage_of_any_kind_does_more_than_that(session, tmp_path, seed):
    """Bytes are changed, taken out and put in, in all parts of the file."""
    chance = random.Random(seed)
    content = bytearray(session.read_bytes())
    for _ in range(chance.randrange(1, 6)):
        place = chance.randrange(len(content) if seed % 2 else 400)
        match chance.randrange(3):
            case 0:
                content[place] = chance.randrange(256)
            case 1:
                del content[place : place + chance.randrange(1, 40)]
            case _:
                content[place:place] = chance.randbytes(chance.randrange(1, 40))
    file = tmp_path / "any.mcap"
    file.write_bytes(content)
    try:
        read = open_session(file)
    except RecordingError:
        return
    expected = list(some_events())
    assert list(read.events()) == expected[: sum(read.counts.values())]


def test_a_name_is_taken_once(tmp_path):
    with SessionWriter(tmp_path, session_info()) as writer:
        with pytest.raises(RecordingError, match="is being recorded"):
            SessionWriter(tmp_path, session_info())
        writer.write(0, KeyEvent(actor="person", kind="press", key="STOP"))
    with pytest.raises(RecordingError, match="already") as refused:
        SessionWriter(tmp_path, session_info())
    assert "recover" in refused.value.fix
    recover(writer.part)
    with pytest.raises(RecordingError, match="already"):
        SessionWriter(tmp_path, session_info())
    with pytest.raises(RecordingError, match="no part"):
        recover(writer.part)


def test_a_part_beside_its_session_goes_only_if_it_holds_nothing_more(tmp_path):
    events = list(some_events())
    file = written(tmp_path / "a", events)
    part = interrupted(tmp_path / "b", events)
    shutil.copy(file, part.parent)
    assert recover(part).counts == open_session(file).counts
    assert not part.exists()
    longer = interrupted(tmp_path / "c", [*events, events[-1]])
    shutil.copy(file, longer.parent)
    with pytest.raises(RecordingError, match="different events"):
        recover(longer)
    assert longer.exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full disk to write to")
def test_a_full_disk_is_told_and_what_fitted_is_kept(tmp_path, monkeypatch):
    with SessionWriter(tmp_path, session_info()) as writer:
        writer.write(0, KeyEvent(actor="person", kind="press", key="STOP"))
        full = os.open("/dev/full", os.O_WRONLY)
        kept = os.dup(writer._stream.fileno())
        os.dup2(full, writer._stream.fileno())
        os.close(full)
        for _ in range(2):
            with pytest.raises(RecordingError, match="No space left"):
                writer.write(1, KeyEvent(actor="person", kind="press", key="HOME"))
        os.close(kept)
        with pytest.raises(RecordingError, match="No space left"):
            writer.finish()
    assert open_session(writer.part).counts == {Topic.KEYS: 1}


def test_a_folder_that_cannot_be_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RecordingError, match="cannot be written"):
        SessionWriter(tmp_path / "file" / "sessions", session_info())
    with pytest.raises(RecordingError, match="cannot be read"):
        open_session(tmp_path / "nothing.mcap")


def test_time_does_not_go_back(tmp_path):
    with SessionWriter(tmp_path, session_info()) as writer:
        writer.write(5, KeyEvent(actor="person", kind="press", key="STOP"))
        with pytest.raises(ValueError, match="goes back"):
            writer.write(4, KeyEvent(actor="person", kind="press", key="STOP"))


def test_nothing_is_said_of_the_person(session):
    """Whatever this machine and user are called is not in the file, and there is no date."""
    fields = set(SessionInfo.model_fields) | {f for e in EVENTS.values() for f in e.model_fields}
    assert not fields & {"user", "host", "hostname", "window", "title", "path", "date", "created"}
    stream = BytesIO()
    writer = Writer(stream, use_chunking=False)
    begin_file(writer, session_info())
    writer.finish()
    for private in (os.environ.get("USER") or "root", str(Path.home()), str(ROOT)):
        assert len(private) < 4 or private.encode() not in stream.getvalue()
