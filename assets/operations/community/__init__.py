"""What `outpost community` carries out: whose votes count, and what a person decides beside them.

Read `contributors`, `settling_votes`, `dispute_batches` (the same by way of CVAT), then
`simulated_players` (those of the built-in game). How votes are counted is `pipeline.community`.
"""
