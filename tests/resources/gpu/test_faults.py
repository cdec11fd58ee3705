"""Whatever a cloud does, in whatever order: nothing is left that is billed."""

import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from doubles.gpu_jobs import SPEC, training_program, write_small_job
from doubles.renting import Renting, renting
from doubles.servers import Fault, cloudflare, drop, fine, status, text
from doubles.sshd import needs_sshd
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from pipeline.errors import OutpostError

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


@dataclass(frozen=True)
class Weather:
    """What a cloud does in one story."""

    scripts: dict[str, list[Fault]] = field(default_factory=dict)
    get_lag: int = 0
    list_lag: int = 0
    delete_lag: int = 0
    refusals: int = 0
    pods_fail: bool = False
    direct_ssh: bool = True
    ignores_args: bool = False
    cost_factor: float = 1.0
    loses: str = ""


weathers = st.builds(
    Weather,
    scripts=st.dictionaries(
        st.sampled_from(["create", "list", "get", "delete", "catalog", "logs"]),
        st.lists(faults, max_size=5),
    ),
    get_lag=st.integers(0, 4),
    # Counted in lists, of which a search makes two at least, while real lags are of seconds.
    list_lag=st.integers(0, 1),
    delete_lag=st.integers(0, 6),
    refusals=st.integers(0, 2),
    pods_fail=st.sampled_from([False, False, False, True]),
    direct_ssh=st.sampled_from([True, True, True, False]),
    ignores_args=st.sampled_from([False, False, False, True]),
    cost_factor=st.sampled_from([1.0, 1.0, 1.0, 3.0]),
    loses=st.sampled_from(["", "", "vanish", "drop", "interrupt"]),
)


class Interrupt(BaseException):
    """As Dagster's own."""


def live_through(account: Renting, weather: Weather, folder: Path) -> None:
    """One training in this weather; then the sky clears, and the reaper looks once."""
    runpod = account.runpod
    for name in ("get_lag", "list_lag", "delete_lag", "refusals", "cost_factor"):
        setattr(runpod, name, getattr(weather, name))
    runpod.pods_fail, runpod.direct_ssh = weather.pods_fail, weather.direct_ssh
    runpod.ignores_args = weather.ignores_args
    for operation, planned in weather.scripts.items():
        runpod.script(operation, *planned)
    job = write_small_job(folder / "job", training_program(epochs=2, seconds=0.05))

    def lose(line: str) -> None:
        if line == "epoch 1":
            if weather.loses == "vanish":
                runpod.vanish(runpod.newest().id)
            elif weather.loses == "drop":
                runpod.newest().drop_connections()
            elif weather.loses == "interrupt":
                raise Interrupt

    try:
        with account.provider().rent(SPEC) as lease:
            lease.run(job, on_log=lose)
    except (OutpostError, Interrupt):
        pass
    for operation in ("create", "list", "get", "delete", "catalog", "logs"):
        runpod.never(operation)
    account.reap()


def hold(weather: Weather, monkeypatch: pytest.MonkeyPatch) -> None:
    with tempfile.TemporaryDirectory() as name, renting(Path(name)) as account:
        monkeypatch.setenv("RUNPOD_API_KEY", account.runpod.key)
        foreign = account.runpod.add_foreign()
        live_through(account, weather, Path(name))
        account.assert_all_is_over()
        assert foreign.alive


@settings(ALWAYS_OVER, max_examples=2, derandomize=True)
@given(weather=weathers)
def test_nothing_is_left_in_any_weather(weather: Weather, monkeypatch: pytest.MonkeyPatch) -> None:
    hold(weather, monkeypatch)


@pytest.mark.exhaustive
@pytest.mark.timeout(3600)
@settings(ALWAYS_OVER, max_examples=200)
@given(weather=weathers)
def test_nothing_is_left_in_hundreds_of_weathers(
    weather: Weather, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold(weather, monkeypatch)
