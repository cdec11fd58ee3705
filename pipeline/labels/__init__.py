"""Labels: COCO and YOLO in and out, the merge of real and synthetic sets, splits, checks.

Read `boxes`, `formats`, `images` with `fingerprints`, `portable_names`, `inspection`, `batches`,
`comparing`, `synthetic`, `splits`, `merge` with `coverage` and `rule_effects`, `training_set`,
`reports`.
"""
