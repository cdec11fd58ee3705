"""What finds the boxes that people correct: back ends behind one protocol.

Read `base` (the protocol), `runtime` (our own model), `sprite_prompts` and `yoloe` (open
vocabulary, with sprites as prompts), `tiled` (any of them on parts of an image), then `frames`
(all frames of a batch). A hosted model is asked by `resources.dinox`.
"""
