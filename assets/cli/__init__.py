"""The `outpost` command: parses, calls `assets.operations`, prints.

Read `app` (the commands), `gpu`, `batches`, `cvat`, `annotate`, `thresholds` and `releases` (those
of rented hosts, exports, CVAT, what to label next, confidences of classes, and published models),
`context` (which game they are about, and which resources they work with) and `output` (how errors
and texts reach the terminal).
"""
