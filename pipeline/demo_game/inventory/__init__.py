"""The built-in game's inventory: icons, and the screens in which a player sees them.

Read `shapes` (signed distances), `icons` (what is drawn of them), `icon_catalogue` (all names and
their look-alikes), then `lettering` (text), `display` (a player's settings), `widgets` (slots and
panels), `screens` (what lies where) and `finishing` (blur, compression). Nothing here knows how
icons are recognized, and no code is shared with `pipeline.scenes`.
"""
