"""The built-in game as a game: two sides on a map, from a seed to an outcome.

Read `rules` (kinds, figures, what a player can do), `maps` (land, water, obstacles, ways around
them), `records` (what arrays of games hold), `games` (the state of many games as flat arrays),
`hand_made` (maps that somebody has drawn, and games that begin with a set-up), `tick_kernel` (one
tick of all of them, compiled), `observation` (what a player knows), `scripted` (players by script),
`player_kernel` (both, compiled), `matches` (scripted players against each other), `view` (a game
drawn by the demo game's renderer), `sheets` (its frames) and `environments` (Gymnasium). Policies
that learn, and recordings of people, do not belong here.
"""
