"""The game as environments of Gymnasium, to learn in.

Read `episodes` (games of a learner against a scripted player: actions, observations, rewards),
`single` (one game) and `vector` (thousands in a batch). What learns in them does not belong here.
"""
