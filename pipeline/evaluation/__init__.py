"""Evaluation: detections against truth, with intervals, never blending real and synthetic.

Read `frames`, `matching`, `verdicts`, then the rooms `metrics`, `comparison` and `reports`, and
`evaluation` (the artifact).
"""
