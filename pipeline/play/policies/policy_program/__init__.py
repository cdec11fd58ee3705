"""The program that clones three policies, packed and sent along.

It is `pipeline.play.policies.cloning` with the folder, the events and the checkpoints of a job
around it, so that policies learn the same wherever they do. What travels with it and what it needs
is named in `pipeline.play.policies.artifacts.policy_job`. How threads share a processor is as in
the detector's training.

Read `constants`, `main`, `checkpoints`.
"""
