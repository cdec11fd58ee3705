"""What a player's confirmed labels become before they leave the computer.

Read `records`: what is uploaded, and under which keys.
"""
