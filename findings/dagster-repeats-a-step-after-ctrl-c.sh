#!/usr/bin/env bash
# dagster 1.13.27, a run in one process (`execute_in_process`): SIGINT while a step runs that has a RetryPolicy. One
# would guess that Ctrl-C ends the run, as it does when the step has none, and that a policy for failures is about
# failures. But an interruption is turned into a request to retry (dagster/_core/execution/plan/utils.py): the step
# begins again, and the run goes on to SUCCESS. A person has to press Ctrl-C once more than the policy has retries, and
# each attempt finds what the interrupted one left half done, half-imported modules among it.
#
# Seen: the step begins twice after one SIGINT, and the run succeeds; the same step without a policy begins once, and
# the run fails.
#
# Fails where the run with the policy does not succeed, or the one without does.
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
uv venv --quiet --python 3.11 "$folder/venv"
uv pip install --quiet --python "$folder/venv" "dagster==1.13.27"
cd "$folder"
export DAGSTER_HOME="$folder"
"$folder/venv/bin/python" - <<'PYTHON' 2>"$folder/log"
import signal

import dagster

attempts = []


def interrupted_at_first():
    attempts.append(1)
    if len(attempts) == 1:
        signal.raise_signal(signal.SIGINT)


def run(policy):
    attempts.clear()

    @dagster.op(retry_policy=policy)
    def step():
        interrupted_at_first()

    @dagster.job
    def job():
        step()

    done = job.execute_in_process(raise_on_error=False)
    return ("success" if done.success else "failure"), len(attempts)


with_policy, without = run(dagster.RetryPolicy(max_retries=1)), run(None)
print(f"dagster {dagster.__version__}, one SIGINT: with a policy {with_policy}, without {without}")
if with_policy != ("success", 2) or without != ("failure", 1):
    raise SystemExit("Dagster no longer repeats a step that was interrupted.")
PYTHON
