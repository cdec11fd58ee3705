"""Errors of Outpost and of its runtime keep their fix on the way to the terminal and to the UI."""

from __future__ import annotations

import dagster as dg
import pytest
import typer
from detector_runtime.errors import BundleError, DetectorError

from assets.cli.output import explained
from assets.core.runs import RunFailedError, materialize
from pipeline.errors import OutpostError

ERRORS = [
    OutpostError("The pack is [broken].", "Correct it."),
    BundleError("The bundle is [damaged].", "Download it again."),
]
KINDS = [type(error).__name__ for error in ERRORS]


@pytest.mark.parametrize("error", ERRORS, ids=KINDS)
def test_the_terminal_shows_problem_and_fix(
    error: OutpostError | DetectorError, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(typer.Exit) as ended, explained():
        raise error
    assert ended.value.exit_code == 1
    assert capsys.readouterr().err == f"Error: {error.problem}\nWhat to do: {error.fix}\n"


def test_an_error_of_neither_is_left_alone() -> None:
    with pytest.raises(ZeroDivisionError), explained():
        raise ZeroDivisionError


@pytest.mark.parametrize("error", ERRORS, ids=KINDS)
def test_a_run_raises_the_error_that_its_asset_raised(error: OutpostError | DetectorError) -> None:
    with dg.instance_for_test() as instance, pytest.raises(type(error)) as raised:
        materialize(dg.Definitions(assets=[failing(error)]), instance, [dg.AssetKey("failing")])
    assert raised.value is error


@pytest.mark.parametrize("error", ERRORS, ids=KINDS)
def test_the_run_of_the_ui_has_problem_and_fix(error: OutpostError | DetectorError) -> None:
    with dg.instance_for_test() as instance:
        with pytest.raises(type(error)):
            materialize(dg.Definitions(assets=[failing(error)]), instance, [dg.AssetKey("failing")])
        (run,) = instance.get_runs()
        logs = instance.all_logs(run.run_id, of_type=dg.DagsterEventType.STEP_FAILURE)
    assert logs[0].dagster_event is not None
    found = logs[0].dagster_event.step_failure_data.error
    assert found is not None
    assert str(error) in (found.cause or found).message


def test_what_neither_foresaw_is_to_be_reported() -> None:
    with dg.instance_for_test() as instance, pytest.raises(RunFailedError) as raised:
        materialize(
            dg.Definitions(assets=[failing(ZeroDivisionError())]),
            instance,
            [dg.AssetKey("failing")],
        )
    assert "report it" in raised.value.fix


def failing(error: Exception) -> dg.AssetsDefinition:
    """An asset that raises an error."""

    @dg.asset(name="failing")
    def asset() -> None:
        raise error

    return asset
