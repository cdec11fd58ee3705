"""What a started process may know."""

from pipeline.processes import without_secrets


def test_whatever_is_named_like_a_secret_is_left_out() -> None:
    secret = {"RUNPOD_API_KEY", "HF_TOKEN", "AWS_SECRET_ACCESS_KEY", "db_password"}
    known = {"PATH", "HOME", "KEYBOARD", "TOKENIZERS_PARALLELISM", "MONKEYS"}
    environment = dict.fromkeys(secret | known, "value")

    assert set(without_secrets(environment)) == known
