"""The `outpost` command: parses, calls `assets.operations`, prints.

Read `app` (the commands), `commands` (those that come in groups), `context` (which game they are
about, and which resources they work with) and `output` (how errors and texts reach the terminal).
"""
