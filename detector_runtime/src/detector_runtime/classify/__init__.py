"""What an icon, a screen or a text shows, once its place is known.

Where it is, the detector says; whether a label is believed, the publisher of the model has decided.

Read `hashes` (by what two images are compared), `classifier`, `templates` with `confidence`, and
`knowledge`; then `chain`, which asks them in turn. `text` is for itself;
`community_model` is a folder with all of it.
"""
