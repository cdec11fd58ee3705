"""The GPU: one resource that rents a host, runs a training job there and ends the lease.

Read `lease` (what every provider gives), `resource` (the settings), `factory` (which provider they
mean), then `clouds`, `hosts` and `leases`; `doctor` asks a provider what it would give, and
`maintenance` is for leases that no run looks after. What a job does on its host does not belong
here: that is `pipeline.training`.
"""

from resources.gpu.lease import Host, Lease, TrainingFailedError
from resources.gpu.resource import Gpu, Provider

__all__ = ["Gpu", "Host", "Lease", "Provider", "TrainingFailedError"]
