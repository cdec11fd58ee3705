"""`outpost play`: the built-in game as a game.

Read `playing` (the group, and games of scripted players), `cloning` (policies that learn from
play, and how well they play) and `correcting` (a strategist that learns from corrections). How a
game goes, and how policies are trained, does not belong here: that is `pipeline.play`.
"""
