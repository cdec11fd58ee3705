"""What the commands of `outpost release` carry out; publishing itself is an asset.

Read `promotion`, `release_keys`.
"""
