"""Corrections from what a real reader of texts reads: RapidOCR, in an environment of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections import defaultdict
from datetime import date
from hashlib import sha256

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from pipeline.community.staged_crops import Contributions, StagedCrop
from pipeline.community.text_votes import TextVotingRules, count_text_votes, normalised
from pipeline.games.pack import load_pack

# It carries its models, and asks for neither of the others.
READER = ("rapidocr==3.10.0", "onnxruntime==1.32.0", "opencv-python-headless==5.0.0.93")
UNREACHABLE = ("error sending request", "Failed to fetch", "network was disabled", "dns error")
READ = """
import json, sys
from pathlib import Path
import cv2
from rapidocr import RapidOCR
engine, read = RapidOCR(), {}
for file in sorted(Path(sys.argv[1]).glob("*.png")):
    found = engine(cv2.imread(str(file)), use_det=False, use_cls=False, use_rec=True)
    read[file.stem] = found.txts[0] if found.txts else ""
Path(sys.argv[2]).write_text(json.dumps(read))
"""
SLOT = "ship_type"
INSTALLS, NEW_PLAYERS, NAMES = 6, 3, 16


def drawn(text: str, seed: int) -> Image.Image:
    """A name as small as interfaces write it, in colours of its own."""
    rng = np.random.default_rng(seed)
    size = int(rng.integers(6, 8))
    font = ImageFont.load_default(2 * size)
    width = int(font.getlength(text)) + 16
    ground, ink = (tuple(rng.integers(*span, 3).tolist()) for span in ((20, 70), (150, 220)))
    image = Image.new("RGB", (width, 3 * size), ground)
    ImageDraw.Draw(image).text((8, size // 3), text, ink, font)
    small = image.resize((width // 2, size * 3 // 2), Image.Resampling.BILINEAR)
    return small.filter(ImageFilter.GaussianBlur(float(rng.uniform(0.3, 0.6))))


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What is read of each name by each player, by "player name"."""
    place, uv = tmp_path_factory.mktemp("ocr"), shutil.which("uv")
    assert uv is not None, "uv makes the environment of the reader"
    subprocess.run([uv, "venv", "--quiet", "--python", "3.11", place / "venv"], check=True)
    python = place / "venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    install = [uv, "pip", "install", "--quiet", "--python", python, *READER]
    done = subprocess.run(install, capture_output=True, text=True)
    if any(sign in done.stderr for sign in UNREACHABLE):
        pytest.skip(f"the registry cannot be reached: {done.stderr.strip()[-300:]}")
    assert done.returncode == 0, done.stderr
    images = place / "images"
    images.mkdir()
    for player in range(INSTALLS + NEW_PLAYERS):
        for number, name in enumerate(names()):
            drawn(name, 100 * number + player).save(images / f"{player} {number}.png")
    ran = subprocess.run(
        [python, "-c", READ, images, place / "read.json"], capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stderr
    answers: dict[str, str] = json.loads((place / "read.json").read_text())
    return answers


def names() -> list[str]:
    community = load_pack("demo").community
    assert community is not None
    valid = sorted(community.text_slots[SLOT])
    # Those with letters that touch, and others.
    hard = [name for name in valid if "rn" in name or "ri" in name]
    return [*hard, *(name for name in valid if name not in hard)][:NAMES]


def upload(player: str, rows: list[tuple[str, str]]) -> Contributions:
    return Contributions(
        contributor=player,
        crops=tuple(
            StagedCrop(
                sha256=sha256(f"{player} {raw} {name}".encode()).hexdigest(),
                phash="0" * 16,
                kind="text",
                slot=SLOT,
                name=name,
                ml_name="" if raw == name else raw,
                date=date(2026, 11, 1),
                width=40,
                height=9,
            )
            for raw, name in rows
        ),
    )


@pytest.mark.slow
def test_what_players_corrected_is_read_right_for_others(read: dict[str, str]) -> None:
    valid = names()
    crowd = [
        upload(str(player), [(read[f"{player} {n}"], name) for n, name in enumerate(valid)])
        for player in range(INSTALLS)
    ]
    # One says of everything that it is the first name.
    everything = sorted({raw for raw in read.values() if raw and raw != valid[0]})
    crowd.append(upload("hostile", [(raw, valid[0]) for raw in everything]))
    votes = count_text_votes(crowd, {SLOT: valid}, TextVotingRules())
    corrections = {one.raw: one.text for one in votes if one.outcome == "corrected"}

    meant = defaultdict(set)
    for key, raw in read.items():
        meant[normalised(raw)].add(valid[int(key.split()[1])])
    assert corrections, "the reader makes errors, and the same ones again"
    assert all(meant[raw] == {text} for raw, text in corrections.items())
    assert not corrections.keys() & {*valid}

    new = [
        (normalised(read[f"{player} {n}"]), name)
        for player in range(INSTALLS, INSTALLS + NEW_PLAYERS)
        for n, name in enumerate(valid)
    ]
    before = sum(raw == name for raw, name in new)
    after = sum(corrections.get(raw, raw) == name for raw, name in new)
    print(f"{before} of {len(new)} read right, {after} with {len(corrections)} corrections")
    assert after > before
