"""Simulated players who contribute: what each of them sees, confirms and uploads.

Read `labelling` (kinds of players, and how each labels), `misreadings` (what an OCR had read
before), `player` (one install, from its screens to its uploads) and `malformed` (what no client
would send). Who plays, and what truly was to be seen, is `pipeline.demo_game.contributors`.
"""
