"""What players label together: contributions, votes on them, and what follows from the votes.

A vote is a label with a contributor; which crops there are and what they may show stands in the
game's pack (`pipeline.games.sections.community`). What leaves a player's computer is
`detector_runtime.contribute`; whether a label is believed is decided here.

Read `receiving` (what is taken of one contributor's uploads), `staged_crops` (what that comes to),
`withdrawn_installs` (whose votes count no longer), `votes` (how labels of near duplicates become
one), `voted_crops` (what that comes to), `dispute_batches` (what is not settled, to be decided in
an annotation tool), then `text_votes` and `text_corrections`, the same for texts. `crop_sheet`
shows what was sent.
"""
