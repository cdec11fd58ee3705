"""What to label next, boxes to correct, and what became of them.

What to label next: read `annotation_batch` (the frames that go out), `candidates`, `looks` (the one
file that runs a detector), `scoring`, `selection`, `batch_writer`, `chosen_preview`. Boxes to
correct: `prelabels`. Nothing here talks to an annotation tool.
"""
