"""Where a model comes from, and making its data again, with the store and the folders outside it.

Read `audit`, then `reproduce`. What is compared and judged is in `pipeline.release.lineage`.
"""
