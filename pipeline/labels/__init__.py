"""Labels: COCO and YOLO in and out, the merge of real and synthetic sets, splits, checks."""
