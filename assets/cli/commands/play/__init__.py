"""`outpost play`: the built-in game as a game.

Read `playing` (the group, and games of scripted players), `sessions` (games that are recorded,
played again, finished, judged, exported) and `cloning` (policies that learn from play, and how well
they play). How a game goes, and how policies are trained, does not belong here: that is
`pipeline.play`.
"""
