"""What a game's players label together, as assets: only for games whose pack has a community.

Read `contributions` (what each install has sent, checked), `votes` (what is believed of all of it),
`disputes` (what is not, to CVAT and back), `classifiers` (networks that are trained on what the
votes came to), then `community_model` (what programs get of it). How anything is decided is
`pipeline.community` and `pipeline.release.community`.
"""
