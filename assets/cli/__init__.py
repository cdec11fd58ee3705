"""The `outpost` command: parses, calls `assets.operations`, prints.

`app` has the commands, `gpu` those of rented hosts; `output` prints errors and JSON, `progress`
shows how far long work is.
"""
