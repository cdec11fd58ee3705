"""`outpost play`: the built-in game as a game.

Read `playing` (the group, and games of scripted players), `cloning` (policies that learn from
play, and how well they play) and `shadowing` (policies that go on learning while they watch).
How a game goes, and how policies are trained, does not belong here: that is `pipeline.play`.
"""
