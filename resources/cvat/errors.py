"""What can go wrong with a CVAT server."""

from pipeline.errors import OutpostError


class CvatError(OutpostError):
    """CVAT did not do what was asked of it."""


class CvatTokenError(CvatError):
    """There is no access token, or CVAT refuses it."""


class CvatUnreachableError(CvatError):
    """No answer came, or none that can be from CVAT."""


class CvatMissingError(CvatError):
    """What was asked for is not on the server, or not any more."""


class CvatBusyError(CvatError):
    """CVAT does the same for somebody else at this moment, or has had enough of requests."""


class CvatRequestError(CvatError):
    """Work in the background that CVAT gave up, lost, or does not finish."""


class CvatDownloadError(CvatError):
    """An export that does not arrive whole, or cannot be written."""
