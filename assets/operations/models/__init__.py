"""What commands do with a model file and what it scores, whether or not it is in the store.

What a run of the asset graph does with one belongs to `assets.graph`. Read `evaluate`, then
`class_thresholds`.
"""
