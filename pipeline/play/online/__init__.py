"""Online learning: policies that go on learning from their own play, and go back when it harms.

Read `settings`, `outcomes` (what became of play, and to which act it is put down), `own_play`
(games as examples with returns), `advantage_learner` (one policy), `guard` (the sequential test),
`history` (what has happened), `learner` (all of it), `messages` (what its process is given and
tells), `online` (what the player's loop holds), `playing` (games against a scripted player),
`results` and `curves`. What the process is made of, and how policies are cloned, does not belong
here: that is `pipeline.play.background` and `pipeline.play.policies`.
"""
