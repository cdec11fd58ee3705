"""What players' votes come to, put together as a community model, and when everybody gets it.

Its files and their schema are the runtime's (`detector_runtime.classify.community_model`). How a
classifier is trained, and which labels are believed, is `pipeline.community`.

Read `known_names`, `evidence` (how good it is), `package` (the artifact), `parts` (how classifiers
get there), `new_version` (what is published), `community_gates`.
"""
