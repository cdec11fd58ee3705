"""Policies that are cloned from play: a strategist, a tactician and an executor.

Read `settings`, `examples` (what each learns from), `networks`, `losses`, `checkpoints`, `training`
(one of them), `cloning` (all three, into a folder), `onnx_files`, and `judging` (how well they
play). What they are told of the game, and how they play without torch, is in
`detector_runtime.policies`. Recordings do not belong here: a policy learns from demonstrations.
"""
