#!/usr/bin/env bash
# PyTorch 2.15.0 on Linux (GNU's OpenMP): `torch.set_num_threads` holds for the thread that calls it, so a program
# that computes in several threads of Python gives each some of the cores. One would guess that what a thread sets
# holds until it sets something else. But a thread that has not computed yet forgets it: at its first operation (or its
# first `torch.get_num_threads`) it takes over the number that was set last by any thread of the process. A pool whose
# threads each set their share when they start, and whose owner then sets its own number again, computes with the
# owner's number in each of them: with 2 threads on 2 cores, 4 threads that wait for each other.
# A thread that asks for the number once before it sets it keeps what it sets.
#
# Seen: a thread sets 3, the main thread then sets 2, the thread has 2. A thread that asked first has 3.
#
# Fails where the first thread has 3, or the second has not.
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
uv venv --quiet --python 3.11 "$folder/venv"
uv pip install --quiet --python "$folder/venv" "torch==2.15.0" numpy
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import threading

import torch

torch.set_num_threads(2)


def kept(asks_first):
    """What a new thread has that sets 3, once the main thread has set 2 after it."""
    is_set, go_on, found = threading.Event(), threading.Event(), []

    def work():
        if asks_first:
            torch.get_num_threads()
        torch.set_num_threads(3)
        is_set.set()
        go_on.wait()
        torch.ones(1 << 20).sum()
        found.append(torch.get_num_threads())

    thread = threading.Thread(target=work)
    thread.start()
    is_set.wait()
    torch.set_num_threads(2)
    go_on.set()
    thread.join()
    return found[0]


without, with_question = kept(False), kept(True)
print(f"torch {torch.__version__}: a thread that set 3 computes with {without}; one that asked first, with {with_question}")
if without == 3:
    raise SystemExit("What a new thread sets is kept now.")
if with_question != 3:
    raise SystemExit("Asking first keeps it no longer.")
PYTHON
