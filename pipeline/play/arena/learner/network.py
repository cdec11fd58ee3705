"""The learner's network: small, because it is asked in every step of many games; loads torch.

Every entity has its own place in the input, so two layers over all of it can weigh any entity
against any other without attention, with which one core learns a few thousand examples a second
(`outpost bench policies`). At a width of 128 a choice takes 67,000 multiplications, and playing
still takes four tenths of a training's time.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from pipeline.play.arena.learner.layout import FIRST_COMMAND, SELECTED_FEATURE, layout_of
from pipeline.play.arena.learner.settings import WIDTH

NEVER = -60.0
"""The logit of a choice that is impossible: never drawn, and no slower than others to compute."""
TOP = 1.0 - 1e-6
"""The largest draw: rounding must not go beyond the last choice that is possible."""


class ChoiceNetwork(nn.Module):  # type: ignore[misc]
    """Two layers, then logits of choices, and what is still to be gained."""

    def __init__(self, width: int = WIDTH, shape: tuple[int, int] | None = None) -> None:
        """
        Args:
            shape: features and choices of something else than the game, where all choices are
                always possible.
        """
        super().__init__()
        layout = layout_of(0)
        inputs, choices = shape or (layout.width, layout.choices)
        self.width = width
        self.trunk = nn.Sequential(
            nn.Linear(inputs, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU()
        )
        self.choices = nn.Linear(width, choices)
        self.value = nn.Linear(width, 1)
        needed = None if shape else torch.from_numpy(layout.possible_features[0])
        self.register_buffer("needed", needed, persistent=False)
        self._initialize()

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Logarithms of the chances of choices [n, choices], and values [n]."""
        hidden = self.trunk(features)
        return self._chances(hidden, features), self.value(hidden)[:, 0]

    def values(self, features: Tensor) -> Tensor:
        """What is still to be gained, [n]."""
        value: Tensor = self.value(self.trunk(features))[:, 0]
        return value

    def chances(self, features: Tensor) -> Tensor:
        """Logarithms of the chances of choices, [n, choices]."""
        return self._chances(self.trunk(features), features)

    def _chances(self, hidden: Tensor, features: Tensor) -> Tensor:
        logits: Tensor = self.choices(hidden)
        if self.needed is not None:
            impossible = features.index_select(1, self.needed) <= 0
            impossible[:, FIRST_COMMAND:] |= features[:, SELECTED_FEATURE, None] <= 0
            logits = logits.masked_fill(impossible, NEVER)
        return logits.log_softmax(dim=1)

    def _initialize(self) -> None:
        """Orthogonal, and nearly the same chance for every choice, as is usual for PPO."""
        for module, gain in (
            (self.trunk[0], 2**0.5), (self.trunk[2], 2**0.5), (self.choices, 0.01), (self.value, 1)
        ):  # fmt: skip
            nn.init.orthogonal_(module.weight, gain)
            nn.init.zeros_(module.bias)


def drawn_choices(chances: Tensor, draws: Tensor) -> Tensor:
    """Choices by their chances.

    Args:
        chances: logarithms, [n, choices].
        draws: [n], 0 to 1.
    """
    sums = chances.exp().cumsum(dim=1)
    below = sums <= (draws * TOP * sums[:, -1])[:, None]
    return below.sum(dim=1)


def tensors_of(network: ChoiceNetwork) -> dict[str, npt.NDArray[Any]]:
    """Weights by name."""
    return {name: value.detach().numpy() for name, value in network.state_dict().items()}


def network_of(tensors: Mapping[str, npt.NDArray[Any]], width: int) -> ChoiceNetwork:
    """A network with these weights.

    Raises:
        RuntimeError: they are of another network.
    """
    network = ChoiceNetwork(width)
    weights = {name: torch.from_numpy(np.array(value)) for name, value in tensors.items()}
    network.load_state_dict(weights)
    return network
