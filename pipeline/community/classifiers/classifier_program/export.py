"""The trained classifier as files: plain tensors, and an ONNX model that gives probabilities.

What the runtime expects of it stands in `detector_runtime.classify`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pipeline.jobs.program.outputs import Outputs

from .calibration import Calibration
from .constants import (
    ARCHITECTURE_KEY,
    CLASSES_KEY,
    CONFIDENCE_KEY,
    FACTS_KEY,
    FEATURES,
    INPUT_NAME,
    KIND_KEY,
    LINEAGE_PREFIX,
    ONNX_FILE,
    PROBABILITIES,
    SIZE_KEY,
    TEMPERATURE_KEY,
    WEIGHTS_FILE,
)
from .networks import features_of, head_of, normalized

OPSET = 17
PARITY_IMAGES = 8
LARGEST_DIFFERENCE = 1e-3
"""Between a probability of the weights and of the export."""


class ClassifierExportError(RuntimeError):
    """An export that answers otherwise than its weights."""


def export(
    job: dict[str, Any], network: Any, calibration: Calibration, samples: Any, outputs: Outputs
) -> None:
    """Write weights and ONNX model, the latter compared with the former.

    Args:
        network: on the CPU, not training.
        samples: float32 [n, 3, side, side], 0 to 1, at least one, to compare on.
    """
    outputs.event("stage", stage="export", message="Exporting ONNX")
    write_weights(job, network, outputs)
    with outputs.replacing(ONNX_FILE) as temporary:
        write_onnx(job, network, calibration, temporary)
        check_parity(temporary, answering(network, calibration.temperature), samples)


def write_weights(job: dict[str, Any], network: Any, outputs: Outputs) -> None:
    """The weights with their names, as later trainings take them over.

    What is told of them is one text, because safetensors 0.8.0 writes several in any order
    (https://github.com/safetensors/safetensors/issues/584), and equal weights are equal bytes.
    """
    from safetensors.torch import save_file

    tensors = {name: value.contiguous() for name, value in network.state_dict().items()}
    facts = {ARCHITECTURE_KEY: job["architecture"], CLASSES_KEY: list(job["classes"])}
    with outputs.replacing(WEIGHTS_FILE) as temporary:
        save_file(tensors, temporary, {FACTS_KEY: json.dumps(facts, sort_keys=True)})


def answering(network: Any, temperature: float) -> Any:
    """A module from images of 0 to 1 to probabilities and features of length 1."""
    import torch

    class Answering(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, images: Any) -> tuple[Any, Any]:
            features = features_of(self.network, normalized(images))
            logits = head_of(self.network)(features)
            length = features.norm(dim=1, keepdim=True).clamp(min=1e-12)
            return (logits / temperature).softmax(dim=1), features / length

    return Answering().eval()


def write_onnx(job: dict[str, Any], network: Any, calibration: Calibration, file: Path) -> None:
    """Write the ONNX model, with all in its metadata that a reader needs, and no date."""
    import onnx
    import torch

    side = job["input_side"]
    free = {0: "n"}
    torch.onnx.export(
        answering(network, calibration.temperature),
        (torch.zeros(2, 3, side, side),),
        str(file),
        input_names=[INPUT_NAME],
        output_names=[PROBABILITIES, FEATURES],
        dynamic_axes={INPUT_NAME: free, PROBABILITIES: free, FEATURES: free},
        opset_version=OPSET,
        dynamo=False,
    )
    model = onnx.load(str(file))
    onnx.helper.set_model_props(model, dict(sorted(metadata_of(job, calibration).items())))
    onnx.save(model, str(file))


def metadata_of(job: dict[str, Any], calibration: Calibration) -> dict[str, str]:
    """What the ONNX file says of itself."""
    side = job["input_side"]
    return {
        CLASSES_KEY: json.dumps(job["classes"], ensure_ascii=False),
        SIZE_KEY: f"{side},{side}",
        CONFIDENCE_KEY: str(calibration.min_confidence),
        KIND_KEY: job["kind"],
        ARCHITECTURE_KEY: job["architecture"],
        TEMPERATURE_KEY: str(calibration.temperature),
        "description": f"Classifier of {job['kind']}s of {job['game']}, trained with Outpost",
        **{f"{LINEAGE_PREFIX}{key}": str(value) for key, value in job["lineage"].items()},
    }


def check_parity(file: Path, module: Any, samples: Any) -> None:
    """Compare an export with its weights, where there is something to run it with.

    Raises:
        ClassifierExportError: they answer differently, or it does not run.
    """
    import torch

    try:
        import onnxruntime
    except ImportError:
        print("onnxruntime is not here to run the export; it was not compared")
        return
    few = samples[:PARITY_IMAGES].contiguous()
    with torch.inference_mode():
        expected = module(few)
    try:
        session = onnxruntime.InferenceSession(
            file.read_bytes(), providers=["CPUExecutionProvider"]
        )
        found = session.run([PROBABILITIES, FEATURES], {INPUT_NAME: few.numpy()})
    except Exception as error:  # onnxruntime's own types are not public
        raise ClassifierExportError(f"The export does not run: {error}") from error
    for name, ours, theirs in zip((PROBABILITIES, FEATURES), expected, found, strict=True):
        difference = float((ours - torch.from_numpy(theirs)).abs().max())
        if not difference <= LARGEST_DIFFERENCE:
            raise ClassifierExportError(
                f"{name} of the export differ from the weights' by {difference}"
            )
    print("The export answers as its weights do")
