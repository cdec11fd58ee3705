"""Commands that come in groups, a file for each group; those without one are in `app`.

Read `gpu`, `batches`, `cvat`, `annotate`, `thresholds`, `lineage` (audit and reproduce),
`artifacts`, `releases`, `deploy`, and the folder `play`.
"""
