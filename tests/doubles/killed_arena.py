"""Materializes a policy of the arena in a process that is killed meanwhile.

python killed_arena.py STATE_FOLDER CONFIG_AS_JSON
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from assets.core.keys import GameKeys  # noqa: E402
from assets.core.runs import materialize  # noqa: E402
from assets.definitions import build_definitions  # noqa: E402
from resources.defaults import Resources  # noqa: E402
from resources.instance import open_instance  # noqa: E402
from resources.paths import Paths  # noqa: E402


def main(home: str, config: dict[str, Any]) -> None:
    """Make the policy."""
    resources = Resources.of(Paths.below(Path(home)))
    ops = {"demo__arena__policy": {"config": config}}
    with open_instance(resources.state) as instance:
        definitions = build_definitions("demo", {"paths": resources.paths})
        materialize(definitions, instance, [GameKeys("demo").arena_policy], config=ops)


if __name__ == "__main__":
    main(sys.argv[1], json.loads(sys.argv[2]))
