"""What to label next, boxes to correct, and what became of them.

Read `annotation_batch` (the frames that go out), `candidates`, `augmented_inference` (runs a
model), `scoring`, `selection`, `batch_writer`, `chosen_preview`; `prelabels` (boxes that go with
the frames) and `prelabelers` (what finds them); `tasks` (how both become tasks of an annotation
tool);
`corrections` (what people made of the boxes); `retrain_policy` (when that is worth a training).
Nothing here talks to an annotation tool.
"""
