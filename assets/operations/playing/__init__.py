"""What the commands of `outpost play` carry out.

Read `recorded_sessions` (sessions that are recorded, finished and played again). How a game goes
and what a session holds does not belong here: that is `pipeline.play`.
"""
