"""What the commands of `outpost community` carry out.

Read `contributors` (who has sent something, and who is withdrawn), `disputes` (what votes have not
settled), then `simulated_players` (players of the built-in game who are none).
"""
