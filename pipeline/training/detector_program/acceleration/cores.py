"""Cores that a training may use: the runtime's own count.

In the packed program the runtime's module stands in the place of this one.
"""

from detector_runtime.system.cores import usable_cores

__all__ = ["usable_cores"]
