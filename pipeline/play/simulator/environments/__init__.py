"""The game as environments of Gymnasium and PettingZoo, to learn in.

Read `episodes` (games of a learner against a scripted player: actions, observations, rewards),
`single` (one game) and `vector` (thousands in a batch), then `perspective` (what every player knows
and does, as if it were the first) and `teams` (an agent for every player). What learns in them does
not belong here.
"""
