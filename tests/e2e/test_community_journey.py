"""A community from nothing: players send, votes are counted, a model reaches a program, and back.

In the order in which docs/how-to/community.md tells it, for the built-in game.
"""

from __future__ import annotations

import json
import subprocess
import sysconfig
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from doubles.processes import wait_until
from doubles.pythons import make_venv, site_of
from doubles.seaweed import BUCKET, is_installed, seaweed
from PIL import Image
from typer.testing import CliRunner

from assets.automation.contribution_sensor import contribution_sensor
from assets.cli.app import app
from assets.core.building import latest
from assets.core.keys import GameKeys
from assets.core.runs import QUIET
from assets.definitions import build_definitions
from pipeline.community.classifiers.model import ClassifierModel
from pipeline.community.voted_crops import VotedCrops
from pipeline.demo_game.inventory.icon_catalogue import icon_catalogue
from pipeline.demo_game.inventory.screens import SCREENS, SLOT_FAMILIES, draw_screen
from pipeline.games.pack import load_pack
from pipeline.release.community.package import CommunityPackage
from resources.defaults import Resources
from resources.instance import open_instance
from resources.paths import Paths

pytestmark = [
    pytest.mark.exhaustive,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(not is_installed(), reason="needs the S3 server of its wheel"),
]

ROOT = Path(__file__).parents[2]
PACK = load_pack("demo")
KEYS = GameKeys.of(PACK)
NAME = "demo-community"
PLAYERS = ["--installs", "24", "--texts", "2", "--screens", "2"]
ODD = ["--flooding", "1", "--malformed", "1", "--truth"]
SEED_OF_OTHERS = 90_000
"""No simulated player has drawn a screen with it."""
SMALL = {"least_steps": 120, "pretrained": False}
PROGRAM = """
import json, sys
from detector_runtime.classify.templates import IconTemplates
from detector_runtime.community import follow_community_model

folder, source, keys, art = sys.argv[1:]
templates = IconTemplates.load(art) if art else None
community = follow_community_model(folder, source, keys=keys, templates=templates)
for line in sys.stdin:
    crops = json.loads(line)
    found = [[one.name, one.step] for one in community.match(crops)] if crops else []
    print(json.dumps({"version": community.model.manifest.version, "found": found}), flush=True)
community.close()
"""


@dataclass
class Journey:
    """A maintainer's machine: a state folder, and a bucket into which players send."""

    resources: Resources
    instance: dg.DagsterInstance
    cursor: str | None = None
    definitions: dg.Definitions = field(init=False)

    def __post_init__(self) -> None:
        self.definitions = build_definitions(PACK, {"paths": self.resources.paths})

    def outpost(self, *words: str) -> str:
        done = CliRunner().invoke(app, list(words), obj=self.resources)
        assert done.exit_code == 0, done.output
        return done.output

    def receive(self) -> list[str]:
        """Ticks of the sensor until nothing is left to read, with the runs that it asks for."""
        read: list[str] = []
        job = self.definitions.resolve_implicit_global_asset_job_def()
        while True:
            context = dg.build_sensor_context(
                instance=self.instance,
                cursor=self.cursor,
                resources={"contributions": self.resources.contributions},
            )
            with context as entered:
                found = contribution_sensor(PACK)(entered)
            assert isinstance(found, dg.SensorResult)
            self.cursor = found.cursor
            for wanted in found.dynamic_partitions_requests or []:
                self.instance.add_dynamic_partitions(
                    wanted.partitions_def_name, list(wanted.partition_keys)
                )
            if not found.run_requests:
                return read
            for request in found.run_requests:
                done = job.execute_in_process(
                    instance=self.instance,
                    asset_selection=list(request.asset_selection or []),
                    partition_key=request.partition_key,
                    tags=dict(request.tags),
                    run_config=QUIET,
                )
                assert done.success
                read.append(str(request.partition_key))

    def run_community_job(self) -> dg.ExecuteInProcessResult:
        """Votes, corrections, classifiers, model, publication."""
        settings = {"config": SMALL}
        ops = {f"demo__{kind}_classifier": settings for kind in ("icon", "screen")}
        job = self.definitions.resolve_job_def("demo_community")
        done = job.execute_in_process(instance=self.instance, run_config={**QUIET, "ops": ops})
        assert done.success
        return done

    def folder_of(self, key: dg.AssetKey) -> Path:
        return latest(self.instance, self.resources.artifacts.store, key).path

    def version(self) -> str:
        return CommunityPackage.open(self.folder_of(KEYS.community_model)).manifest.version


@pytest.fixture
def journey(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Journey]:
    with seaweed(tmp_path / "s3") as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("OUTPOST_CONTRIBUTIONS", f"s3://{BUCKET}/contributions")
        monkeypatch.setenv("OUTPOST_RELEASES", str(tmp_path / "releases"))
        monkeypatch.setenv("OUTPOST_KEYS", str(tmp_path / "keys"))
        resources = Resources.of(Paths.below(tmp_path / "home"))
        with open_instance(resources.state) as instance:
            yield Journey(resources, instance)


@dataclass(frozen=True)
class User:
    """A machine with `detector_runtime` in an environment of its own, and nothing of the rest."""

    python: Path
    folder: Path
    source: Path

    @classmethod
    def install(cls, folder: Path, source: Path) -> User:
        python = make_venv(folder / "venv")
        install = ["uv", "pip", "install", "--quiet", "--no-deps", "--python", str(python)]
        subprocess.run([*install, str(ROOT / "detector_runtime")], check=True)
        there = sysconfig.get_path("purelib")
        (site_of(python) / "dependencies.pth").write_text(there, encoding="utf-8")
        return cls(python, folder, source)

    def update(self) -> str:
        command = [self.python, "-I", "-m", "detector_runtime", "update", self.folder / "icons"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr + done.stdout
        return done.stdout

    @contextmanager
    def program(self, art: Path | str = "") -> Iterator[Program]:
        arguments = [self.folder / "icons", self.source, self.source / "keys.json", art]
        command = [str(word) for word in (self.python, "-I", "-c", PROGRAM, *arguments)]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=self.folder
        ) as process:
            yield Program(process)
            assert process.stdin is not None
            process.stdin.close()
            assert process.wait(60) == 0


