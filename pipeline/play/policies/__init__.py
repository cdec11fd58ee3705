"""Policies that are cloned from play: a strategist, a tactician and an executor.

Read `settings`, `hindsight` (goals that nobody has stated), `examples` (what each learns from),
`networks`, `losses`, `checkpoints`, `following`, `training` (one of them), `cloning` (all three,
into a folder), `onnx_files`, and `judging` (how well they play); then `policy_program` and
`artifacts`: the same as a job on any host, and what is kept of it. What they are told of the game,
and how they play without torch, is in `detector_runtime.policies`. Recordings do not belong here: a
policy learns from demonstrations.
"""
