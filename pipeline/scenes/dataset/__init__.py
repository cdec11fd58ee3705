"""A synthetic set on disk: written in shards by any number of processes, read and checked.

Read `synthetic_set` (the artifact), `layout` (names of its files), `shard_writer` (one process at
work), `writer` (all processes of this computer), `shards` (the steps of several computers),
`sidecar`, `reader`, `checks`; `compile_loops` is a program of its own.
"""
