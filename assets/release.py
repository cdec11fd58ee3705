"""The runtime package: a bundle that the detector loads, and a wheel that carries it."""

from pathlib import Path
from typing import Any

import dagster as dg

from assets.evaluation import thresholds_of
from assets.keys import GameKeys
from assets.making import Making, Metadata, latest, make
from pipeline.games.pack import GamePack
from pipeline.provenance import code_version_of
from resources.artifacts import Artifacts

GROUP = "release"


def release_assets(pack: GamePack) -> list[dg.AssetsDefinition]:
    """What is shipped."""
    return []
