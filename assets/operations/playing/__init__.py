"""What the commands of `outpost play`, and `outpost record`, carry out.

Read `recorded_sessions` (sessions that are recorded, finished, played again, judged and exported),
`recorded_desktop` (sessions of other games, on a desktop) and `cloned_policies` (what learns from
play). Games between scripted players are in `assets.operations.played_game`; how a game goes and
what a session holds does not belong here: that is `pipeline.play`.
"""
