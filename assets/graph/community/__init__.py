"""What a game's players label together, as assets: only for games whose pack has a community.

Read `contributions` (what each install has sent, checked), then `votes` (what is believed of all of
it). How anything is decided is `pipeline.community`.
"""
