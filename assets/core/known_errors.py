"""The errors that say what to do: Outpost's own and the runtime's, which depends on none of it."""

from detector_runtime.errors import DetectorError

from pipeline.errors import OutpostError

KNOWN_ERRORS = (OutpostError, DetectorError)
"""For `except` and `isinstance`; each has a `problem` and a `fix`."""
