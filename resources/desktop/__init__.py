"""The desktop in front of a player: its windows, screen, mouse and keys, and their recording.

Read `requirements` (what must be there), `windows` (which part is recorded, and whether it has the
focus; `x11` and `win32` for one system each), `listeners` (mouse and keys), `screen` (images and
the detector that looks at them) and `recorder` (all of it, into sessions). What is recorded of an
input, and as what, does not belong here: that is `pipeline.play.desktop`.
"""
