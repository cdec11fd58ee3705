"""The `outpost` command: parses, calls `assets.operations`, prints.

Read `app` (the commands), `gpu`, `batches` and `cvat` (those of rented hosts, of exports and of
CVAT), `context` (which resources they work with) and `output` (how errors and texts reach the
terminal).
"""
