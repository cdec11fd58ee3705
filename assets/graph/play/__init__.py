"""What is learned from play, as assets: only for games that are played.

Read `recordings` (sessions of play, checked). How a session is recorded and judged is
`pipeline.play`.
"""
