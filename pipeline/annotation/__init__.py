"""What to label next, boxes to correct, and what became of them.

Read `annotation_batch` (the frames that go out), `prelabels` (boxes that go with them),
`prelabelers` (what finds these) and `corrections` (what people made of them). Nothing here talks to
an annotation tool.
"""
