"""`outpost play`: the built-in game as a game; `outpost record`: any game on a desktop.

Read `playing` (the group, and games of scripted players), `sessions` (games that are recorded,
played again, finished, judged, exported) and `desktop`. How a game goes does not belong here: that
is `pipeline.play`.
"""
