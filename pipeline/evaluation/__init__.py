"""Evaluation: detections against truth, with intervals, never blending real and synthetic.

Read `frames`, `matching`, `verdicts`, `detecting`, then the rooms `metrics`, `comparison` and
`reports`, `judging`, and the artifacts `evaluation` and `class_thresholds`.
"""
