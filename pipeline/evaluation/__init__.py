"""Evaluation: detections against truth, with intervals, never blending real and synthetic.

Read `frames`, `matching`, `metrics` with `intervals`, `verdicts`, `report`, `conventions`,
`champion`, `drawing`, then `evaluation` (the artifact).
"""
