"""A policy that learns by reinforcement: what it is given, what it chooses from, its network.

Read `layout` (what stands where in its input, and what it chooses from), `features` (what is known
as numbers), `episodes` (games of a learner against a mixture of opponents), `environments` (these
as one game for Gymnasium and as a batch for Stable-Baselines3), `network` and `policy` (torch),
`distillation` (how it begins as a copy of cloned policies). How a training goes is
`pipeline.play.arena.training`.
"""
