"""An exported model: what it must be, that it answers as the weights do, and how fast it is.

Read `onnx_export` (the artifact), `contract`, `parity` (beside `torch_reference`, a process with
torch) and its `parity_sheet`. The export itself is made where the training runs:
`pipeline.training.detector_program`.
"""
