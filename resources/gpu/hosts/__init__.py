"""A computer reached over SSH: log in, transfer files, prepare an environment, run a job.

Read `ssh` with `keys`, `host_keys` and `shell`, `transfer`, `workspace` (one job's place on a host)
and `agent` (what travels there and works at the host). Renting and money are `leases`.
"""
