"""A synthetic set on disk: written in shards by any number of processes, read and checked.

Read `layout` (what the folder holds), `shard_writer` (one process at work), `writer` (all processes
of this computer), `shards` (the steps of several computers), `sidecar`, `reader`, `checks`.
"""
