"""The export as an artifact: the model with what was checked of it."""

from __future__ import annotations

import shutil
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.errors import OutpostError
from pipeline.export.contract import ContractReport, check_onnx_contract, open_session
from pipeline.export.parity import ParityReport, answers_of, compare, require_parity
from pipeline.export.parity_sheet import parity_sheet
from pipeline.files import read_json, write_json
from pipeline.subsampling import spread_over

MODEL_FILE = "model.onnx"
CONTRACT_FILE = "contract.json"
PARITY_FILE = "parity.json"
SHEET_FILE = "parity.jpg"
PARITY_IMAGES = 8
LATENCY_RUNS = 10
MATERIALIZE_AGAIN = "Materialize onnx_export again."


class OnnxExportError(OutpostError):
    """A folder that holds no export, or not all of it."""


@dataclass(frozen=True)
class OnnxExport:
    """The artifact of `onnx_export`.

    model.onnx      the model
    contract.json   what it takes and gives, and where it comes from
    parity.json     how far its answers are from those of the weights
    parity.jpg      both on the same images, for people; exports of before have none
    """

    folder: Path
    contract: ContractReport
    parity: ParityReport

    @classmethod
    def open(cls, folder: Path) -> OnnxExport:
        """Read what `write` wrote.

        Raises:
            OnnxExportError: a file is missing, damaged, or of another version.
        """
        export = cls(
            folder,
            read_json(folder / CONTRACT_FILE, ContractReport, _damaged),
            read_json(folder / PARITY_FILE, ParityReport, _damaged),
        )
        size = export.model.stat().st_size if export.model.is_file() else 0
        if size != export.contract.bytes:
            raise OnnxExportError(
                f"{export.model} has {size} bytes instead of {export.contract.bytes}.",
                MATERIALIZE_AGAIN,
            )
        return export

    @classmethod
    def write(
        cls,
        folder: Path,
        exported: Path,
        weights: Path,
        class_names: Sequence[str],
        images: Sequence[Path],
    ) -> OnnxExport:
        """Copy an exported model, unless the runtime could not trust it.

        Args:
            folder: empty.
            exported: the ONNX file.
            weights: that it was exported from.
            class_names: of the game pack, in the order of their ids.
            images: real frames; on some of them weights and export are compared.

        Raises:
            OnnxContractError: another layout, other classes, or the wrong head.
            ParityError: it answers otherwise than the weights.
        """
        model = folder / MODEL_FILE
        shutil.copyfile(exported, model)
        contract = check_onnx_contract(model, class_names)
        write_json(folder / CONTRACT_FILE, contract.model_dump(mode="json"))
        answers = answers_of(weights, model, spread_over(images, PARITY_IMAGES))
        parity = compare(answers.weights, answers.export)
        (folder / SHEET_FILE).write_bytes(parity_sheet(answers, class_names))
        write_json(folder / PARITY_FILE, parity.model_dump(mode="json"))
        require_parity(parity)
        return cls(folder, contract, parity)

    @property
    def model(self) -> Path:
        """The ONNX file."""
        return self.folder / MODEL_FILE

    def sheet(self) -> bytes | None:
        """A JPEG of weights and export on the same images; None of exports of before."""
        file = self.folder / SHEET_FILE
        return file.read_bytes() if file.is_file() else None

    def latency_ms(self) -> float:
        """Median milliseconds of one image on this machine's CPU, after one to warm up."""
        session = open_session(self.model)
        images = {self.contract.input_name: np.zeros((1, 3, *self.contract.imgsz), np.float32)}
        seconds = []
        for _ in range(1 + LATENCY_RUNS):
            began = time.perf_counter()
            session.run(None, images)
            seconds.append(time.perf_counter() - began)
        return statistics.median(seconds[1:]) * 1000


def _damaged(file: Path, why: Exception) -> OnnxExportError:
    return OnnxExportError(f"{file} does not belong to a whole export: {why}", MATERIALIZE_AGAIN)
