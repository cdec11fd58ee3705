"""Evaluation: detections against truth, with intervals, never blending real and synthetic."""
