"""Three policies as a version that is published, and when everybody gets it.

Its files and their schema are the runtime's (`detector_runtime.policies.policy_model`). How
policies are trained and judged is `pipeline.play`, of which nothing is known here.

Read `policy_evidence` (how well they play), `policy_package` (the artifact), `policy_version` (what
is published), `policy_gates`.
"""
