"""What people made of the boxes that a model gave them.

Read `returned_frames` (which frames have come back), `frame_corrections` (what changed in one),
`summary` (what changed in all, and how far the boxes sway people), `plot`, then
`label_corrections` (the artifact).
"""
