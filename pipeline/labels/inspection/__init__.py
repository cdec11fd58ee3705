"""What the frames of a batch tell beside their boxes: when they were captured, what looks wrong.

Read `capture_names`, `sessions`, `findings`, `tracks`.
"""
