"""Images on which contributors disagree, as batches that go to an annotation tool and come back.

A batch holds the images whose decision is worth most; in the tool each is a frame with a tag to
correct. Deciding from a folder, without such a tool, is `pipeline.community.votes.disputes`; what a
decision does to the votes is `pipeline.community.votes.voting`. Talking to the tool is the matter
of `resources.cvat`.

Read `dispute_batch` (the artifact), `choosing` (which images go into it), `tag_labels` (how names
become labels), then `settling` (what tags decide) and `settled_disputes` (the artifact of that).
`batch_sheet` shows a batch.
"""
