"""Sessions of play as files: what was known, done and achieved, each event at its own time.

Read `events` (what a session holds), `writer` and `reader` (one MCAP file a session), `recovery`
(sessions whose recording was interrupted), `simulated_play` (games of the simulator, recorded),
`replay` (the same game again, and what is learned from it), `quality` (what is wrong with
sessions), `session_images` (a session to look at), `export` (Parquet and Minari),
`recorded_session` (the artifact) and `chosen_sessions` (those that policies learn from). How
screen, mouse and keys of a desktop are read does not belong here, nor what learns from sessions.
"""
