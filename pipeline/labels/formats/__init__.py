"""Labels of other programs: CVAT's COCO and YOLO's text files, in and out.

Read `cvat_export` (files of an export), `annotation_files` (what is written in them),
`frame_images` (what they show), `shapes` (a shape as a box), `label_names`, `coco`, `yolo`,
`yolo_export`; then `written_images`, `coco_writer`, `yolo_writer`. What is done with labels
afterwards is in `pipeline.labels`.
"""
