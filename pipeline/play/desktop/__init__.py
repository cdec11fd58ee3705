"""Play on a desktop as events of a session: what of screen, mouse and keys is recorded, and how.

Read `hot_keys` (when is recorded), `inputs` (which keys and clicks are), `sightings` (what the
detector sees, and which entity a click means) and `frame_files` (images of the screen). How screen,
mouse and keys are read does not belong here: that is `resources.desktop`.
"""
