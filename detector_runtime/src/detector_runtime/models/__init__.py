"""Back ends: what a model file answers to one image, whatever it is run with.

`base` is what all give; `onnx` with `onnx_layout` (which outputs are decoded), `torch` and `mock`
run them; `scale_guard` notices objects of a size that a model was not trained for. Images come
prepared from `geometry`.

Read `base`, `onnx`, `onnx_layout`. What becomes of the answers is `detector`.
"""
