"""What the commands of `outpost play` carry out with policies that learn by playing.

Read `trained_policy` (one that learns by reinforcement), `league` (one that learns from itself, in
rounds) and `policy_benchmarks` (what they can). How they learn does not belong here: that is
`pipeline.play.arena`.
"""
