"""Learned policies as zips of Stable-Baselines3, for those who want one. Loads torch.

Such a zip holds pickled objects: reading one can run code of whoever wrote it.
"""

from __future__ import annotations

from pathlib import Path

from stable_baselines3 import PPO

from pipeline.errors import OutpostError
from pipeline.files import replacing
from pipeline.play.arena.learner.environments import SkirmishVecEnv
from pipeline.play.arena.learner.episodes import LearnerEpisodes
from pipeline.play.arena.learner.model import LearnedModel
from pipeline.play.arena.learner.network import ChoiceNetwork
from pipeline.play.arena.learner.policy import ChoicePolicy
from pipeline.play.arena.learner.rivals import Rival


class ZipFileError(OutpostError, ValueError):
    """A zip that is not read."""


def write_zip(network: ChoiceNetwork, file: Path) -> None:
    """Write a policy, whole, as `stable_baselines3.PPO.load` reads it.

    Raises:
        OSError: the file cannot be written.
    """
    games = SkirmishVecEnv(LearnerEpisodes.start(2, [Rival("scripted_l3")], 0))
    model = PPO(ChoicePolicy, games, policy_kwargs={"width": network.width}, device="cpu")
    model.policy.network.load_state_dict(network.state_dict())
    with replacing(file) as fresh, fresh.open("wb") as stream:
        model.save(stream)


def read_zip(file: Path, *, trusted: bool = False) -> LearnedModel:
    """Read a policy.

    Args:
        trusted: whether you trust whoever wrote it to run code on this computer.

    Raises:
        ZipFileError: it is not trusted, or is no zip of such a policy.
    """
    if not trusted:
        raise ZipFileError(
            f"{file} can run code of its author, and is not read.",
            "Read it with trusted=True if you know where it comes from, or use the policy's "
            ".safetensors file.",
        )
    try:
        policy = PPO.load(file, device="cpu").policy
    except (OSError, ValueError, KeyError, RuntimeError, AssertionError) as error:
        raise ZipFileError(
            f"{file} is no zip of PPO of Stable-Baselines3: {error}", "Correct the path."
        ) from error
    if not isinstance(policy, ChoicePolicy) or policy.shape is not None:
        raise ZipFileError(
            f"The policy in {file} is a {type(policy).__name__}, which does not play this game.",
            "Name a zip that `write_zip` has written.",
        )
    return LearnedModel(policy.network)
