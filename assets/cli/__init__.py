"""The `outpost` command: parses, calls `assets.operations`, prints.

Read `app` (the commands), `gpu` (those of rented hosts), `context` (which resources they work with)
and `output` (how errors and texts reach the terminal).
"""
