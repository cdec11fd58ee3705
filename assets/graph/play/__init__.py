"""What is learned from play, as assets: only for games that are played.

Read `recordings` (sessions of play, checked), then `policies` (what learns from them, and how it
plays) and `published_policies`. How a session is recorded and judged is `pipeline.play`.
"""
