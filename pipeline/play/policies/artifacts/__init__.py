"""Policies as artifacts: trained by a job on any host, and judged by playing.

Read `policy_job` (what a host is sent), `sessions` and `targets` (what was learned from, and what
should come of it), `event_files` (curves for TensorBoard), `trained_policies`, then `film_strip`,
`policy_evaluation` and `package_parts` (what is published). How policies learn and play does not
belong here: that is one floor up.
"""
