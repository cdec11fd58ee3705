"""What scenes are made of: sprites and backgrounds, their sizes for planning, pixels for drawing.

`catalogue` holds them for one process.
"""
