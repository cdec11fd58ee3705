"""`outpost play`: the built-in game as a game.

Read `playing` (the group, and games of scripted players) and `sessions` (games that are recorded,
played again, finished). How a game goes does not belong here:
that is `pipeline.play`.
"""
