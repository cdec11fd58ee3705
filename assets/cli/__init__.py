"""The `outpost` command: parses, calls `assets.operations`, prints.

Read `app` (the commands), `gpu` and `batches` (those of rented hosts and of exports), `context`
(which resources they work with) and `output` (how errors and texts reach the terminal).
"""
