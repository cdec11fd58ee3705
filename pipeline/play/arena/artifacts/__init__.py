"""What the arena's assets are made of: folders that are written whole and read back.

Read `arena_policy` (a policy that has learned by playing), `arena_league` (rounds of it against
itself), `arena_ratings` (everybody by all games) and `arena_benchmarks` (what the last one can).
Each takes a working folder besides: what was begun there and interrupted is gone on with.
"""
