#!/usr/bin/env bash
# huggingface_hub 2.4.0: a file's facts are asked for with a time limit of 1 s, of a server that answers "too many
# requests" with a Retry-After. `http_backoff`, through which downloads, listings and commits go, has a `max_wait_time` of 8 s
# between two tries, and one would expect it, or the caller's own time limit, to bound the wait. Both bound other things: a
# number in Retry-After (or in `ratelimit`) is slept as it is, one second longer, up to five times. The
# thread that called sleeps all that time.
#
# Seen: with a limit of 1 s, a highest wait of 0.1 s and a server that says 2 s, one call with two retries took more than 6 s.
#
# Fails where one of the limits bounds the wait.
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
uv venv --quiet --python 3.11 "$folder/venv"
uv pip install --quiet --python "$folder/venv" "huggingface_hub==2.4.0"
HF_HOME="$folder/hub" "$folder/venv/bin/python" - <<'PYTHON'
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from huggingface_hub.errors import HfHubHTTPError
from huggingface_hub.utils import http_backoff


class Busy(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(429)
        self.send_header("Retry-After", "2")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Busy)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}/api/models/owner/name"
began = time.monotonic()
try:
    http_backoff("GET", url, timeout=1, max_retries=2, base_wait_time=0.1, max_wait_time=0.1)
except HfHubHTTPError as error:
    print(error)
waited = time.monotonic() - began
print(f"it took {waited:.1f} s")
sys.exit(0 if waited > 5 else 1)
PYTHON
