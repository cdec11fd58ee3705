"""Networks whose weights can be given anew without opening them again."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from detector_runtime.policies.networks import ROLES, PolicyNetworks

from pipeline.play.background.messages import Weights
from pipeline.play.policies.onnx_files import onnx_file


def open_for_exchange(policies: Path) -> PolicyNetworks:
    """Policies whose weights can be given with each question (ONNX: inputs with defaults).

    To open others holds Python's lock for milliseconds each; this takes none.

    Raises:
        ModelLoadError: they are absent, damaged, or made for something else.
    """
    import onnx

    PolicyNetworks.load(policies)
    with tempfile.TemporaryDirectory() as folder:
        for role in ROLES:
            model = onnx.load(str(onnx_file(policies, role)))
            model.graph.input.extend(
                onnx.helper.make_tensor_value_info(one.name, one.data_type, one.dims)
                for one in model.graph.initializer
            )
            onnx.save(model, str(onnx_file(Path(folder), role)))
        return PolicyNetworks.load(folder)


def weights_of(file: Path) -> Weights:
    """The weights in an ONNX file, by name."""
    import onnx

    model = onnx.load(str(file))
    arrays = {one.name: onnx.numpy_helper.to_array(one) for one in model.graph.initializer}
    return {name: value for name, value in arrays.items() if value.dtype == np.float32}
