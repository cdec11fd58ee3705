"""The definitions: whole, light, and one game beside another."""

import subprocess
import sys
from typing import Any

import dagster as dg
import pytest

from assets.core.keys import GameKeys
from assets.definitions import build_definitions
from assets.graph.evaluation import EVALUATION_CODE, NOT_EVALUATION_CODE
from assets.graph.frame_selection import SELECTION_CODE
from assets.graph.play.policies import NOT_POLICY_CODE, POLICY_CODE
from assets.graph.training import EXPORT_CODE
from pipeline.games.pack import load_pack, pack_names
from pipeline.provenance import modules_behind

DESIGNED = {
    "game_files": set(),
    "sprites": {"game_files"},
    "terrain_backgrounds": {"game_files"},
    "water_backgrounds": {"game_files"},
    "synthetic_set": {"sprites", "terrain_backgrounds", "water_backgrounds"},
    "owner_model": {"synthetic_set", "sprites"},
    "cvat_export": set(),
    "cvat_task": {"annotation_batch", "hard_negatives", "prelabels"},
    "cvat_merge": {"synthetic_set", "cvat_export"},
    "trained_weights": {"cvat_merge"},
    "onnx_export": {"trained_weights"},
    "real_evaluation": {"onnx_export", "cvat_merge", "cvat_export"},
    "class_thresholds": {"real_evaluation"},
    "runtime_package": {"onnx_export", "real_evaluation", "owner_model"},
    "annotation_batch": {"onnx_export", "real_evaluation", "cvat_export"},
    "hard_negatives": {"onnx_export", "real_evaluation", "cvat_export"},
    "prelabels": {
        *("annotation_batch", "hard_negatives"),
        *("onnx_export", "runtime_package", "sprites"),
    },
    "label_corrections": {"cvat_export", "cvat_task", "prelabels"},
}
BLOCKING = {
    ("cvat_export", "known_labels"),
    ("cvat_merge", "known_labels"),
    ("synthetic_set", "scene_separation"),
    ("synthetic_set", "label_sanity"),
    ("cvat_merge", "dataset_integrity"),
    ("cvat_merge", "leakage"),
    ("onnx_export", "onnx_contract"),
    ("onnx_export", "parity"),
    ("policy_evaluation", "beats_random"),
    ("policy", "wins_against_random"),
    ("league", "league_complete"),
    ("ratings", "ratings_agree"),
}


@pytest.mark.parametrize("game", pack_names())
def test_every_pack_that_comes_with_outpost_loads(game: str) -> None:
    dg.Definitions.validate_loadable(build_definitions(game))


COMMUNITY: dict[str, set[str]] = {
    "staged_crops": set(),
    "voted_crops": {"staged_crops"},
    "text_corrections": {"staged_crops"},
    "icon_classifier": {"voted_crops"},
    "screen_classifier": {"voted_crops"},
    "disputed_crops": {"voted_crops"},
    "dispute_task": {"disputed_crops"},
    "settled_disputes": {"dispute_task"},
    "community_model": {"icon_classifier", "voted_crops", "text_corrections"},
}
"""Of games whose pack says what players contribute."""

PLAY: dict[str, set[str]] = {
    "recordings": set(),
    "policies": {"recordings"},
    "policy_evaluation": {"policies"},
    "policy_package": {"policies", "policy_evaluation"},
    "policy": {"policies"},
    "league": {"policy"},
    "ratings": {"league"},
    "benchmarks": {"league"},
}
"""Of games that are played here."""


def parents(graph: Any) -> dict[str, set[str]]:
    return {
        key.path[-1]: {parent.path[-1] for parent in graph.get(key).parent_keys}
        for key in graph.materializable_asset_keys
    }


def test_the_graph_is_the_designed_one() -> None:
    graph = build_definitions("demo").resolve_asset_graph()
    assert parents(graph) == DESIGNED | COMMUNITY | PLAY
    assert {key.path[0] for key in graph.materializable_asset_keys} == {"demo"}


def test_a_game_with_shores_has_one_more_kind_of_background() -> None:
    graph = build_definitions("aoe2").resolve_asset_graph()
    scenes = DESIGNED["synthetic_set"] | {"shore_backgrounds"}
    assert parents(graph) == DESIGNED | {
        "shore_backgrounds": {"game_files"},
        "synthetic_set": scenes,
    }
    keys = GameKeys.of(load_pack("aoe2"))
    assert keys.backgrounds_of("shore") in keys.before_annotation
    assert GameKeys.of(load_pack("demo")).backgrounds_of("shore") not in graph.get_all_asset_keys()


def test_checks_that_guard_money_or_a_release_are_blocking() -> None:
    graph = build_definitions("demo").resolve_asset_graph()
    blocking = {
        (key.asset_key.path[-1], key.name)
        for key in graph.asset_check_keys
        if graph.get(key).blocking
    }
    assert blocking == BLOCKING


