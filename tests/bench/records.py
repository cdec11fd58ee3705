"""What signing records costs: each record, the first one of a process, and a whole audit."""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from doubles.artifacts import recorded

from pipeline.provenance import ArtifactVersion, Recipe
from pipeline.release.lineage.audit import audit
from resources.artifacts import ArtifactStore
from resources.keys.private_keys import PrivateKeys
from resources.keys.record_keys import RecordKeys

ARTIFACTS = 200
ROUNDS = 3
SETTINGS = {f"setting {number}": number / 3 for number in range(60)}
"""About as many as a training has."""


def measure() -> dict[str, float]:
    """Medians; the audits are of a chain of artifacts of one small file, per artifact."""
    with tempfile.TemporaryDirectory() as folder:
        keys = RecordKeys(PrivateKeys(Path(folder, "keys")))
        # With the import of cryptography, and with the making of the key.
        first = milliseconds(lambda: keys.sign(recorded(recipe_of(0))("a" * 64)))
        signed = ArtifactStore(Path(folder, "signed"), keys=keys)
        unsigned = ArtifactStore(Path(folder, "unsigned"))
        model, _ = chain(signed), chain(unsigned)
        record = next(signed.builds())
        audits = {
            name: [milliseconds(lambda s=store: audit(model, s, {})) for _ in range(ROUNDS)]
            for name, store in (("signed", signed), ("unsigned", unsigned))
        }
        return {
            "first_signature_ms": round(first, 2),
            "sign_ms": median_of(lambda: keys.sign(record)),
            "verify_ms": median_of(lambda: signed.signature_of(record)),
            **{
                f"audit_{name}_ms": round(statistics.median(found) / ARTIFACTS, 3)
                for name, found in audits.items()
            },
        }


def chain(store: ArtifactStore) -> Path:
    """Artifacts each made from the one before; a file of the last one."""
    made: tuple[ArtifactVersion, ...] = ()
    for number in range(ARTIFACTS):
        recipe = recipe_of(number, *made)
        with store.staging(recipe.asset) as staged:
            (staged / "best.pt").write_bytes(str(number).encode())
            artifact, _ = store.commit(staged, recorded(recipe, store.keys))
        made = (artifact.version,)
    return artifact.path / "best.pt"


def recipe_of(number: int, *inputs: ArtifactVersion) -> Recipe:
    return Recipe(asset=f"toy/asset{number}", code_version="c", config=SETTINGS, inputs=inputs)


def median_of(call: Callable[[], object], times: int = 500) -> float:
    return round(statistics.median(milliseconds(call) for _ in range(times)), 3)


def milliseconds(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return (time.perf_counter() - began) * 1000
