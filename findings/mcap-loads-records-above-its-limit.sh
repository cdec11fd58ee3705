#!/usr/bin/env bash
# mcap 1.6.0: `StreamReader(..., record_size_limit=...)` is documented as "an upper bound to the size of MCAP records
# that this reader will attempt to load", with which a reader of files from strangers would bound its memory. It is asked
# for the chunk as it lies in the file alone: what a compressed chunk unfolds to, and the records in it, have no limit
# (`breakup_chunk` calls zstandard with the size that the chunk states). A file of a few kilobytes takes gigabytes.
#
# Seen: of a file of 3 kB, with a limit of 1 MiB, a message of 64 MiB is loaded.
#
# Fails where the limit is kept.
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
uv venv --quiet --python 3.11 "$folder/venv"
uv pip install --quiet --python "$folder/venv" "mcap==1.6.0"
"$folder/venv/bin/python" - <<'PYTHON'
import io
import sys

from mcap.exceptions import RecordLengthLimitExceeded
from mcap.records import Message
from mcap.stream_reader import StreamReader
from mcap.writer import Writer

LIMIT = 1 << 20
file = io.BytesIO()
writer = Writer(file)
writer.start()
channel = writer.register_channel("/zeros", "", 0)
writer.add_message(channel, 0, bytes(64 * LIMIT), 0)
writer.finish()
size = file.tell()
file.seek(0)
try:
    records = list(StreamReader(file, record_size_limit=LIMIT).records)
except RecordLengthLimitExceeded as error:
    print(error)
    sys.exit(1)
(loaded,) = (len(record.data) for record in records if isinstance(record, Message))
print(f"a file of {size} bytes, a limit of {LIMIT}: loaded a record of {loaded} bytes")
sys.exit(0 if loaded > LIMIT else 1)
PYTHON
