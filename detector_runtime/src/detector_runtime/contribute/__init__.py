"""What a player's confirmed labels become before they leave the computer, and how they leave it.

    from detector_runtime.contribute.contributor import Contributor

    contributor = Contributor(folder, rules, "s3://bucket/prefix", consent=player_said_yes)
    contributor.confirm(screenshot, box, slot="weapon", name="Iron Sword")

Read `records` (what is uploaded, and under which keys), `rules` (what may be), `crops` (how an
image is cut out), `queue` (what waits and was sent, on the disk), `stores` (where it goes to),
`uploading` (one upload), then `contributor`, which has all that a program calls.
"""
