"""Evaluation: detections against truth, with intervals, never blending real and synthetic.

Read `frames`, `matching`, `verdicts`, `detecting`, then the rooms `metrics`, `comparison` and
`reports`, `judging`, and `evaluation` (the artifact).
"""
