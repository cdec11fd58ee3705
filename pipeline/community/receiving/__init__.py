"""What of one contributor's uploads is taken, and why the rest is not.

Nothing that a client states is believed: neither digests nor sizes nor dates nor names. Work and
memory for one contributor are limited, whatever was uploaded; what is refused is counted by reason.

Read `refusals` (the reasons and the limits), `staged_files` (which keys can be something),
`records` (the lines of `annotations.jsonl`), `images` (one file's bytes), then `receive` (all of
it). Where uploads lie is not known here: that is `resources.contributions`.
"""
