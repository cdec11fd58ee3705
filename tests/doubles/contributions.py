"""What players upload, made by hand: images, records, and a staging place in a dictionary."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
from PIL import Image

from pipeline.community.receiving.staged_files import StagedFile
from pipeline.games.sections.community import CommunityRules

RULES = CommunityRules(
    icon_slots=["weapon", "shield"],
    icons=["Iron Sword", "Steel Sword", "Round Shield"],
    text_slots={"title": ["Knight", "Baron"], "tier": []},
    private_slots=["player_name"],
    screen_types=["ARMOUR", "TRADE"],
)
TODAY = date(2026, 3, 10)
INSTALL = UUID("00000000-0000-4000-8000-000000000001")


def image_file(seed: int = 0, size: tuple[int, int] = (64, 64), **options: Any) -> bytes:
    """A PNG file of noise: RGB, of that width and height."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(coarse).resize(size).save(buffer, "PNG", **options)
    return buffer.getvalue()


def digest(content: bytes) -> str:
    return sha256(content).hexdigest()


@dataclass
class Uploads:
    """An install's folder, file by file; nothing is checked."""

    files: dict[str, bytes] = field(default_factory=dict)
    records: list[dict[str, Any]] = field(default_factory=list)

    def crop(self, content: bytes, name: str = "Iron Sword", **record: Any) -> str:
        """Upload a crop with its record, as an honest client does, and give its digest."""
        self.files[f"crops/{digest(content)}.png"] = content
        self.record(digest(content), name, **record)
        return digest(content)

    def record(self, crop: str, name: str = "Iron Sword", **others: Any) -> None:
        of_day = {"slot": "weapon", "date": str(TODAY)}
        self.records.append({"crop_sha256": crop, "name": name, **of_day, **others})

    def screen(self, content: bytes, screen_type: str = "ARMOUR") -> None:
        self.files[f"screen_types/{screen_type}/{digest(content)}.png"] = content

    @property
    def whole(self) -> Mapping[str, bytes]:
        """All files, with the records."""
        if not self.records:
            return self.files
        lines = "".join(f"{json.dumps(record)}\n" for record in self.records)
        return {"annotations.jsonl": lines.encode(), **self.files}

    def listed(self) -> Iterator[StagedFile]:
        for path, content in sorted(self.whole.items()):
            yield StagedFile(path, len(content), digest(content))

    def fetch(self, file: StagedFile) -> bytes | None:
        return self.whole.get(file.path)

    def write(self, folder: Path, install: UUID = INSTALL) -> None:
        """Put everything below `staging/` of a folder."""
        for path, content in self.whole.items():
            target = folder / "staging" / str(install) / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
