"""The built-in game's inventory: icons, and the screens in which a player sees them.

Read `shapes` (signed distances), `painting` (a tile of them), then the icons themselves (`weapons`,
`armour`, `treasures`, `abilities`); `icon_catalogue` names all of them and their look-alikes.
Nothing here knows how icons are recognized, and no code is shared with `pipeline.scenes`.
"""
