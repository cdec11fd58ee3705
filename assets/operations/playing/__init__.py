"""What the commands of `outpost play`, and `outpost record`, carry out.

Read `recorded_sessions` (sessions that are recorded, finished, played again, judged and exported),
`recorded_desktop` (sessions of other games, on a desktop), `cloned_policies` (what learns from
play), `shadow_play` (what goes on learning while it watches), `online_play` (while it plays),
`corrected_policies`, `watched_games` (films) and `play_captures` (screenshots for a detector).
Games between scripted players are in `assets.operations.played_game`, policies that learn by
playing in `assets.operations.arena`; how a game goes and what a session holds does not belong here:
that is `pipeline.play`.
"""
