"""What a game's players label together, as assets: only for games whose pack has a community.

Read `contributions` (what each install has sent, checked), `community_model` (what is made of the
votes, and published). How anything is decided is `pipeline.community` and
`pipeline.release.community`.
"""
