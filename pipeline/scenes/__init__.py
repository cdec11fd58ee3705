"""Synthetic scenes: planned as data, rendered with an instance-id buffer, labelled from it.

Read `plan` (what a plan is), `sources` (what scenes are made of: sizes for planning, pixels for
rendering), `planning` (what stands where, a pure function of the seed and the image's index),
`rendering` (pixels and ids, and what is measured of them), `dataset` (a whole set on disk, written
in shards and checked) and `reports` (a written set for people). Real images do not belong here;
labels are `pipeline.labels`.
"""
