"""Reports: what is said and shown about a model's scores.

How a figure is computed belongs to `metrics`. Read `report` (the value), `conventions`, `tables`,
`drawing`.
"""
