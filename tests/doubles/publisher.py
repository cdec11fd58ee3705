"""Publishes small models, signed, as a publisher lays them out: see `detector_runtime.updates`.

It knows no rules: it can publish what no publisher should.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from detector_runtime.bundle import BundleManifest, FileDigest, IoContract, ThresholdTable
from detector_runtime.updates.documents import (
    ChannelPointer,
    Envelope,
    KeySet,
    Manifest,
    classes_digest,
    signed_bytes,
    version_folder,
)
from detector_runtime.updates.signatures import SigningKey, sign
from onnx import TensorProto, helper, numpy_helper

NAMES = ("sheep", "villager")
SIDE = 64


def small_model(mark: float, names: tuple[str, ...] = NAMES, padding: int = 0) -> bytes:
    """An ONNX file that finds one sheep whose left edge is at `mark`, whatever it sees.

    Args:
        mark: in pixels, below 32.
        names: its classes.
        padding: so many bytes more.
    """
    rows = np.array([[[mark, 8, mark + 16, 24, 0.9, 0], [0, 0, 1, 1, 0, 0]]], np.float32)
    nodes = [
        helper.make_node("ReduceMean", ["images"], ["mean"], keepdims=0),
        helper.make_node("Mul", ["mean", "zero"], ["nothing"]),
        helper.make_node("Add", ["rows", "nothing"], ["output0"]),
    ]
    graph = helper.make_graph(
        nodes,
        "constant",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, SIDE, SIDE])],
        [helper.make_tensor_value_info("output0", TensorProto.FLOAT, [1, 2, 6])],
        [
            numpy_helper.from_array(rows, "rows"),
            numpy_helper.from_array(np.float32(0), "zero"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 8
    model.metadata_props.add(key="names", value=str(dict(enumerate(names))))
    model.metadata_props.add(key="padding", value="x" * padding)
    content: bytes = model.SerializeToString()
    onnx.load_model_from_string(content)
    return content


def bundle_files(version: str, model: bytes, names: tuple[str, ...] = NAMES) -> dict[str, bytes]:
    """A bundle around a model: content by file name."""
    digest = FileDigest(sha256=hashlib.sha256(model).hexdigest(), size=len(model))
    manifest = BundleManifest(
        name="blocks",
        version=version,
        files={"model.onnx": digest},
        io=IoContract(input_size=(SIDE, SIDE), output_shape=(2, 6)),
        classes=names,
        thresholds=ThresholdTable(default=0.5),
    )
    return {"model.onnx": model, "bundle.json": manifest.to_json().encode()}


@dataclass
class Publisher:
    """A folder below which a model is published.

    Attributes:
        folder: the prefix of the model.
        name: of the model.
        root, release: the keys of the current set.
        epoch: of the keys.
        now: when what is published next is issued.
    """

    folder: Path
    name: str = "blocks"
    root: SigningKey = field(default_factory=SigningKey.generate)
    release: SigningKey = field(default_factory=SigningKey.generate)
    epoch: int = 1
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    versions: int = 0
    moves: int = 0

    def __post_init__(self) -> None:
        self._write_keys(self.root)

    @property
    def keys_file(self) -> Path:
        """What a program that is shipped now brings along."""
        return self.folder / "keys.json"

    @property
    def channel_file(self) -> Path:
        return self.folder / "channels" / "champion.json"

    def publish(self, mark: float, *, names: tuple[str, ...] = NAMES, padding: int = 0) -> str:
        """Publish a model and offer it; its folder."""
        version = self.add(small_model(mark, names, padding), names=names)
        self.offer(version)
        return version

    def add(
        self,
        model: bytes,
        *,
        names: tuple[str, ...] = NAMES,
        key: SigningKey | None = None,
        files: dict[str, bytes] | None = None,
        **changes: Any,
    ) -> str:
        """Publish a version that no channel offers; its folder."""
        self.versions += 1
        label = f"1.{self.versions}"
        contents = bundle_files(label, model, names) if files is None else files
        fields: dict[str, Any] = {
            "name": self.name,
            "version": label,
            "sequence": self.versions,
            "created_at": self.now,
            "trained_at": self.now,
            "files": {
                name: FileDigest(sha256=hashlib.sha256(content).hexdigest(), size=len(content))
                for name, content in contents.items()
            },
            "classes": names,
            "classes_sha256": classes_digest(names),
            "input": {},
            "licence": "CC0-1.0",
            "min_runtime": "0.1.0",
        }
        manifest = sign(Manifest.model_validate(fields | changes), key or self.release)
        version = version_folder(manifest)
        folder = self.folder / "versions" / version
        for name, content in contents.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
        (folder / "manifest.json").write_bytes(manifest.to_bytes())
        return version

    def offer(self, version: str, *, key: SigningKey | None = None, **changes: Any) -> None:
        """Move the channel to a version."""
        self.moves += 1
        manifest = self.folder / "versions" / version / "manifest.json"
        digest = (
            hashlib.sha256(manifest.read_bytes()).hexdigest() if manifest.exists() else "0" * 64
        )
        fields: dict[str, Any] = {
            "name": self.name,
            "channel": "champion",
            "sequence": self.moves,
            "version": version,
            "manifest_sha256": digest,
            "keys_epoch": self.epoch,
            "issued_at": self.now,
            "expires_at": self.now + timedelta(days=30),
            "reason": "better",
            "actor": "somebody",
        }
        pointer = sign(ChannelPointer.model_validate(fields | changes), key or self.release)
        self.channel_file.parent.mkdir(exist_ok=True)
        self.channel_file.write_bytes(pointer.to_bytes())

    def rotate(self, *, signed_by: SigningKey | None = None) -> None:
        """Have other keys count, all of them, signed by the root key before and their own."""
        before, self.root = self.root, SigningKey.generate()
        self.release = SigningKey.generate()
        kept = self.folder / "keys" / f"{self.epoch:06d}.json"
        kept.parent.mkdir(exist_ok=True)
        kept.write_bytes(self.keys_file.read_bytes())
        self.epoch += 1
        self._write_keys(signed_by or before, self.root)

    def _write_keys(self, *signers: SigningKey) -> None:
        keys = KeySet(
            name=self.name,
            epoch=self.epoch,
            root_keys={self.root.id: self.root.public},
            release_keys={self.release.id: self.release.public},
            issued_at=self.now,
        )
        self.folder.mkdir(parents=True, exist_ok=True)
        self.keys_file.write_bytes(sign(keys, *signers).to_bytes())


def unsigned(file: Path, **changes: Any) -> None:
    """Change fields of a document and take its signatures off."""
    signed = json.loads(file.read_bytes())["signed"] | changes
    file.write_text(json.dumps({"signatures": [], "signed": signed}))


def signed_again(file: Path, key: SigningKey, **changes: Any) -> None:
    """Change fields of a document and sign it with a key."""
    kinds = {"keys": KeySet, "manifest": Manifest, "channel": ChannelPointer}
    signed = json.loads(file.read_bytes())["signed"] | changes
    document: Any = kinds[signed["type"]].model_validate(signed)
    content = signed_bytes(document)
    file.write_bytes(Envelope(document, content, (key.sign(content),)).to_bytes())
