"""What to label next, boxes to correct, and what became of them.

Read `annotation_batch` (the frames that go out), `candidates`, `looks` (runs a model), `scoring`,
`selection`, `batch_writer`, `chosen_preview`, and `prelabels` (boxes that go with the frames), then
`tasks` (how both become tasks of an annotation tool). Nothing here talks to an annotation tool.
"""
