"""What an icon or a screen shows, once its place is known.

Read `hashes`: by what two images are compared.
"""
