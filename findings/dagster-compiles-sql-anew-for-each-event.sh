#!/usr/bin/env bash
# dagster 1.13.27 with its default storage, SQLite: one would guess that an instance makes one SQLAlchemy engine for each
# of its databases and keeps it, as SQLAlchemy's documentation asks, because an engine also keeps the statements that it
# has compiled. But the event log makes a new engine for every connection (`SqliteEventLogStorage._connect`), so the
# same INSERT is compiled to text for every event, and no statement of the event log is ever taken from the cache.
#
# Seen: a run that logs 100 lines makes more than 100 engines for its event log, and all of SQLAlchemy's own notes on the
# INSERTs say "generated"; none says "cached". With one engine for each file, put in its place without another change, all
# but the first say "cached", and a test suite with many runs took a tenth less of the processor.
#
# Fails where the event log makes fewer engines than there are lines, or an INSERT comes from the cache.
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
uv venv --quiet --python 3.11 "$folder/venv"
uv pip install --quiet --python "$folder/venv" "dagster==1.13.27"
cd "$folder"
export DAGSTER_HOME="$folder"
"$folder/venv/bin/python" - <<'PYTHON' 2>"$folder/log" || { tail -5 "$folder/log"; exit 1; }
import logging

import dagster
from dagster._core.storage.event_log.sqlite import sqlite_event_log

LINES = 100
plainly = sqlite_event_log.create_engine


class Notes(logging.Handler):
    """Counts SQLAlchemy's notes on how it came by the text of an INSERT into the event log."""

    def __init__(self):
        super().__init__()
        self.generated = self.cached = 0
        self.of_an_insert = False

    def emit(self, record):
        text = record.getMessage()
        if text.startswith("INSERT INTO event_logs"):
            self.of_an_insert = True
        elif self.of_an_insert and text.startswith("["):
            self.generated += text.startswith("[generated")
            self.cached += text.startswith("[cached")
            self.of_an_insert = False


@dagster.op
def talk(context):
    for number in range(LINES):
        context.log.info("line %d", number)


@dagster.job
def job():
    talk()


def run(create_engine):
    made, notes = [], Notes()

    def counted(url, **options):
        engine = create_engine(url, **options)
        made.append(engine)
        return engine

    sqlite_event_log.create_engine = counted
    logger = logging.getLogger("sqlalchemy.engine.Engine")
    logger.addHandler(notes)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    with dagster.DagsterInstance.get() as instance:
        job.execute_in_process(instance=instance)
    logger.removeHandler(notes)
    return len({id(engine) for engine in made}), notes.generated, notes.cached


kept = {}


def one_for_each_file(url, **options):
    return kept.setdefault(url, plainly(url, **options))


engines, generated, cached = run(plainly)
of_kept = run(one_for_each_file)
print(
    f"dagster {dagster.__version__}, {LINES} log lines: {engines} engines, INSERTs generated "
    f"{generated} times, from the cache {cached} times; with engines that are kept {of_kept[0]}, "
    f"{of_kept[1]} and {of_kept[2]}"
)
if engines < LINES or generated < LINES or cached or of_kept[2] < LINES:
    raise SystemExit("Dagster keeps engines of its event log by now, or SQLAlchemy caches otherwise.")
PYTHON
