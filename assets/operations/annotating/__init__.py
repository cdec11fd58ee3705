"""What the commands around annotation carry out.

Read `batch_choice` (what to label next), then `push_pull` (to the annotation tool and back).
"""
