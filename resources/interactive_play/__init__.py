"""The built-in game on a page of this computer, for a person to play; what is done is recorded.

Read `screen` (what the page shows and sends, between three threads), `server` (the page, for who
has its address), `frame_renderer` (images of the game) and `play` (games in real time, into
sessions). What a click means does not belong here: that is `pipeline.play.interactive`.
"""
