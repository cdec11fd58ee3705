"""Policies that are published, built here: they press one key in every tick, whatever they see."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import numpy as np
import onnx
from detector_runtime.bundle import FileDigest
from detector_runtime.policies.known import GOALS, KEYS, PRESS
from detector_runtime.policies.networks import (
    DELAY_KEY,
    FEATURES_KEY,
    FEATURES_VERSION,
    FILES,
    GAME_KEY,
    INPUTS,
    OUTPUTS,
    ROLE_KEY,
    RULES_KEY,
    WIDTHS,
)
from detector_runtime.policies.policy_model import GameRules, PolicyManifest
from onnx import TensorProto, helper, numpy_helper

RULES = GameRules(game="blocks", rules="0" * 64)
GOAL_NAMES = ("fight", "loot", "flee", "explore", "cautious")
SURE = 30.0
"""A logit of what is certain."""
_POINTING = ("targets", "selects", "commands")


def policy_files(
    version: str = "1",
    *,
    key: int = 1,
    delay: int = 0,
    plays: GameRules = RULES,
    facts: Mapping[str, str] | None = None,
    name: str = "blocks-policies",
    trained_at: datetime = datetime(2026, 11, 1, tzinfo=UTC),
    **replaced: bytes,
) -> dict[str, bytes]:
    """Three policies: content by file name.

    Args:
        key: that they press, 0 to 4.
        facts: of what the networks say of themselves, in place of what they should say.
        replaced: content of files by their names without ending.
    """
    files = {
        file: replaced.get(role, policy_network(role, key, delay, plays, facts))
        for role, file in FILES.items()
    }
    fields: dict[str, Any] = {
        "name": name,
        "version": version,
        "plays": plays,
        "features": FEATURES_VERSION,
        "delay": delay,
        "goals": GOAL_NAMES,
        "trained_at": trained_at,
        "sessions": 3,
        "minutes": 9.0,
        "files": {
            file: FileDigest(sha256=hashlib.sha256(content).hexdigest(), size=len(content))
            for file, content in files.items()
        },
    }
    files["policies.json"] = PolicyManifest(**fields).to_json().encode()
    return files


def policy_network(
    role: str, key: int, delay: int, plays: GameRules, facts: Mapping[str, str] | None = None
) -> bytes:
    """One of the three; what it answers depends on nothing but shapes."""
    told, status = WIDTHS[role]
    nodes, weights, outputs = [], {}, []
    for name in OUTPUTS[role]:
        answer = _answer(name, key)
        weights[f"{name}_none"] = np.zeros((status, len(answer)), np.float32)
        weights[f"{name}_answer"] = answer
        nodes += [
            helper.make_node("MatMul", ["status", f"{name}_none"], [f"{name}_zero"]),
            helper.make_node("Add", [f"{name}_zero", f"{name}_answer"], [f"{name}_first"]),
        ]
        if name in _POINTING:
            weights["rows_none"] = np.zeros((told, 1), np.float32)
            weights["last"] = np.array([2], np.int64)
            nodes += [
                helper.make_node("MatMul", ["entities", "rows_none"], [f"{name}_rows"]),
                helper.make_node("Squeeze", [f"{name}_rows", "last"], [f"{name}_flat"]),
                helper.make_node("Concat", [f"{name}_first", f"{name}_flat"], [name], axis=1),
            ]
        else:
            nodes.append(helper.make_node("Identity", [f"{name}_first"], [name]))
        width = "pointed" if name in _POINTING else len(answer)
        outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", width]))
    shapes = (["n", "rows", told], ["n", "rows", 2], ["n", "rows"], ["n", status])
    kinds = (TensorProto.FLOAT, TensorProto.FLOAT, TensorProto.BOOL, TensorProto.FLOAT)
    inputs = [
        helper.make_tensor_value_info(name, kind, shape)
        for name, kind, shape in zip(INPUTS, kinds, shapes, strict=True)
    ]
    arrays = [numpy_helper.from_array(value, name) for name, value in weights.items()]
    graph = helper.make_graph(nodes, role, inputs, outputs, arrays)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    said = {
        ROLE_KEY: role,
        FEATURES_KEY: str(FEATURES_VERSION),
        DELAY_KEY: str(delay),
        GAME_KEY: plays.game,
        RULES_KEY: plays.rules,
    }
    helper.set_model_props(model, {**said, **(facts or {})})
    content: bytes = model.SerializeToString()
    onnx.load_model_from_string(content)
    return content


def _answer(name: str, key: int) -> np.ndarray:
    """Logits, or a place, of one answer."""
    width = {"goals": GOALS, "acts": 4, "keys": KEYS, "clicks": 4}.get(name, 1)
    answer = np.zeros(width, np.float32)
    if name == "acts":
        answer[[0, PRESS]] = SURE
    elif name in ("goals", "keys"):
        answer[key] = SURE
    return answer
