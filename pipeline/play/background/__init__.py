"""Policies that learn in the background of play: a process that trains, and weights that it gives.

Read `messages` (what the process is given and tells), `process` (what runs in it), `student` (one
policy that learns on a copy, with its checkpoints), `trainer` (what the player's loop holds) and
`exchange` (networks whose weights can be given anew). What is learned from does not belong here:
that is `pipeline.play.shadow` and `pipeline.play.online`.
"""
