"""Pace, patience and reading of replies, whichever cloud they come from."""

import contextlib
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resources.gpu.clouds import lambda_cloud, runpod
from resources.gpu.clouds.base import (
    CloudBusyError,
    CloudError,
    CloudKeyError,
    CloudUnavailableError,
    NoCapacityError,
)
from resources.gpu.clouds.http import (
    ApiClient,
    ApiKey,
    ApiResponse,
    ResponseBody,
    RetryPolicy,
    Service,
    _certificates,
    checked_id,
    checked_url,
    wait_for_turn,
)
from resources.gpu.settings import API_KEYS, Provider
from resources.services.rate_limits import RateLimiter

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)
WORDS = ("error", "errors", "detail", "title", "status", "code", "message")
ENVELOPES = st.fixed_dictionaries({}, optional=dict.fromkeys(WORDS, JSON))


class Thing(ResponseBody):
    size: int


def test_settings_and_clouds_name_the_same_variables() -> None:
    """The clouds import nothing of the settings, and those load no cloud."""
    keys = {Provider.RUNPOD: runpod.KEY, Provider.LAMBDA: lambda_cloud.KEY}
    assert {provider: key.variable for provider, key in keys.items()} == API_KEYS


def test_a_service_that_wants_to_be_left_alone_for_long_is_busy() -> None:
    limiter = RateLimiter(0.0)
    limiter.update(429, {"retry-after": "70"})

    with pytest.raises(CloudBusyError, match="none for 70 s"):
        wait_for_turn(limiter, longest=60.0)


@settings(deadline=None)
@given(st.integers(300, 599), st.text() | ENVELOPES.map(json.dumps) | JSON.map(json.dumps))
def test_every_error_is_understood_as_something(status: int, text: str) -> None:
    error = ApiResponse("Cloud", status, text).error()

    assert isinstance(error, CloudError)
    assert "Cloud" in error.problem
    assert error.fix


@settings(deadline=None)
@given(st.text() | JSON.map(json.dumps))
def test_a_success_is_read_or_an_error_and_never_something_else(text: str) -> None:
    reply = ApiResponse("Cloud", 200, text)

    with contextlib.suppress(CloudUnavailableError):
        assert isinstance(reply.read(Thing).size, int)


FULL = {"full": (NoCapacityError, "Wait.")}


def test_a_success_is_no_error_whatever_code_it_has() -> None:
    assert ApiResponse("Cloud", 200, '{"error": {"code": "full"}}', FULL).error() is None


@pytest.mark.parametrize(
    ("status", "error", "kind"),
    [
        (400, {"code": "full"}, NoCapacityError),
        (400, {"code": "other"}, CloudError),
        (400, "full", CloudError),
        (401, {"code": "full"}, NoCapacityError),
        (401, {"code": 7}, CloudKeyError),
    ],
)
def test_the_code_of_an_error_goes_before_its_status(
    status: int, error: object, kind: type[CloudError]
) -> None:
    assert type(ApiResponse("Cloud", status, json.dumps({"error": error}), FULL).error()) is kind


def test_what_breaks_off_is_not_quoted_as_it_may_hold_secrets_of_others() -> None:
    cut = '{"pods": [{"id": "x", "env": {"HF_TOKEN": "hf_secret"'

    with pytest.raises(CloudUnavailableError, match=f"breaks off after {len(cut)}") as told:
        ApiResponse("RunPod", 200, cut).json()

    assert "hf_secret" not in str(told.value)
    with pytest.raises(CloudUnavailableError, match="Bad gateway"):
        ApiResponse("RunPod", 200, "<html>Bad gateway</html>").json()


def test_what_a_reply_says_beside_is_let_through() -> None:
    assert ApiResponse("Cloud", 200, '{"size": 3, "colour": "red"}').read(Thing).size == 3


@pytest.mark.parametrize(
    "url", ["https://api.runpod.io/v2", "http://127.0.0.1:8080/v2/", "http://[::1]:8080/v2"]
)
def test_a_good_base_url_loses_its_last_slash(url: str) -> None:
    assert checked_url(url) == url.rstrip("/")


@pytest.mark.parametrize(
    "url",
    [
        "http://api.runpod.io/v2",
        "http://localhost.example.com/v2",
        "https://me:word@api.runpod.io/v2",
        "https://api.runpod.io/v2?key=1",
        "https://api.runpod.io/v2#here",
        "https://api.runpod.io/v2\n",
        "file:///etc/passwd",
        "https://[::1",
        "https://host:port/v2",
        "",
    ],
)
def test_a_bad_base_url_is_refused(url: str) -> None:
    with pytest.raises(CloudError, match="base URL"):
        checked_url(url)


def test_certificates_that_are_not_there_are_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "missing.pem"))
    monkeypatch.setenv("SOME_KEY", "x")
    _certificates.cache_clear()
    service = Service("X", "https://127.0.0.1:9", ApiKey("SOME_KEY", "https://page"))

    with pytest.raises(CloudError, match="certificates") as told:
        ApiClient(service, RetryPolicy(attempts=1)).ask("GET", "/")
    _certificates.cache_clear()

    assert "SSL_CERT_FILE" in told.value.fix


@given(st.text(max_size=80))
def test_no_id_leads_out_of_its_path(text: str) -> None:
    try:
        checked_id(text)
    except CloudError:
        return
    assert not set(text) & set("/?#%. \n")
    assert text
