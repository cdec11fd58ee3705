"""From judged policies to a champion that programs play with: assets, commands, audit."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pytest
from detector_runtime.play import follow_policies
from detector_runtime.policies.known import COLUMNS, KEY
from detector_runtime.policies.networks import FILES
from detector_runtime.policies.policy_model import GameRules, PolicyModel
from detector_runtime.updates import reloading
from doubles.artifacts import recorded
from doubles.policies import PLAYS, finished_policy_job
from doubles.policy_models import policy_network
from typer.testing import CliRunner

from assets.cli.app import app
from assets.core.building import DATA_VERSION_TAG
from assets.graph.play.published_policies import published_policy_assets
from pipeline.games.pack import load_pack
from pipeline.jobs.program.constants import OUTPUTS_FOLDER
from pipeline.manifests import manifest_of
from pipeline.play.policies.artifacts.package_parts import played_game
from pipeline.play.policies.artifacts.policy_evaluation import PolicyEvaluation, PolicyVerdict
from pipeline.play.policies.artifacts.trained_policies import TrainedPolicies
from pipeline.play.policies.judging import PlayedGames, judge
from pipeline.play.policies.policy_program.constants import POLICIES_FOLDER
from pipeline.provenance import ArtifactVersion, Recipe
from resources.defaults import Resources
from resources.instance import open_instance
from resources.paths import Paths

pytestmark = pytest.mark.slow
MODEL = "demo-policies"
ENTITIES, STATUS = np.zeros((2, COLUMNS), np.int32), np.zeros(4, np.int32)


class Played:
    """A state folder in which policies were trained and judged, as it seems to the assets."""

    def __init__(self, home: Path, instance: dg.DagsterInstance) -> None:
        self.resources, self.instance = Resources.of(Paths.below(home)), instance

    def train(self, folder: Path, key: int, wins: int, plays: GameRules | None = None) -> None:
        """What runs would have left of two sessions, a training on them, and 400 games."""
        job = finished_policy_job(folder)
        for role, file in FILES.items():
            network = policy_network(role, key, 0, plays or played_game())
            (job / OUTPUTS_FOLDER / POLICIES_FOLDER / file).write_bytes(network)
        sessions = tuple(
            self._commit("recordings", lambda staged: (staged / "x").touch(), (), name)
            for name in ("a", "b")
        )
        policies = self._commit(
            "policies", lambda staged: TrainedPolicies.write(staged, job, PLAYS), sessions
        )
        self._commit(
            "policy_evaluation",
            lambda staged: PolicyEvaluation.keep(staged, verdict_of(wins), b"a game"),
            (policies,),
        )

    def publish(self) -> dg.ExecuteInProcessResult:
        return dg.materialize(
            published_policy_assets(load_pack("demo"), publishes=True),
            instance=self.instance,
            resources={
                "artifacts": self.resources.artifacts,
                "releases": self.resources.releases,
            },
            raise_on_error=False,
        )

    def shown(self, result: dg.ExecuteInProcessResult, asset: str) -> dict[str, Any]:
        (event,) = result.asset_materializations_for_node(f"demo__play__{asset}")
        return {name: value.value for name, value in event.metadata.items()}

    def run(self, *words: str, exits: int = 0) -> Any:
        found = CliRunner().invoke(app, [*words, "--json"], obj=self.resources)
        assert found.exit_code == exits, found.output
        return json.loads(found.stdout) if found.stdout else found.output

    def release(self, *words: str, exits: int = 0) -> Any:
        return self.run("release", *words, "--game", MODEL, exits=exits)

    def _commit(
        self,
        name: str,
        write: Callable[[Path], object],
        inputs: tuple[ArtifactVersion, ...],
        partition: str | None = None,
    ) -> ArtifactVersion:
        store, asset = self.resources.artifacts.store, f"demo/play/{name}"
        with store.staging(asset, partition) as staged:
            write(staged)
            recipe = Recipe(
                asset=asset, partition=partition, code_version="c", config={}, inputs=inputs
            )
            artifact, record = store.commit(staged, recorded(recipe, store.keys))
        tags = {DATA_VERSION_TAG: record.data_version}
        event = dg.AssetMaterialization(asset.split("/"), partition=partition, tags=tags)
        self.instance.report_runless_asset_event(event)
        return artifact.version


def verdict_of(wins: int) -> PolicyVerdict:
    """On 400 games of policies, which lost or won, and of a random player, which lost all."""
    outcomes = np.where(np.arange(400) < wins, 1, -1)
    games = (PlayedGames(signs, *[signs * 1.0] * 4) for signs in (outcomes, np.full(400, -1)))
    judgement = judge(dict(zip(("policies", "random"), games, strict=True)), "scripted_l3")
    return PolicyVerdict(judgement=judgement, recorded=())


@pytest.fixture
def played(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Played]:
    monkeypatch.setenv("OUTPOST_RELEASES", str(tmp_path / "releases"))
    monkeypatch.setenv("OUTPOST_KEYS", str(tmp_path / "keys"))
    # Programs look for other policies when they are told to.
    monkeypatch.setattr(reloading, "LOOK_SECONDS", 600.0)
    resources = Resources.of(Paths.below(tmp_path / "home"))
    with open_instance(resources.state) as instance:
        yield Played(tmp_path / "home", instance)


def test_policies_are_published_promoted_played_audited_and_rolled_back(
    played: Played, tmp_path: Path
) -> None:
    played.release("keys", "init")
    played.train(tmp_path / "first", key=1, wins=200)
    result = played.publish()
    assert result.success
    package = played.shown(result, "policy_package")
    assert (package["game"], package["rules"]) == ("demo", played_game().rules)
    assert package["sessions"] == 1
    assert package["wins"].endswith("of 400 games against scripted_l3")
    first = played.shown(result, "published_policies")
    assert first["win_rate"] == 0.5
    assert "challenger" in first["channels"]
    assert Path(first["document"]).is_file()
    assert f"--game {MODEL}" in first["promote"]
    promoted = played.release("promote", "--reason", "the first")
    assert promoted["move"]["version"] == first["id"]
    (listed,) = played.release("list")["versions"]
    signed = listed["manifest"]
    assert signed["plays"] == played_game().model_dump()
    assert {"demo/play/policies", "demo/play/recordings a", "demo/play/recordings b"} <= {
        name.replace(" [", " ").rstrip("]") for name in signed["lineage"]
    }
    assert played.shown(played.publish(), "published_policies")["id"] == first["id"]

    home = tmp_path / "releases" / "models" / MODEL
    policies = follow_policies(
        tmp_path / "client", played_game(), home, keys=home / "keys.json", watch=False
    )
    player = policies.player()
    assert player.act(ENTITIES, STATUS)[0, KEY] == 1
    (followed,) = (tmp_path / "client" / "versions").iterdir()
    report = played.run("audit", str(followed), exits=3)
    assert report["problems"] == []
    chain = {link["version"]["asset"].rpartition("/")[2]: link for link in report["chain"]}
    assert chain.keys() == {"policy_package", "policies", "policy_evaluation", "recordings"}
    job = chain["policies"]["job"]
    assert job["program"] == "pipeline.play.policies.policy_program"
    assert (job["architecture"], job["stages"][2]["name"]) == (
        "transformers of 2 layers of 64",
        "executor",
    )
    (said,) = report["unverified"]  # these policies came of no job
    assert "the kind of its host, its cost was not recorded" in said

    played.train(tmp_path / "worse", key=2, wins=100)
    assert played.publish().success
    refused = played.release("promote", "--dry-run", exits=1)
    assert [gate["name"] for gate in refused["gates"] if not gate["passed"]] == ["win_rate"]
    played.train(tmp_path / "better", key=3, wins=300)
    assert played.publish().success
    played.release("promote", "--reason", "wins more")
    assert policies._watcher._updater.check(now=True).outcome == "updated"
    policies.look_for_another_model()
    assert player.act(ENTITIES, STATUS)[0, KEY] == 3
    back = played.release("rollback", "--reason", "stands still")
    assert back["version"] == first["id"]
    assert policies._watcher._updater.check(now=True).outcome == "updated"
    policies.look_for_another_model()
    assert player.act(ENTITIES, STATUS)[0, KEY] == 1
    policies.close()


def test_policies_by_other_rules_than_the_game_has_are_not_packaged(
    played: Played, tmp_path: Path
) -> None:
    played.train(tmp_path / "old", 1, 200, GameRules(game="demo", rules="0" * 64))
    result = played.publish()
    assert not result.success
    (failure, *_) = result.filter_events(lambda event: event.is_step_failure)
    said = failure.step_failure_data.error.to_string()
    assert "were trained for demo by the rules 000000000000" in said


def test_what_is_for_bundles_alone_says_what_to_do_instead(played: Played, tmp_path: Path) -> None:
    played.release("keys", "init")
    played.train(tmp_path / "first", key=1, wins=200)
    model = Path(played.shown(played.publish(), "policy_package")["model"])
    PolicyModel.load(model).close()
    before = manifest_of(model)
    target, signed = str(tmp_path / "target"), str(tmp_path / "signed")
    for words, fix in (
        (["deploy", target, "--game", MODEL, "--release", "champion"], "update FOLDER"),
        (["deploy", target, "--model", str(model)], "use FOLDER MODEL"),
        (["release", "sign", str(model), signed], "Materialize published_policies"),
        (["release", "sign", str(model.parent), signed], "not policies"),
        (["release", "list", "--game", "aoe2-policies"], "leave out -policies"),
    ):
        found = CliRunner().invoke(app, words, obj=played.resources)
        assert found.exit_code == 1, found.output
        assert fix in " ".join(found.output.split())
    assert not Path(target).exists()
    assert manifest_of(model) == before
