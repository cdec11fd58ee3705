"""Classifiers of icons and of screens: what they learn from, how they learn, how good they are.

Which labels are believed is decided by the votes; how the runtime uses a classifier is
`detector_runtime.classify`; where a training runs is `resources.gpu`.

Read `split` and `dataset` (what is learned from), `job` with `classifier_program` (the training),
`answers` and `scoring` (how good it is), `comparison` (beside the one in use), `mistakes` (for
people), `manifest`, then the artifact `model` and `retraining` (whether there is enough new).
"""
