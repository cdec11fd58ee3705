"""What a game's players label together, as assets: only for games whose pack has a community.

Read `contributions` (what each install has sent, checked), `votes` (what is believed of all of it),
then `classifiers` (networks that are trained on what the votes came to). How anything is decided is
`pipeline.community`.
"""
