"""Training a policy by reinforcement, from Python.

Read `config` (what is trained, and how), `api` (the function, and what it returns), `run` (one
training), `start` (what it begins as), `callbacks` (what happens on the way), `self_play`
(opponents that are the policy as it was), `state` (all that going on takes), `history` (what is
told, and the curves), `logs` (TensorBoard, Weights & Biases) and `zip_files` (for
Stable-Baselines3). What learns is `pipeline.play.arena.learner`.
"""
