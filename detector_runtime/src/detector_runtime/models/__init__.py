"""Back ends: what a model file answers to one image, whatever it is run with.

`base` is what all give; `onnx` with `onnx_layout` (which outputs are decoded), `torch` and `mock`
run them; `training_scale` is what a file says of the size at which it learned things, and
`scale_guard` notices things of another size. Images come prepared from `geometry`.

Read `base`, `onnx`, `onnx_layout`. What becomes of the answers is `detector`.
"""
