"""What to label next, boxes to correct, and what became of them.

Read `annotation_batch` (the frames that go out), `prelabels` (boxes that go with them) and
`retrain_policy` (when what came back is worth a training). Nothing here talks to an annotation
tool, and detections come in as values.
"""
