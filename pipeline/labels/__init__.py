"""Labels: COCO and YOLO in and out, the merge of real and synthetic sets, splits, checks.

Read `boxes`, `formats`, `images` with `fingerprints`, `inspection`, `batches`, `synthetic`,
`splits`, `merge` with `coverage`, `training_set`, `leakage`, `preview`.
"""
