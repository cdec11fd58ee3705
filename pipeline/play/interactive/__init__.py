"""Games of a person against a scripted player, at the person's own pace, recorded.

Read `inputs` (what mouse and keys mean in the game) and `game` (one game, tick by tick). How a
person sees it, and where inputs come from, does not belong here: that is
`resources.interactive_play`.
"""
