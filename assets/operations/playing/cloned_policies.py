"""Policies cloned from play, and how well they play; a sheet of a game of theirs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from detector_runtime.models.base import Model
from detector_runtime.policies.networks import PolicyNetworks

from assets.core.building import NOTICE_LOGGER
from assets.operations.played_game import check_sheet, write_sheet
from pipeline.errors import OutpostError
from pipeline.play.demonstrations import Demonstration, demonstrate
from pipeline.play.perception.looking import TimedModel, open_finder_model
from pipeline.play.perception.loss import PerceptionLoss, judge_perception, moment_image
from pipeline.play.policies.artifacts.event_files import EVENTS_FOLDER, EventFiles
from pipeline.play.policies.artifacts.film_strip import film_strip
from pipeline.play.policies.cloning import ClonedPolicies, clone
from pipeline.play.policies.following import Follower
from pipeline.play.policies.judging import PolicyJudgement, evaluate, seeds_of
from pipeline.play.policies.settings import PRESETS, CloneSettings, Preset
from pipeline.play.recordings.quality import copies, quality_of
from pipeline.play.recordings.reader import open_session, session_files
from pipeline.play.recordings.replay import demonstration_of
from pipeline.progress import track
from pipeline.visualization.tiles import encode_jpeg
from resources.run_log import reporter

GAMES_AT_ONCE = 10
MOST_GAMES = 2000
"""Of which 8 gigabytes are held in memory."""


class ClonedPoliciesError(OutpostError):
    """Policies that cannot be made so."""


@dataclass(frozen=True)
class Play:
    """Whom to learn from.

    Attributes:
        player, opponent: names in `pipeline.play.simulator.scripted.SKILLS`.
        seed: of the first game; the others follow it.
    """

    player: str
    opponent: str
    games: int
    seed: int


@dataclass(frozen=True)
class JudgedPolicies:
    """How policies play, and what they had learned.

    Attributes:
        cloned: what came of cloning, with measures on held-out sessions.
        sheet: JPEG of frames of one game, as the policies saw them.
        seen: how they play by what a detector sees, where one was named.
    """

    judgement: PolicyJudgement
    cloned: ClonedPolicies
    sheet: Path
    seen: SeenGames | None = None


@dataclass(frozen=True)
class SeenGames:
    """How policies play by what a detector sees.

    Attributes:
        look_ms: of a look of the detector at what has changed, without drawing it.
        image: JPEG of a moment, as they knew it and as it was.
    """

    loss: PerceptionLoss
    look_ms: float
    image: Path


@dataclass(frozen=True)
class Eyes:
    """A detector to play by.

    Attributes:
        detector: a bundle's folder or zip, or an ONNX file.
    """

    detector: Path
    games: int


def settings_of(preset: str, delay: int, seed: int) -> CloneSettings:
    """How to train.

    Raises:
        ClonedPoliciesError: there is no such preset.
    """
    known: dict[str, Preset] = {name: name for name in PRESETS}
    if preset not in known:
        raise ClonedPoliciesError(
            f"There is no preset '{preset}'.", f"Choose one of {', '.join(known)}."
        )
    changed = {**PRESETS[known[preset]].model_dump(), "delay": delay, "seed": seed}
    return CloneSettings.model_validate(changed)


def clone_policies(
    sessions: Sequence[Demonstration], settings: CloneSettings, folder: Path
) -> ClonedPolicies:
    """Clone three policies into a folder, or go on where that was interrupted.

    Args:
        sessions: of `sessions_of` or `recorded_demonstrations`.

    Raises:
        ExamplesError, PolicyCheckpointError, CloneError: as `cloning.clone`.
    """
    # torch takes seconds to import.
    from pipeline.play.policies.training import device_of_host

    device, files = device_of_host(), EventFiles(folder / EVENTS_FOLDER)
    NOTICE_LOGGER.info("Three policies learn on %s.", device)
    return clone(sessions, settings, folder, reporter(), Follower(on_epoch=files.add), device)


def recorded_demonstrations(place: Path) -> list[Demonstration]:
    """Recorded sessions to learn from, in the order of their names.

    Args:
        place: a folder of them.

    Raises:
        ClonedPoliciesError: too few or too many, or one of them is a copy of another: half of the
            pair held out would be no test.
        RecordingError: one cannot be read, or is of another game.
    """
    files = session_files(place)
    if not 2 <= len(files) <= MOST_GAMES:
        raise ClonedPoliciesError(
            f"{place} holds {len(files)} sessions, from which policies cannot learn.",
            f"Record 2 to {MOST_GAMES} with `outpost play record`, or name another folder.",
        )
    openings: dict[str, str] = {}
    shown: list[Demonstration] = []
    for file in track(files, len(files), "read the sessions", reporter()):
        session = open_session(file)
        openings[file.name] = quality_of(session).opening
        shown.append(demonstration_of(session))
    if twins := copies(openings):
        raise ClonedPoliciesError(
            f"These sessions are copies of each other: {', '.join(twins[0])}.",
            "Keep one of them in the folder.",
        )
    return shown


def sessions_of(play: Play) -> list[Demonstration]:
    """Games of a scripted player to learn from.

    Raises:
        ClonedPoliciesError: too few games, or too many.
        GameError: there is no such player.
    """
    if not 2 <= play.games <= MOST_GAMES:
        raise ClonedPoliciesError(
            f"{play.games} games cannot be learned from.", f"Choose 2 to {MOST_GAMES}."
        )
    seeds = range(play.seed, play.seed + play.games)
    parts = range(0, play.games, GAMES_AT_ONCE)
    shown: list[Demonstration] = []
    for start in track(parts, len(parts), "play the games", reporter()):
        shown += demonstrate(play.player, play.opponent, seeds[start : start + GAMES_AT_ONCE])
    return shown


def judge_policies(
    folder: Path, play: Play, sheet: Path, eyes: Eyes | None = None
) -> JudgedPolicies:
    """Let policies play, beside the scripted player that they learned from and a random one.

    Args:
        folder: as `clone_policies` has filled it.
        play: its player is the one to compare with.
        eyes: to play some of the games again by what is detected.

    Raises:
        ModelLoadError: the folder holds no policies, or others than this runtime plays.
        CloneError: it does not say how they were made.
        GameError, JudgingError: as `judging.evaluate`.
        DetectorError, PerceptionError: the detector cannot be used.
        PlayedGameError: a sheet cannot be written.
    """
    networks = PolicyNetworks.load(folder)
    cloned = ClonedPolicies.read(folder)
    check_sheet(sheet)
    model = None if eyes is None else _opened(eyes, sheet)
    beside = tuple(dict.fromkeys((play.player, "random")))
    judgement = evaluate(
        networks, play.opponent, play.games, beside=beside, seed=play.seed, report=reporter()
    )
    seen = None if eyes is None or model is None else _seen(networks, model, play, eyes, sheet)
    write_sheet(film_strip(networks, play.opponent, play.seed, reporter()), sheet)
    return JudgedPolicies(judgement, cloned, sheet, seen)


def _opened(eyes: Eyes, sheet: Path) -> Model:
    """The detector, where the games can be played by it: better told before hours of play."""
    seeds_of(eyes.games, 0)
    check_sheet(_seen_sheet(sheet))
    return open_finder_model(eyes.detector)


def _seen_sheet(sheet: Path) -> Path:
    return sheet.with_name(f"{sheet.stem}-seen.jpg")


def _seen(networks: PolicyNetworks, model: Model, play: Play, eyes: Eyes, sheet: Path) -> SeenGames:
    timed = TimedModel(model)
    loss = judge_perception(
        networks,
        timed,
        play.opponent,
        eyes.games,
        seed=play.seed,
        report=reporter(),
    )
    image = moment_image(networks, model, play.opponent, play.seed, report=reporter())
    write_sheet(encode_jpeg(image), _seen_sheet(sheet))
    return SeenGames(loss, round(1000 * timed.seconds / loss.looks, 1), _seen_sheet(sheet))
