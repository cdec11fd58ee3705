"""Labels of other programs: CVAT's COCO exports in, YOLO's text files in and out.

Read `cvat_export` (files of an export), `shapes` (a shape as a box), `coco`, `yolo`. What is done
with labels afterwards is in `pipeline.labels`.
"""
