"""The assets, a module for each part of the graph, from the game's files to the release.

Each holds factories that build a game's assets from its pack. What they have in common is `core`,
what is found out about them is `checks`.

Read `game`, `scenes`, `annotations`, `cvat_tasks`, `training`, `evaluation`, `release`, as the
graph runs; `community` and `play` are graphs of their own.
"""
