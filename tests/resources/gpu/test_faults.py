"""Whatever a cloud does, in whatever order: nothing is left that is billed."""

import tempfile
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from doubles.gpu_jobs import SPEC, training_program, write_small_job
from doubles.renting import Renting, RentingFromLambda, renting, renting_from_lambda
from doubles.servers import Fault, cloudflare, drop, fine, status, text
from doubles.sshd import needs_sshd
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from pipeline.errors import OutpostError
from resources.gpu.settings import API_KEYS, Provider

pytestmark = needs_sshd

ALWAYS_OVER = settings(
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
    phases=[Phase.explicit, Phase.generate],
    print_blob=True,
)

faults = st.one_of(
    st.builds(fine),
    st.builds(status, st.sampled_from([400, 403, 404, 500, 502, 503]), after=st.booleans()),
    # Never after the effect: who limits a rate turns requests away before looking at them.
    st.builds(lambda: status(429, Retry_After=1)),
    st.builds(drop, after=st.booleans()),
    st.builds(cloudflare),
    st.builds(lambda: text(200, "<html>")),
    st.builds(lambda: text(200, "{}", "application/json", after=True)),
)

RUNPOD_OPERATIONS = ("create", "list", "get", "delete", "catalog", "logs")
LAMBDA_OPERATIONS = ("launch", "list", "get", "terminate", "types", "keys", "add_key", "delete_key")

QUIRKS: Mapping[str, st.SearchStrategy[object]] = {
    "get_lag": st.integers(0, 4),
    # Counted in lists, of which a search makes two at least, while real lags are of seconds.
    "list_lag": st.integers(0, 1),
    "delete_lag": st.integers(0, 6),
    "refusals": st.integers(0, 2),
    "pods_fail": st.sampled_from([False, False, False, True]),
    "cost_factor": st.sampled_from([1.0, 1.0, 1.0, 3.0]),
}
RUNPOD_QUIRKS = QUIRKS | {
    "direct_ssh": st.sampled_from([True, True, True, False]),
    "ignores_args": st.sampled_from([False, False, False, True]),
}
LAMBDA_QUIRKS = QUIRKS | {"keys_differ": st.booleans()}


@dataclass(frozen=True)
class Weather:
    """What a cloud does in one story.

    Attributes:
        scripts: faults of each operation.
        quirks: attributes of the double.
        loses: what happens to the host after the first epoch.
    """

    scripts: dict[str, list[Fault]] = field(default_factory=dict)
    quirks: dict[str, object] = field(default_factory=dict)
    loses: str = ""


def weathers(
    operations: tuple[str, ...], quirks: Mapping[str, st.SearchStrategy[object]]
) -> st.SearchStrategy[Weather]:
    return st.builds(
        Weather,
        scripts=st.dictionaries(st.sampled_from(operations), st.lists(faults, max_size=5)),
        quirks=st.fixed_dictionaries(dict(quirks)),
        loses=st.sampled_from(["", "", "vanish", "drop", "interrupt"]),
    )


over_runpod = weathers(RUNPOD_OPERATIONS, RUNPOD_QUIRKS)
over_lambda = weathers(LAMBDA_OPERATIONS, LAMBDA_QUIRKS)

Account = Renting | RentingFromLambda


class Interrupt(BaseException):
    """As Dagster's own."""


def live_through(account: Account, weather: Weather, folder: Path) -> None:
    """One training in this weather; then the sky clears, and the reaper looks once."""
    double = account.double
    for name, value in weather.quirks.items():
        assert hasattr(double, name)
        setattr(double, name, value)
    for operation, planned in weather.scripts.items():
        double.script(operation, *planned)
    job = write_small_job(folder / "job", training_program(epochs=2, seconds=0.05))

    def lose(line: str) -> None:
        if line == "epoch 1":
            if weather.loses == "vanish":
                double.vanish(double.newest().id)
            elif weather.loses == "drop":
                double.newest().drop_connections()
            elif weather.loses == "interrupt":
                raise Interrupt

    try:
        with account.provider().rent(SPEC) as lease:
            lease.run(job, on_log=lose)
    except (OutpostError, Interrupt):
        pass
    for operation in weather.scripts:
        double.never(operation)
    account.reap()


def hold(
    weather: Weather,
    renting: Callable[[Path], AbstractContextManager[Account]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with tempfile.TemporaryDirectory() as name, renting(Path(name)) as account:
        monkeypatch.setenv(API_KEYS[Provider(account.cloud.name)], account.double.key)
        foreign = account.double.add_foreign()
        live_through(account, weather, Path(name))
        account.assert_all_is_over()
        assert foreign.alive


@settings(ALWAYS_OVER, max_examples=2, derandomize=True)
@given(weather=over_runpod)
def test_nothing_is_left_in_any_weather(weather: Weather, monkeypatch: pytest.MonkeyPatch) -> None:
    hold(weather, renting, monkeypatch)


@pytest.mark.slow
@settings(ALWAYS_OVER, max_examples=5, derandomize=True)
@given(weather=over_lambda)
def test_nothing_is_left_on_lambda_in_any_weather(
    weather: Weather, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold(weather, renting_from_lambda, monkeypatch)


@pytest.mark.exhaustive
@pytest.mark.timeout(3600)
@settings(ALWAYS_OVER, max_examples=200)
@given(weather=over_runpod)
def test_nothing_is_left_in_hundreds_of_weathers(
    weather: Weather, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold(weather, renting, monkeypatch)


@pytest.mark.exhaustive
@pytest.mark.timeout(3600)
@settings(ALWAYS_OVER, max_examples=200)
@given(weather=over_lambda)
def test_nothing_is_left_on_lambda_in_hundreds_of_weathers(
    weather: Weather, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold(weather, renting_from_lambda, monkeypatch)
