"""What `outpost community` carries out: who contributes, and what votes have not settled.

Read `contributors` (looking at them, withdrawing, restoring), then `decisions` (what a person says
of images). What is counted is `pipeline.community`.
"""
