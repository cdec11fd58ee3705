"""What to label next, boxes to correct, and what became of them.

Read `annotation_batch` (the frames that go out) and `prelabels` (boxes that go with them), then
`tasks` (how both become tasks of an annotation tool). Nothing
here talks to an annotation tool, and detections come in as values.
"""
