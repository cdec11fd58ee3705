"""Names and numbers that every job program shares with those who follow it.

The folder of a job:

    program.pyz         the program
    job.json            what to do; only the program knows its form
    resume.pt           a `checkpoint.pt` to go on from, with `resume.json`, its `checkpoint.json`
    stop                when it appears, the program ends in order, with what it has by then
    work/               scratch
    outputs/            what comes back
        metrics.jsonl   events, one JSON object a line (`pipeline.jobs.events`)
        log.txt         everything that the program prints
        environment.json  what it ran on (`pipeline.jobs.environment`)
        checkpoint.pt   the newest whole checkpoint, all that going on from it takes
        checkpoint.json its stage, epoch, digest and size (`pipeline.jobs.checkpoints`)
        done.json       written last, and only when all went well
"""

from __future__ import annotations

import signal

PROGRAM_FILE = "program.pyz"
JOB_FILE = "job.json"
RESUME_FILE = "resume.pt"
STOP_FILE = "stop"
WORK_FOLDER = "work"
OUTPUTS_FOLDER = "outputs"
EVENTS_FILE = "metrics.jsonl"
LOG_FILE = "log.txt"
CHECKPOINT_FILE = "checkpoint.pt"
CHECKPOINT_DESCRIPTION = "checkpoint.json"
ENVIRONMENT_FILE = "environment.json"
DONE_FILE = "done.json"

EXIT_FAILED = 1
EXIT_NO_MEMORY = 3
EXIT_DISK_FULL = 4
SIGNAL_CODES = 128
"""A shell reports a signal as this and its number."""
EXIT_STOPPED = 143
"""What a shell reports of a process that SIGTERM ended."""
EXIT_KILLED = 137
"""What a shell reports of a process that SIGKILL ended; Windows has no name for that signal."""

KILL = getattr(signal, "SIGKILL", signal.SIGTERM)
"""Windows knows no other; there SIGTERM kills at once."""
LIFELINE = "--lifeline"
"""Argument with which a program ends when its standard input is closed."""
LIFELINE_GRACE_SECONDS = 10.0
OUT_OF_MEMORY_TEXTS = ("out of memory", "can't allocate memory", "not enough memory")
