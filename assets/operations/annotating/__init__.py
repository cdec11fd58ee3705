"""What the commands around annotation carry out.

Read `batch_choice` (what to label next), `prelabelling` (boxes to correct), `push_pull` (to the
annotation tool and back), then `retrain_check` (whether what came back is worth a training).
"""
