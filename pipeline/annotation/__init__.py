"""What to label next, boxes to correct, and what became of them.

Read `annotation_batch` (the frames that go out), `candidates`, `looks` (runs a model), `scoring`,
`selection`, `batch_writer`, `chosen_preview`, and `prelabels` (boxes that go with the frames).
Nothing here talks to an annotation tool.
"""
