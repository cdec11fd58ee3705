"""Imports `detector_runtime` first: its tests lie in a folder of the same name, which pytest would
otherwise take for the package."""

import detector_runtime  # noqa: F401
