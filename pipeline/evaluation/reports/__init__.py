"""Reports: what is said and shown about a model's scores.

How a figure is computed belongs to `metrics`. Read `report`, `conventions`, `tables`, `page`,
`history`, `gains`, `drawing`.
"""
