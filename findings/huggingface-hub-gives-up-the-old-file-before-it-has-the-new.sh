#!/usr/bin/env bash
# huggingface_hub 2.4.0: one would guess that a program which asks for the newest version of a file keeps the one that
# it has until the next has come, so that a connection that breaks costs it nothing. But `hf_hub_download` gives the old
# one up first. In a folder (`local_dir`) it removes the file, then downloads. In the cache the old file stays, but the
# note which version the branch has (`refs/main`) names the new one already: without a connection the next call looks for
# that, and raises LocalEntryNotFoundError. Where no update was tried, the same call gives the old file.
#
# Seen, with a server that answers as the hub does and breaks off while it sends the second version: no file in the
# folder, and LocalEntryNotFoundError from the cache that has the first version; before that, the first version from both.
#
# Fails where either is kept. It takes a minute and a half, because the client tries again and again.
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
uv venv --quiet --python 3.11 "$folder/venv"
uv pip install --quiet --python "$folder/venv" "huggingface_hub==2.4.0"
export HF_HUB_DISABLE_XET=1 HF_HUB_DISABLE_PROGRESS_BARS=1 HF_HUB_DISABLE_TELEMETRY=1
cd "$folder"
"$folder/venv/bin/python" - 2> /dev/null <<'PYTHON'
import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from huggingface_hub import hf_hub_download
from huggingface_hub.errors import LocalEntryNotFoundError


class Hub(BaseHTTPRequestHandler):
    content, breaks = b"the first version", False

    def do_HEAD(self):
        self.send_response(200)
        self.send_header("X-Repo-Commit", hashlib.sha1(self.content).hexdigest())
        self.send_header("ETag", f'"{hashlib.sha256(self.content).hexdigest()}"')
        self.send_header("Content-Length", str(len(self.content)))
        self.end_headers()

    def do_GET(self):
        self.do_HEAD()
        self.wfile.write(self.content[:5] if self.breaks else self.content)

    def log_message(self, *arguments):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
threading.Thread(target=server.serve_forever, daemon=True).start()


def opened(**where):
    address = f"http://127.0.0.1:{server.server_port}"
    file = hf_hub_download("a/b", "model.onnx", endpoint=address, token=False, **where)
    return Path(file).read_bytes()


places = {"the folder": {"local_dir": "models"}, "the cache": {"cache_dir": "cache"}}
for where in places.values():
    assert opened(**where) == b"the first version"
Hub.content, Hub.breaks = b"the second version", True
for name, where in places.items():
    try:
        opened(**where)
    except Exception as error:
        print(f"{name}: the update ends with {type(error).__name__}")
server.shutdown()
server.server_close()
for name, where in places.items():
    try:
        print(f"{name}: without a connection {opened(**where)}")
    except LocalEntryNotFoundError:
        print(f"{name}: without a connection there is nothing to open")
    else:
        raise SystemExit(f"{name} keeps the old version now")
(kept,) = Path("cache").glob("models--a--b/snapshots/*/model.onnx")
print(f"the cache still holds {kept.read_bytes()}")
PYTHON
