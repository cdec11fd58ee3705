"""The GPU: one resource that rents a host, runs a job there and ends the lease.

Read `lease` (what every provider gives), `settings`, `factory` (which provider they mean),
`resource` (the same settings for Dagster), then `clouds`, `hosts` and `leases`; `doctor` asks a
provider what it would give, and `maintenance` is for leases that no run looks after. What a job
does on its host does not belong here: that is `pipeline.jobs` and its clients.
"""

from resources.gpu.lease import Host, Lease
from resources.gpu.resource import Gpu
from resources.gpu.settings import Provider

__all__ = ["Gpu", "Host", "Lease", "Provider"]
