"""What the retrain rules are told of an instance, and `outpost retrain --why`."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.events import StepMaterializationData
from dagster._core.test_utils import freeze_time
from doubles.artifacts import recorded, write_stored_batch
from doubles.exports import write_export
from PIL import Image
from typer.testing import CliRunner

from assets.automation.retraining import now_utc, retrain_state
from assets.cli.app import app
from assets.core.building import DATA_VERSION_TAG
from assets.core.keys import GameKeys
from assets.definitions import build_definitions
from assets.operations.annotating.retrain_check import explained_retrain
from pipeline.annotation.retrain_policy import RetrainState, decide
from pipeline.games.pack import RetrainRules, load_pack
from pipeline.labels.batches import Batch, Frame
from pipeline.labels.boxes import Box, LabelledBox
from pipeline.provenance import Recipe
from resources.artifacts import ArtifactStore
from resources.defaults import Resources
from resources.instance import open_instance
from resources.paths import Paths

PACK = load_pack("demo")
KEYS = GameKeys.of(PACK)
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


class History:
    """What runs have left in an instance, told by a test."""

    def __init__(self, instance: dg.DagsterInstance, store: ArtifactStore) -> None:
        self.instance, self.store = instance, store
        self.made = 0

    def state(self) -> RetrainState:
        return retrain_state(self.instance, self.store, PACK, NOON)

    def read(self, batch: str, boxes: int) -> None:
        self.instance.add_dynamic_partitions("demo_export_batches", [batch])
        self._materialized(KEYS.cvat_export, batch, boxes=boxes)

    def labelled(self, batch: str, **images: list[LabelledBox]) -> None:
        """As `read`, with a stored batch: the labels of each image."""
        frames = tuple(
            Frame(
                name=f"{name}.png",
                path=f"images/{name}.png",
                width=64,
                height=48,
                sha256=sha256(name.encode()).hexdigest(),
                phash="0" * 16,
                boxes=tuple(boxes),
            )
            for name, boxes in images.items()
        )
        content = Batch(PACK.class_names, frames, (), (), ())
        self.instance.add_dynamic_partitions("demo_export_batches", [batch])
        asset = KEYS.cvat_export.to_user_string()
        recipe = Recipe(asset=asset, partition=batch, code_version="1", config={}, inputs=())
        with self.store.staging(asset, batch) as staged:
            write_stored_batch(staged, content)
            _, record = self.store.commit(staged, recorded(recipe))
        boxes = sum(map(len, images.values()))
        self._materialized(KEYS.cvat_export, batch, record.data_version, boxes=boxes)

    def trained(self, at: datetime, usd: float | None = None, outcome: str = "made") -> None:
        with freeze_time(at):
            self._materialized(KEYS.cvat_merge)
            cost = {} if usd is None else {"cost_usd": usd}
            self._materialized(KEYS.trained_weights, outcome=outcome, **cost)

    def drawn(self) -> None:
        self._materialized(KEYS.synthetic_set)

    def _materialized(
        self,
        key: dg.AssetKey,
        partition: str | None = None,
        data_version: str = "",
        **metadata: float | str,
    ) -> None:
        self.made += 1
        tags = {DATA_VERSION_TAG: data_version or f"v{self.made}"}
        event = dg.AssetMaterialization(key, partition=partition, tags=tags, metadata=metadata)
        self.instance.report_runless_asset_event(event)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test() as fresh:
        yield fresh


@pytest.fixture
def store(tmp_path: Path) -> ArtifactStore:
    return Resources.of(Paths.below(tmp_path)).artifacts.store


@pytest.fixture
def history(instance: dg.DagsterInstance, store: ArtifactStore) -> History:
    return History(instance, store)


def test_what_was_read_since_the_last_training_is_new(history: History) -> None:
    history.read("match", 40)
    assert history.state().new_boxes == 40
    history.trained(NOON - timedelta(days=1), usd=2.5)
    state = history.state()
    assert (state.waiting, state.new_boxes) == ((), 0)
    (training,) = state.trainings
    assert (training.at, training.usd) == (NOON - timedelta(days=1), 2.5)
    history.read("match", 45)
    history.read("other", 7)
    state = history.state()
    assert (state.waiting, state.new_boxes) == (("match", "other"), 12)


def test_a_corrected_batch_waits_although_it_has_no_more_boxes(history: History) -> None:
    history.read("match", 40)
    history.trained(NOON)
    history.read("match", 38)
    state = history.state()
    assert (state.waiting, state.new_boxes) == (("match",), 0)


SHEEP, WOLF = LabelledBox(0, Box(4, 4, 20, 20)), LabelledBox(1, Box(30, 10, 50, 30))
MOVED = LabelledBox(0, Box(6, 4, 22, 20))


def test_corrections_count_though_there_are_no_more_boxes(history: History) -> None:
    """One box moved, one relabelled, one taken out; what is as it was counts for nothing."""
    history.labelled("match", a=[SHEEP, WOLF], b=[WOLF], c=[SHEEP], d=[SHEEP, WOLF])
    assert history.state().new_boxes == 6
    history.trained(NOON)
    history.labelled("match", a=[WOLF, MOVED], b=[WOLF._replace(class_id=0)], c=[], d=[WOLF, SHEEP])
    assert (history.state().waiting, history.state().new_boxes) == (("match",), 3)
    history.labelled("match", a=[SHEEP, WOLF], b=[WOLF], c=[SHEEP], d=[SHEEP, WOLF])
    assert history.state().waiting == ()


def test_a_corrected_export_of_a_task_is_compared_with_the_one_before(history: History) -> None:
    first, second = (f"task_7_forest-2026_11_0{day}_10_00_00-coco_1.0" for day in (1, 2))
    history.labelled(first, a=[SHEEP, WOLF], b=[WOLF])
    history.trained(NOON)
    history.labelled(second, a=[SHEEP], b=[WOLF], c=[WOLF, SHEEP])
    assert (history.state().waiting, history.state().new_boxes) == ((second,), 3)


def test_where_what_was_trained_on_is_gone_more_boxes_count(history: History) -> None:
    history.read("match", 1)
    history.trained(NOON)
    history.labelled("match", a=[MOVED, WOLF], b=[WOLF])
    assert history.state().new_boxes == 2


def test_corrections_reach_the_number_that_a_training_is_worth(history: History) -> None:
    history.labelled("match", a=[SHEEP, WOLF])
    history.trained(NOON - timedelta(days=9))
    history.labelled("match", a=[MOVED])
    assert decide(RetrainRules(min_new_boxes=2), history.state()).start
    assert not decide(RetrainRules(min_new_boxes=3), history.state()).start


def test_two_exports_of_one_task_are_counted_once(history: History) -> None:
    for day, boxes in ((1, 40), (2, 44)):
        history.read(f"task_7_forest-2026_11_0{day}_10_00_00-coco_1.0", boxes)
    assert history.state().new_boxes == 44


def test_held_out_boxes_are_no_boxes_to_train_on(history: History) -> None:
    history.read("heldout_match", 40)
    state = history.state()
    assert (state.waiting, state.new_boxes) == (("heldout_match",), 0)


def test_a_training_that_was_kept_is_none(history: History) -> None:
    history.trained(NOON, outcome="unchanged, no work done")
    assert history.state().trainings == ()


def test_a_run_that_is_to_train_counts_before_it_has(history: History) -> None:
    job = build_definitions(PACK).resolve_implicit_global_asset_job_def()
    history.instance.create_run_for_job(
        job,
        status=dg.DagsterRunStatus.STARTED,
        asset_selection=frozenset({KEYS.cvat_merge, KEYS.trained_weights, KEYS.onnx_export}),
    )
    (training,) = history.state().trainings
    assert training.usd is None


def test_a_whole_job_that_is_to_train_counts_and_no_other_one_does(
    instance: dg.DagsterInstance, store: ArtifactStore
) -> None:
    definitions = build_definitions(PACK)
    for job in (
        definitions.resolve_job_def("demo_retrain"),
        definitions.resolve_implicit_global_asset_job_def(),
    ):
        instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)
    assert len(retrain_state(instance, store, PACK, NOON).trainings) == 1


def test_a_run_that_goes_on_after_it_has_trained_counts_once(
    instance: dg.DagsterInstance, store: ArtifactStore
) -> None:
    job = build_definitions(PACK).resolve_job_def("demo_retrain")
    run = instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)
    made = dg.AssetMaterialization(KEYS.trained_weights, metadata={"cost_usd": 2.5})
    event = dg.DagsterEvent(
        dg.DagsterEventType.ASSET_MATERIALIZATION.value,
        run.job_name,
        event_specific_data=StepMaterializationData(made),
    )
    instance.report_dagster_event(event, run.run_id)
    (training,) = retrain_state(instance, store, PACK, NOON).trainings
    assert training.usd == 2.5


@pytest.mark.parametrize(("rules", "told"), [({"max_usd_per_week": 9}, [2.5]), ({}, [])])
def test_what_a_failed_training_cost_is_known_where_a_rule_asks(
    instance: dg.DagsterInstance, store: ArtifactStore, rules: dict[str, int], told: list[float]
) -> None:
    @dg.asset(key=KEYS.trained_weights)
    def trained_weights() -> None:
        raise dg.Failure("out of memory", metadata={"cost_usd": 2.5})

    @dg.asset(key=KEYS.cvat_merge)
    def cvat_merge() -> None:
        raise dg.Failure("no training", metadata={"cost_usd": 7.0})

    job = dg.Definitions([trained_weights, cvat_merge]).resolve_implicit_global_asset_job_def()
    for key in (KEYS.trained_weights, KEYS.cvat_merge):
        job.execute_in_process(instance=instance, asset_selection=[key], raise_on_error=False)
    pack = PACK.model_copy(update={"retrain": RetrainRules.model_validate(rules)})
    state = retrain_state(instance, store, pack, now_utc())
    assert [one.usd for one in state.failed] == told
    assert state.trainings == ()
    late = retrain_state(instance, store, pack, now_utc() + timedelta(days=15))
    assert late.failed == ()


def test_a_clock_that_is_set_back_makes_nothing_new_or_old(history: History) -> None:
    with freeze_time(NOON + timedelta(days=300)):
        history.read("match", 40)
    history.trained(NOON + timedelta(days=300))
    with freeze_time(NOON):
        assert history.state().waiting == ()
        history.read("other", 5)
        assert history.state().waiting == ("other",)
    history.trained(NOON)
    assert history.state().waiting == ()


@pytest.mark.parametrize("as_json", [True, False])
def test_the_command_says_why(tmp_path: Path, as_json: bool) -> None:
    resources = Resources.of(Paths.below(tmp_path))
    with open_instance(resources.state) as instance:
        History(instance, resources.artifacts.store).read("match", 40)
    words = ["retrain", "--why", *(["--json"] if as_json else [])]
    told = CliRunner().invoke(app, words, obj=resources)
    assert told.exit_code == 0, told.output
    if as_json:
        answer = json.loads(told.stdout)
        assert (answer["start"], answer["waiting"], answer["new_boxes"]) == (False, ["match"], 40)
    assert "1 batch with 40 new or changed boxes since the last training: match." in told.stdout
    assert "synthetic_set has not been materialized" in told.stdout


def test_where_nothing_is_new_no_rule_is_spoken_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OUTPOST_EXPORTS_CVAT", "1")
    monkeypatch.delenv("CVAT_ACCESS_TOKEN", raising=False)
    resources = Resources.of(Paths.below(tmp_path))
    with open_instance(resources.state) as instance:
        history = History(instance, resources.artifacts.store)
        history.read("match", 40)
        history.trained(NOON, usd=2.5)
        history.drawn()
    unread = resources.exports.path("demo") / "unread.zip"
    image = Image.new("RGB", (64, 48))
    write_export(unread, {"a.png": image}, PACK.class_names)
    with open_instance(resources.state) as instance:
        # As `outpost annotate demo-labels` leaves one.
        instance.add_dynamic_partitions("demo_export_batches", ["unread"])
    answer = explained_retrain(resources, "demo")
    assert answer.reasons == (
        "No batch is new since the last training.",
        "Not read yet, and not counted: unread.",
    )
    assert (answer.start, answer.last_training) == (False, NOON)
    (problem,) = answer.unreachable
    assert problem == "There is no access token for CVAT."


def test_what_would_start_is_told_with_its_reason(tmp_path: Path) -> None:
    resources = Resources.of(Paths.below(tmp_path))
    with open_instance(resources.state) as instance:
        history = History(instance, resources.artifacts.store)
        history.read("match", 40)
        history.drawn()
    answer = explained_retrain(resources, "demo")
    assert (answer.start, answer.unreachable) == (True, ())
    assert answer.reasons[1] == "No rule speaks against a training now."


def test_without_why_it_says_how_to_train(tmp_path: Path) -> None:
    told = CliRunner().invoke(app, ["retrain"], obj=Resources.of(Paths.below(tmp_path)))
    assert told.exit_code == 2
    assert "<game>_retrain" in told.output
