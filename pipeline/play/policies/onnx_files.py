"""Policies as ONNX files, as the runtime opens them; loads torch.

Each says of itself what it is (`detector_runtime.policies.networks`) and, as other models do, where
it comes from: the game, the digest of its rules, and that of the sessions that were learned from.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import torch
from detector_runtime.models.onnx import quiet_onnxruntime
from detector_runtime.policies.networks import (
    DELAY_KEY,
    FEATURES_KEY,
    FEATURES_VERSION,
    GAME_KEY,
    INPUTS,
    OUTPUTS,
    ROLE_KEY,
    RULES_KEY,
    SESSIONS_KEY,
    WIDTHS,
)

from pipeline.errors import OutpostError
from pipeline.files import replacing
from pipeline.play.policies.networks import EntityTransformer, NetworkInput
from pipeline.play.recordings.events import GAME, rules_digest

OPSET = 17
LARGEST_DIFFERENCE = 1e-3
"""Between an answer of torch and of onnxruntime."""
DRAWN = ((3, 9), (1, 30))
"""Games and rows of entities that both are asked about."""


class PolicyExportError(OutpostError):
    """An export that answers otherwise than its weights."""


def onnx_file(folder: Path, role: str) -> Path:
    """Where a policy is exported to."""
    return folder / f"{role}.onnx"


def export_policy(
    network: EntityTransformer, delay: int, folder: Path, sessions: str | None = None
) -> Path:
    """Write one policy, and compare what it answers there with what torch answers.

    Args:
        sessions: digest of those that it has learned from (`cloning.digest_of`); None where it has
            learned from something else, too.

    Raises:
        PolicyExportError: they differ.
    """
    network.eval()
    role, file = network.role, onnx_file(folder, network.role)
    with replacing(file) as fresh:
        _write(network, fresh, _facts(role, delay, sessions))
        for games, rows in DRAWN:
            _compare(network, fresh, _drawn(role, games, rows))
    return file


def _facts(role: str, delay: int, sessions: str | None) -> dict[str, str]:
    """What the file says of itself: the same for the same policy, wherever it was trained."""
    facts = {
        ROLE_KEY: role,
        FEATURES_KEY: str(FEATURES_VERSION),
        DELAY_KEY: str(delay),
        GAME_KEY: GAME,
        RULES_KEY: rules_digest(),
    }
    return facts if sessions is None else {**facts, SESSIONS_KEY: sessions}


def _write(network: EntityTransformer, file: Path, facts: dict[str, str]) -> None:
    import onnx

    outputs = OUTPUTS[network.role]
    batch = _drawn(network.role, *DRAWN[0])
    free = {name: {0: "n", 1: "rows"} for name in INPUTS[:3]}
    free["status"] = {0: "n"}
    pointing = ("targets", "selects", "commands")
    for name in outputs:
        free[name] = {0: "n", 1: "pointed"} if name in pointing else {0: "n"}
    with torch.no_grad(), warnings.catch_warnings():
        # Of the exporter about itself; what it wrote is compared afterwards.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network,
            (batch.entities, batch.places, batch.known, batch.status),
            str(file),
            input_names=list(INPUTS),
            output_names=list(outputs),
            dynamic_axes=free,
            opset_version=OPSET,
            dynamo=False,
        )
    model = onnx.load(str(file))
    onnx.helper.set_model_props(model, dict(sorted(facts.items())))
    onnx.save(model, str(file))


def _drawn(role: str, games: int, rows: int) -> NetworkInput:
    """Some input; the same in every process."""
    rng = np.random.default_rng(games)
    entities, status = WIDTHS[role]
    known = np.ones((games, rows), bool)
    known[0, rows // 2 :] = False
    return NetworkInput.of(
        (
            rng.random((games, rows, entities), np.float32),
            rng.random((games, rows, 2), np.float32),
            known,
            rng.random((games, status), np.float32),
        )
    )


def _compare(network: EntityTransformer, file: Path, batch: NetworkInput) -> None:
    session = quiet_onnxruntime().InferenceSession(
        file.read_bytes(), providers=["CPUExecutionProvider"]
    )
    given = {name: getattr(batch, name).numpy() for name in INPUTS}
    names = OUTPUTS[network.role]
    with torch.no_grad():
        expected = batch.ask(network)
    for name, ours, theirs in zip(names, expected, session.run(list(names), given), strict=True):
        difference = float(np.abs(ours.numpy() - theirs).max())
        if not difference <= LARGEST_DIFFERENCE:
            raise PolicyExportError(
                f"'{name}' of the exported {network.role} differ by {difference} from torch's.",
                "Train the policy again; if it happens again, report it with both versions: "
                "torch and onnxruntime.",
            )
