"""Games of policies against each other and against players by script.

Read `models` (whatever has learned in the environments, as a player), `players` (who is meant by a
name or a path) and `evaluation` (how often one wins, with intervals).
"""
