"""What the commands of `outpost play`, and `outpost record`, carry out.

Read `recorded_sessions` (sessions that are recorded, finished, played again, judged and exported)
and `recorded_desktop` (sessions of other games, on a desktop). How a game goes
and what a session holds does not belong here: that is `pipeline.play`.
"""
