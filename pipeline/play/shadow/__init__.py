"""Shadow learning: policies that watch somebody play, and go on learning from it meanwhile.

Read `settings`, `moments` (what is watched, as examples), `learner` (trains on copies, keeps the
best), `trainer` (the process it runs in), `shadow` (what the player's loop holds), `agreement` (how
often policies would have done the same). Networks and how they are cloned at first do not belong
here: that is `pipeline.play.policies`.
"""
