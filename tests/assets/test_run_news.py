"""What happens in runs, told in lines, from a real instance."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import dagster as dg
import pytest

from assets.core.launchpad import LaunchpadError
from assets.core.runs import materialize
from assets.definitions import build_definitions
from assets.operations.run_news import RunNews

ADDRESS = "http://127.0.0.1:3000"


@pytest.fixture
def instance(toy_game: Any) -> Iterator[dg.DagsterInstance]:
    with toy_game.instance() as instance:
        yield instance


def run(toy_game: Any, instance: dg.DagsterInstance, asset: str, **config: Any) -> None:
    materialize(
        build_definitions(toy_game.pack),
        instance,
        [dg.AssetKey(["toy", asset])],
        config={f"toy__{asset}": {"config": config}},
    )


def test_a_run_is_told_from_its_start_to_its_end_once(
    toy_game: Any, instance: dg.DagsterInstance
) -> None:
    news = RunNews(instance, ADDRESS)
    assert list(news.lines()) == []
    run(toy_game, instance, "synthetic_set", images=6)
    start, made, end = list(news.lines())
    assert start.endswith(" started: toy/synthetic_set")
    assert made.startswith("  toy/synthetic_set made in ")
    assert " succeeded after " in end
    assert start.split()[1] == end.split()[1]
    assert list(news.lines()) == []
    assert news.unfinished() == []


def test_what_is_unchanged_and_what_was_before_is_told_as_such(
    toy_game: Any, instance: dg.DagsterInstance
) -> None:
    run(toy_game, instance, "synthetic_set", images=6)
    news = RunNews(instance, ADDRESS)
    assert list(news.lines()) == [], "an earlier run is no news"
    run(toy_game, instance, "synthetic_set", images=6)
    assert "  toy/synthetic_set is unchanged, no work done" in list(news.lines())


def test_a_failure_is_told_in_our_words_with_the_page_of_the_run(
    toy_game: Any, instance: dg.DagsterInstance
) -> None:
    news = RunNews(instance, ADDRESS)
    with suppress(LaunchpadError):
        run(toy_game, instance, "synthetic_set", images=0)
    lines = list(news.lines())
    (failure,) = [line for line in lines if " failed: " in line]
    assert failure.startswith(
        "  toy/synthetic_set.order_scenes failed: images: must be at least 1 (got 0)"
    )
    assert "What to do:" in failure
    assert " FAILED after " in lines[-1]
    assert f": see {ADDRESS}/runs/" in lines[-1]