def test_every_asset_says_what_it_is_and_which_code_makes_it() -> None:
    graph = build_definitions("demo").resolve_asset_graph()
    for key in graph.materializable_asset_keys:
        node = graph.get(key)
        assert node.description, key
        assert node.code_version, key


def test_only_training_waits_for_the_gpu() -> None:
    graph = build_definitions("demo").resolve_asset_graph()
    pools = {key.path[-1]: graph.get(key).pools for key in graph.materializable_asset_keys}
    assert {name for name, pool in pools.items() if pool} == {
        *("trained_weights", "onnx_export"),
        *("icon_classifier", "screen_classifier", "policies"),
    }


def test_the_weekly_retrain_and_the_sensor_wait_to_be_turned_on() -> None:
    definitions = build_definitions("demo")
    repository = definitions.get_repository_def()
    sensor = repository.get_sensor_def("demo_export_sensor")
    schedules = {schedule.name: schedule.default_status for schedule in repository.schedule_defs}
    assert schedules == {
        "demo_weekly_retrain": dg.DefaultScheduleStatus.STOPPED,
        "demo_hourly_community": dg.DefaultScheduleStatus.STOPPED,
    }
    assert sensor.default_status is dg.DefaultSensorStatus.STOPPED
    crons = {schedule.name: schedule.cron_schedule for schedule in repository.schedule_defs}
    assert crons == {"demo_weekly_retrain": "0 3 * * 1", "demo_hourly_community": "0 * * * *"}
    selected = definitions.resolve_job_def("demo_retrain").asset_layer.executable_asset_keys
    assert set(selected) == set(GameKeys("demo").after_annotation)
    hourly = definitions.resolve_job_def("demo_community").asset_layer.executable_asset_keys
    assert {key.path[-1] for key in hourly} == {*COMMUNITY} - {
        *("staged_crops", "disputed_crops", "dispute_task", "settled_disputes")
    }


def test_the_schedule_asks_for_one_retrain() -> None:
    repository = build_definitions("demo").get_repository_def()
    with dg.instance_for_test() as instance:
        context = dg.build_schedule_context(instance=instance)
        data = repository.get_schedule_def("demo_weekly_retrain").evaluate_tick(context)
    assert len(data.run_requests or []) == 1


def test_loading_imports_nothing_that_takes_long() -> None:
    code = (
        "import sys, assets.definitions as d\n"
        "d.defs\n"
        "from assets.definitions import build_definitions\n"
        "build_definitions('demo')\n"
        "slow = {'torch', 'ultralytics', 'onnxruntime', 'onnx', 'numba', 'matplotlib', 'scipy'}\n"
        "slow |= {'boto3', 'obstore', 'cryptography', 'cvat_sdk', 'paramiko', 'hotcoco'}\n"
        "print(sorted(slow & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_commands_explain_themselves_without_what_they_work_with() -> None:
    code = (
        "import sys, assets.cli.app\n"
        "slow = {'dagster', 'pydantic', 'numpy', 'PIL', 'yaml', 'detector_runtime'}\n"
        "print(sorted(slow & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("roots", "without", "counted"),
    [
        (
            EVALUATION_CODE,
            NOT_EVALUATION_CODE,
            {
                "pipeline.evaluation.matching",
                "pipeline.labels.training_set",
                # Visible boxes of drawn images are measured by drawing them.
                "pipeline.scenes.rendering.renderer",
                "pipeline.visualization.annotators",
            },
        ),
        (
            SELECTION_CODE,
            frozenset(),
            {
                "pipeline.annotation.annotation_batch",
                "pipeline.annotation.scoring",
                "pipeline.annotation.selection",
                "pipeline.labels.comparing.compiled_loops",
                "pipeline.labels.inspection.sessions",
                "pipeline.labels.portable_names",
            },
        ),
        (
            EXPORT_CODE,
            frozenset(),
            {"pipeline.export.contract", "pipeline.export.parity", "pipeline.visualization.tiles"},
        ),
        (
            POLICY_CODE,
            NOT_POLICY_CODE,
            {
                "pipeline.play.policies.examples",
                "pipeline.play.policies.losses",
                "pipeline.play.policies.settings",
                "pipeline.play.recordings.quality",
                "pipeline.play.recordings.replay",
                "pipeline.play.simulator.rules",
            },
        ),
    ],
)
def test_all_code_that_decides_an_artifact_counts_as_a_change(
    roots: tuple[str, ...], without: frozenset[str], counted: set[str]
) -> None:
    found = modules_behind(*roots, without=without)
    assert counted <= found
    assert not found & without
    assert without <= modules_behind(*roots), "an exception that nothing needs any more"
