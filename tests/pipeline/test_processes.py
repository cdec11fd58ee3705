"""What a started process may know, and what comes of work that is handed out to some."""

import os

import pytest

from pipeline.errors import OutpostError
from pipeline.processes import results_of, without_secrets

LOST = OutpostError("A process was killed.", "Run again.")


def test_whatever_is_named_like_a_secret_is_left_out() -> None:
    secret = {"RUNPOD_API_KEY", "HF_TOKEN", "AWS_SECRET_ACCESS_KEY", "db_password"}
    known = {"PATH", "HOME", "KEYBOARD", "TOKENIZERS_PARALLELISM", "MONKEYS"}
    environment = dict.fromkeys(secret | known, "value")

    assert set(without_secrets(environment)) == known


def test_processes_give_the_results_of_all_calls() -> None:
    calls = [(number,) for number in range(-5, 0)]
    assert sorted(results_of(abs, calls, 2, LOST)) == [1, 2, 3, 4, 5]


def test_a_process_that_is_killed_is_the_error_of_its_work() -> None:
    with pytest.raises(OutpostError, match="was killed"):
        list(results_of(os._exit, [(9,)], 1, LOST))
