"""The GPU: one resource that rents a host, runs a training job there and ends the lease."""
