"""What holds for a published model of whatever kind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from doubles.classifiers import COLOURS, community_files
from doubles.policy_models import GOAL_NAMES, RULES, policy_files
from doubles.publisher import NAMES, Publisher, bundle_files, small_model, unsigned

from detector_runtime import ConfigurationError, ModelUpdater
from detector_runtime.errors import ModelLoadError
from detector_runtime.models.onnx import OnnxOptions
from detector_runtime.released.kinds import KINDS, ReleasedKind
from detector_runtime.updates.installed import ModelFolder
from detector_runtime.updates.signatures import SigningKey

Updating = Callable[..., ModelUpdater]
FILES: dict[ReleasedKind, Callable[[], dict[str, bytes]]] = {
    "detector": lambda: bundle_files("1", small_model(3)),
    "community": community_files,
    "policies": policy_files,
}
SAID: dict[ReleasedKind, dict[str, Any]] = {
    "detector": {"names": NAMES},
    "community": {"names": tuple(COLOURS)},
    "policies": {"names": GOAL_NAMES, "plays": RULES},
}
PAIRS = list(zip(KINDS, [*KINDS][1:] + [*KINDS][:1], strict=True))
"""Each and another one."""
each = pytest.mark.parametrize("kind", KINDS)


def add(publisher: Publisher, kind: ReleasedKind, **changes: Any) -> str:
    return publisher.add(b"", files=FILES[kind](), kind=kind, **{**SAID[kind], **changes})


def test_every_kind_is_tried() -> None:
    assert FILES.keys() == SAID.keys() == KINDS.keys()


@each
def test_it_is_fetched_opened_and_fetched_again_when_a_file_is_torn(
    kind: ReleasedKind, tmp_path: Path, publisher: Publisher, updating: Updating
) -> None:
    version = add(publisher, kind)
    publisher.offer(version)
    result = updating().check(now=True)
    assert result.outcome == "updated", result
    assert result.model is not None
    assert (result.model.kind, result.model.version) == (kind, version)
    installed, model = updating().open(KINDS[kind], OnnxOptions())
    assert installed == result.model
    model.close()
    folder = tmp_path / "models" / "versions" / version
    torn = next(file for file in sorted(folder.glob("*.onnx")))
    torn.write_bytes(torn.read_bytes()[:-7])
    assert not ModelFolder(tmp_path / "models").holds(installed)
    with pytest.raises(ModelLoadError):
        updating().open(KINDS[kind], OnnxOptions())
    assert updating().check(now=True).outcome == "updated"
    updating().open(KINDS[kind], OnnxOptions())[1].close()


@each
@pytest.mark.parametrize("by", ["another key", "nobody"])
def test_signed_wrongly_it_is_refused(
    by: str, kind: ReleasedKind, publisher: Publisher, updating: Updating
) -> None:
    version = add(publisher, kind, key=SigningKey.generate() if by == "another key" else None)
    if by == "nobody":
        unsigned(publisher.folder / "versions" / version / "manifest.json")
    publisher.offer(version)
    result = updating().check(now=True)
    assert (result.outcome, result.model) == ("failed", None)


@each
def test_published_torn_it_is_refused(
    kind: ReleasedKind, publisher: Publisher, updating: Updating
) -> None:
    version = add(publisher, kind)
    file = publisher.folder / "versions" / version / KINDS[kind].file
    file.write_bytes(file.read_bytes()[:-2])
    publisher.offer(version)
    assert updating().check(now=True).outcome == "failed"


@each
def test_with_other_classes_than_were_signed_it_is_refused(
    kind: ReleasedKind, publisher: Publisher, updating: Updating
) -> None:
    publisher.offer(add(publisher, kind, names=("something", "else")))
    result = updating().check(now=True)
    assert result.outcome == "failed"
    assert "classes of version" in result.message


@pytest.mark.parametrize(("kind", "other"), PAIRS)
def test_a_folder_keeps_one_kind(
    kind: ReleasedKind,
    other: ReleasedKind,
    tmp_path: Path,
    publisher: Publisher,
    updating: Updating,
) -> None:
    publisher.offer(add(publisher, kind))
    updating().check(now=True)
    with pytest.raises(ConfigurationError, match=KINDS[other].called):
        updating().open(KINDS[other], OnnxOptions())
    publisher.offer(add(publisher, other))
    result = updating().check(now=True)
    assert result.outcome == "failed"
    assert f"is {KINDS[other].called}, and " in result.message
    own = tmp_path / "own"
    own.mkdir()
    for name, content in FILES[other]().items():
        (own / name).write_bytes(content)
    with pytest.raises(ConfigurationError, match=f"is {KINDS[other].called}"):
        updating().use(own)
    updating().open(KINDS[kind], OnnxOptions())[1].close()


@each
def test_one_s_own_is_used(kind: ReleasedKind, tmp_path: Path, updating: Updating) -> None:
    own = tmp_path / "own"
    own.mkdir()
    for name, content in FILES[kind]().items():
        (own / name).write_bytes(content)
    used = updating().use(own)
    assert (used.kind, used.origin) == (kind, "own")
    updating().open(KINDS[kind], OnnxOptions())[1].close()
