#!/usr/bin/env bash
# pynput 1.8.2 on Linux with X11 (python-xlib 0.33): `Listener.stop()` "stops listening for events", and one would join
# the thread after it. But the thread goes on until the next input: the request that ends the recording is sent over the
# connection that records, which reads no requests while it does (X Record Extension Protocol, RecordEnableContext), and
# is not even flushed. On a desktop where nobody touches mouse or keyboard, `join()` waits for ever, and a program that
# makes listeners again and again gathers threads and connections.
# The same request over another connection ends the thread at once.
#
# Seen: a second after `stop()` the listener is alive; with the request over another connection it is not.
#
# Fails where the first one has ended, or the second has not. Needs Xvfb.
set -euo pipefail
folder="$(mktemp -d)"
trap 'kill "${server:-}" 2>/dev/null || true; rm -rf "$folder"' EXIT
uv venv --quiet --python 3.11 "$folder/venv"
uv pip install --quiet --python "$folder/venv" "pynput==1.8.2" "python-xlib==0.33"
cd "$folder"
Xvfb -displayfd 3 -screen 0 640x400x24 -nolisten tcp 3>"$folder/display" 2>/dev/null &
server=$!
while [ ! -s "$folder/display" ]; do sleep 0.1; done
DISPLAY=":$(cat "$folder/display")" "$folder/venv/bin/python" - <<'PYTHON'
import os
import threading
import time

from pynput import mouse
from Xlib.display import Display


def alive(over_another_connection):
    """Whether a listener still listens a second after it was stopped."""
    listener = mouse.Listener(on_move=lambda *_: None)
    listener.start()
    listener.wait()
    time.sleep(0.5)
    listener.stop()
    if over_another_connection:
        display = Display()
        display.record_disable_context(listener._context)
        display.sync()
    threading.Thread.join(listener, 1.0)
    return listener.is_alive()


stopped, helped = alive(False), alive(True)
print(f"after stop() it listens on: {stopped}; after the request over another connection: {helped}", flush=True)
# What is still alive would keep the process.
if not stopped:
    print("stop() ends it now.", flush=True)
if helped:
    print("The request over another connection ends it no longer.", flush=True)
os._exit(0 if stopped and not helped else 1)
PYTHON
