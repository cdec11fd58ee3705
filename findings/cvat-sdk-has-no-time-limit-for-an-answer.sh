#!/usr/bin/env bash
# cvat-sdk 2.80.0: a server that takes a connection and never answers. One would expect that a request ends some time, or
# that the connection pool's own time limit does it, which urllib3 offers. But the SDK hands `timeout=None` to every
# request (`rest.py`), and for urllib3 that means no limit, whatever the pool was given; only `_request_timeout` of each
# single call helps, which the higher layers (`client.tasks...`, uploads, the auto-annotation driver) do not take.
#
# Seen: still waiting after 5 s, with a pool that has a limit of 1 s; a call with `_request_timeout=1` ends.
#
# Fails where the pool's limit is obeyed.
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
uv venv --quiet --python 3.11 "$folder/venv"
uv pip install --quiet --python "$folder/venv" "cvat-sdk==2.80.0"
"$folder/venv/bin/python" - <<'PYTHON'
import os
import socket
import threading

import urllib3
from cvat_sdk.core.client import Client

silent = socket.create_server(("127.0.0.1", 0))
client = Client(f"http://127.0.0.1:{silent.getsockname()[1]}", check_server_version=False)
pool = client.api_client.rest_client.pool_manager
pool.connection_pool_kw |= {"timeout": urllib3.Timeout(1), "retries": False}


def ask(**named):
    try:
        client.api_client.users_api.retrieve_self(**named)
    except urllib3.exceptions.HTTPError as error:
        print(f"{named}: {type(error).__name__}")


def ends(**named):
    asking = threading.Thread(target=ask, kwargs=named, daemon=True)
    asking.start()
    asking.join(5)
    return not asking.is_alive()


with_own, with_pools = ends(_request_timeout=1), ends()
print(f"ends within 5 s: {with_own} with a limit of its own, {with_pools} with that of the pool")
os._exit(0 if with_own and not with_pools else 1)
PYTHON