@dataclass(frozen=True)
class Program:
    """A program of that user, which runs."""

    process: subprocess.Popen[str]

    def ask(self, crops: Sequence[Path] = ()) -> dict[str, Any]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps([str(crop) for crop in crops]) + "\n")
        self.process.stdin.flush()
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        return answer

    def names(self, crops: Mapping[Path, str]) -> tuple[float, float]:
        """The share of crops that got a name, and of these the share that got theirs."""
        found = self.ask(list(crops))["found"]
        named = [
            (said, true)
            for (said, _), true in zip(found, crops.values(), strict=True)
            if said is not None
        ]
        return len(named) / len(crops), sum(said == true for said, true in named) / len(named)


def cut_crops(folder: Path) -> dict[Path, str]:
    """Icons as a program cuts them out of screens that nobody has sent, with their names."""
    folder.mkdir()
    crops: dict[Path, str] = {}
    for number in range(30):
        screen = draw_screen(SEED_OF_OTHERS + number, sorted(SCREENS)[number % len(SCREENS)])
        for item in screen.items:
            if item.slot in SLOT_FAMILIES:
                file = folder / f"{len(crops):04}.png"
                Image.fromarray(screen.image).crop(tuple(map(round, item.box))).save(file)
                crops[file] = item.name
    return crops


def write_art(folder: Path) -> Path:
    """Clean art of every icon, as a wiki has it."""
    folder.mkdir()
    for icon in icon_catalogue():
        Image.fromarray(icon.image).save(folder / f"{icon.name}.png")
    return folder


def test_from_an_empty_bucket_to_the_program_of_a_user_and_back(
    journey: Journey, tmp_path: Path
) -> None:
    truth_file = tmp_path / "truth.json"
    journey.outpost("community", "simulate", *PLAYERS, *ODD, str(truth_file))
    truth = json.loads(truth_file.read_text("utf-8"))
    assert sorted(journey.receive()) == sorted(truth["kinds"])
    journey.outpost("release", "keys", "init", "--game", NAME)
    journey.run_community_job()

    # What is believed is true, whatever the odd ones say.
    voted = VotedCrops.open(journey.folder_of(KEYS.voted_crops))
    for kind in ("icon", "screen"):
        said = [(m.sha256, c.label) for c in voted.accepted(kind) for m in c.members]
        right = sum(truth["names"][digest] == label for digest, label in said)
        assert right >= 0.99 * len(said) > 0, kind
    # The classifier of screens came in time for the first version.
    package = CommunityPackage.open(journey.folder_of(KEYS.community_model))
    assert package.manifest.has_screens
    first = package.manifest.version
    promote = ["release", "promote", "--game", NAME, "--class-floor", "0"]
    journey.outpost(*promote, "--reason", "the first")

    # A program that has nothing of Outpost names icons of screens that nobody has sent.
    source = tmp_path / "releases" / "models" / NAME
    user = User.install(tmp_path / "user", source)
    crops, art = cut_crops(tmp_path / "crops"), write_art(tmp_path / "art")
    with user.program() as program:
        named, right = program.names(crops)
        print(f"without art: {named:.3f} of {len(crops)} named, {right:.3f} of these right")
        assert named > 0.5
        assert right > 0.85
    with user.program(art) as program:
        named, right = program.names(crops)
        print(f"with art: {named:.3f} named, {right:.3f} of these right")
        assert named > 0.9
        assert right > 0.97
        assert program.ask()["version"] == first

        # A contributor is withdrawn: nothing that is made from now on rests on what they sent.
        learned = ClassifierModel.open(journey.folder_of(KEYS.icon_classifier)).manifest.images
        install = _teacher(voted, learned)
        theirs = {
            member.sha256
            for crop in voted.content.crops
            for member in crop.members
            if member.contributors == (install,)
        }
        assert theirs & learned.keys()
        journey.outpost("community", "withdraw", install, "--reason", "asked for it")
        journey.run_community_job()
        after = VotedCrops.open(journey.folder_of(KEYS.voted_crops))
        assert all(install not in votes for c in after.content.crops for votes in c.votes.values())
        classifier = ClassifierModel.open(journey.folder_of(KEYS.icon_classifier))
        assert not theirs & classifier.manifest.images.keys()
        assert classifier.meta.weights == "scratch"
        second = journey.version()
        assert second != first

        # The next version reaches the program while it runs, and so does the way back.
        words = ["--force", "--reason", "without one who asked for it"]
        journey.outpost(*promote, *words)
        user.update()
        wait_until(lambda: program.ask()["version"] == second, seconds=60)
        named, right = program.names(crops)
        assert right > 0.97
        journey.outpost("release", "rollback", "--game", NAME, "--reason", "only a drill")
        user.update()
        wait_until(lambda: program.ask()["version"] == first, seconds=60)


def _teacher(voted: VotedCrops, learned: Mapping[str, str]) -> str:
    """Somebody from whom a classifier has learned."""
    return next(
        member.contributors[0]
        for crop in voted.accepted("icon")
        for member in crop.members
        if member.sha256 in learned and len(member.contributors) == 1
    )
