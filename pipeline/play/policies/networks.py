"""A transformer over what is known, and what its three policies answer; loads torch.

Layers normalize before attention and before the part behind it (pre-norm: Xiong et al. 2020,
"On Layer Normalization in the Transformer Architecture"). Attention fades with the distance between
two entities, at a rate of its own in each head, as ALiBi's does between words (Press et al. 2022).
Nothing tells the order of entities: what points at them follows them, wherever they stand.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from detector_runtime.policies.known import ACTS, GOALS, KEYS
from detector_runtime.policies.networks import WIDTHS
from torch import Tensor, nn
from torch.nn.functional import pad, scaled_dot_product_attention

from pipeline.play.policies.settings import CloneSettings, Role

NEVER = -1e4
"""The logit of a row that is no entity."""
STEEPEST = 8.0
"""How much attention fades over a side of the map at first, in the head that looks nearest."""
PIXELS = 8.0
"""In which a click beside an entity is counted."""
RARELY = -3.0
"""The logit of acting in a tick, before anything is learned."""
ANSWERS = {"strategist": (GOALS, 0), "tactician": (0, 1), "executor": (ACTS + KEYS + 4, 2)}
"""Numbers of the whole, and pointers at entities, by role."""


class EntityTransformer(nn.Module):  # type: ignore[misc]
    """One policy. `forward` answers as `detector_runtime.policies.networks` says."""

    def __init__(self, role: Role, width: int, layers: int, heads: int) -> None:
        super().__init__()
        self.role = role
        entity_features, status_features = WIDTHS[role]
        numbers, pointers = ANSWERS[role]
        self.of_entities = nn.Linear(entity_features, width)
        self.of_status = nn.Linear(status_features, width)
        self.fading = nn.Parameter(torch.linspace(0.0, STEEPEST, heads))
        self.blocks = nn.ModuleList(PreNormBlock(width, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.numbers = nn.Linear(width, numbers) if numbers else None
        self.pointers = nn.Linear(width, pointers) if pointers else None
        self.nobody = nn.Linear(width, pointers) if pointers else None
        if role == "executor" and self.numbers is not None:
            with torch.no_grad():
                self.numbers.bias[0] = RARELY

    def forward(
        self, entities: Tensor, places: Tensor, known: Tensor, status: Tensor
    ) -> tuple[Tensor, ...]:
        """Answer.

        Args:
            entities, places, known, status: as `detector_runtime.policies.features.Features`.
        """
        tokens = torch.cat([self.of_status(status)[:, None], self.of_entities(entities)], dim=1)
        bias = self._bias(places, known)
        for block in self.blocks:
            tokens = block(tokens, bias)
        tokens = self.norm(tokens)
        whole, rows = tokens[:, 0], tokens[:, 1:]
        answers: list[Tensor] = []
        if self.numbers is not None:
            answers.append(self.numbers(whole))
        if self.pointers is not None and self.nobody is not None:
            pointed = torch.where(known[..., None], self.pointers(rows), NEVER)
            answers.append(torch.cat([self.nobody(whole)[:, None], pointed], dim=1))
        return _by_name(answers) if self.role == "executor" else (answers[0].flatten(1),)

    def _bias(self, places: Tensor, known: Tensor) -> Tensor:
        """What is added to attention, [n, heads, 1 + rows, 1 + rows]; the status is near to all."""
        apart = places[:, :, None] - places[:, None]
        # The root of 0 has no slope.
        distances = (apart.square().sum(dim=-1) + 1e-8).sqrt()
        faded = pad(-self.fading[:, None, None] * distances[:, None], (1, 0, 1, 0))
        present = pad(known.to(faded.dtype), (1, 0), value=1.0)
        return faded + (1.0 - present)[:, None, None] * NEVER


class PreNormBlock(nn.Module):  # type: ignore[misc]
    """Attention, then two layers on each row, both added to what comes in."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.before, self.between = nn.LayerNorm(width), nn.LayerNorm(width)
        self.asked, self.told = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.after = nn.Sequential(
            nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width)
        )

    def forward(self, tokens: Tensor, bias: Tensor) -> Tensor:
        """Tokens [n, rows, width], and what is added to attention, [n, heads, rows, rows]."""
        games, rows, width = tokens.shape
        shape = (games, rows, 3, self.heads, width // self.heads)
        parts = self.asked(self.before(tokens)).view(shape).transpose(1, 3)
        queries, keys, values = parts.unbind(dim=2)
        found = scaled_dot_product_attention(queries, keys, values, attn_mask=bias)
        tokens = tokens + self.told(found.transpose(1, 2).reshape(games, rows, width))
        return tokens + self.after(self.between(tokens))


def build_network(role: Role, settings: CloneSettings) -> EntityTransformer:
    """A network with fresh weights, which follow from the seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        return EntityTransformer(role, settings.width, settings.layers, settings.heads)


def device_of(network: nn.Module) -> torch.device:
    """Where the weights of a network are; the processor where it has none."""
    return next((weight.device for weight in network.parameters()), torch.device("cpu"))


@dataclass(frozen=True, eq=False)
class NetworkInput:
    """What a network is given: tensors, as `forward` takes them."""

    entities: Tensor
    places: Tensor
    known: Tensor
    status: Tensor

    @classmethod
    def of(cls, arrays: Sequence[Any], device: torch.device | str = "cpu") -> NetworkInput:
        """From numpy's arrays, in the order of the attributes, for a network on that device."""
        return cls(*(torch.from_numpy(array).to(device) for array in arrays))

    def ask(self, network: nn.Module) -> tuple[Tensor, ...]:
        """What a network answers."""
        answers: tuple[Tensor, ...] = network(self.entities, self.places, self.known, self.status)
        return answers


def _by_name(answers: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """What an executor answers: acts, keys, selects, commands, clicks."""
    numbers, pointers = answers
    acts, keys, points, beside = numbers.split([ACTS, KEYS, 2, 2], dim=1)
    clicks = torch.cat([points.sigmoid(), beside * PIXELS], dim=1)
    return acts, keys, pointers[..., 0], pointers[..., 1], clicks
