"""The learner's network as a policy of Stable-Baselines3; loads torch.

What Stable-Baselines3 adds to the loss as entropy, times its coefficient, is here the entropy less
the divergence from a policy that is to be stayed near, where there is one. Entropy is divergence
from all choices being as likely, but for its sign and a constant, so this only moves what the
policy is drawn to.
"""

from __future__ import annotations

from typing import Any

import torch
from gymnasium import spaces
from stable_baselines3.common.distributions import CategoricalDistribution
from stable_baselines3.common.policies import ActorCriticPolicy
from torch import Tensor

from pipeline.play.arena.learner.network import ChoiceNetwork, drawn_choices
from pipeline.play.arena.learner.settings import WIDTH


class ChoicePolicy(ActorCriticPolicy):
    """`ChoiceNetwork` for `stable_baselines3.PPO`."""

    def __init__(
        self,
        observation_space: spaces.Space[Any],
        action_space: spaces.Space[Any],
        lr_schedule: Any,
        width: int = WIDTH,
        shape: tuple[int, int] | None = None,
        **options: Any,
    ) -> None:
        """
        Args:
            width, shape: as of the network; what is left is of Stable-Baselines3.
        """
        self.width, self.shape = width, shape
        self._anchor: tuple[ChoiceNetwork, ...] = ()
        self.entropy_share = 1.0
        self.last_divergence: float | None = None
        super().__init__(observation_space, action_space, lr_schedule, net_arch=[], **options)

    @property
    def anchor(self) -> ChoiceNetwork | None:
        """The policy to stay near."""
        return self._anchor[0] if self._anchor else None

    def stay_near(self, anchor: ChoiceNetwork, entropy_share: float) -> None:
        """Stay near a policy from now on.

        Args:
            entropy_share: of entropy beside the divergence, so that the coefficient of entropy is
                now that of the divergence.
        """
        # In a tuple, it is no part of this module: it neither learns nor is it saved as weights.
        self._anchor = (anchor.eval().requires_grad_(False),)
        self.entropy_share = entropy_share

    def forward(self, obs: Tensor, deterministic: bool = False) -> tuple[Tensor, Tensor, Tensor]:
        """Choices, values and logarithms of the chances of the choices."""
        chances, values = self.network(obs)
        choices = _chosen(chances, deterministic)
        return choices, values[:, None], _at(chances, choices)

    def evaluate_actions(self, obs: Tensor, actions: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Values, logarithms of the chances of choices, and what draws the policy, all [n]."""
        chances, values = self.network(obs)
        shares = chances.exp()
        drawn = -(shares * chances).sum(dim=1)
        if self._anchor:
            with torch.no_grad():
                expected = self._anchor[0].chances(obs)
            divergence = (shares * (chances - expected)).sum(dim=1)
            self.last_divergence = float(divergence.detach().mean())
            drawn = self.entropy_share * drawn - divergence
        return values, _at(chances, actions), drawn

    def get_distribution(self, obs: Tensor) -> CategoricalDistribution:
        """Chances of choices, as Stable-Baselines3 has them."""
        assert isinstance(self.action_dist, CategoricalDistribution)
        self.action_dist.proba_distribution(action_logits=self.network.chances(obs))
        return self.action_dist

    def predict_values(self, obs: Tensor) -> Tensor:
        """What is still to be gained, [n, 1]."""
        return self.network.values(obs)[:, None]

    def _predict(self, observation: Tensor, deterministic: bool = False) -> Tensor:
        return _chosen(self.network.chances(observation), deterministic)

    def _build(self, lr_schedule: Any) -> None:
        self.network = ChoiceNetwork(self.width, self.shape)
        self.optimizer = self.optimizer_class(
            self.network.parameters(), lr=lr_schedule(1), **self.optimizer_kwargs
        )

    def _get_constructor_parameters(self) -> dict[str, Any]:
        parameters = super()._get_constructor_parameters()
        parameters.pop("net_arch")
        return {**parameters, "width": self.width, "shape": self.shape}


def _chosen(chances: Tensor, deterministic: bool) -> Tensor:
    if deterministic:
        return chances.argmax(dim=1)
    return drawn_choices(chances, torch.rand(len(chances)))


def _at(chances: Tensor, choices: Tensor) -> Tensor:
    return chances.gather(1, choices[:, None])[:, 0]
