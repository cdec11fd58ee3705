"""The GPU: one resource that rents a host, runs a training job there and ends the lease."""

from resources.gpu.lease import Host, Lease, TrainingFailedError
from resources.gpu.resource import Gpu, Provider

__all__ = ["Gpu", "Host", "Lease", "Provider", "TrainingFailedError"]
