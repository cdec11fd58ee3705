"""What the commands of `outpost release` and `outpost deploy` carry out; publishing is an asset.

Read `published_kinds`, `promotion`, `release_keys`, `deploying`.
"""
