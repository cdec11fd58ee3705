"""What `outpost community` carries out: whose votes count, and what a person decides beside them.

Read `contributors`, then `settling_votes`. How votes are counted is `pipeline.community`.
"""
