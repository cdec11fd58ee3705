"""What players label together: contributions, votes on them, and what follows from the votes.

A vote is a label with a contributor; which crops there are and what they may show stands in the
game's pack (`pipeline.games.sections.community`). What leaves a player's computer is
`detector_runtime.contribute`; whether a label is believed is decided here.

Read `staged_crops` (what one contributor sent, as it was found to be), then `voted_crops` (what is
believed of all of them).
"""
