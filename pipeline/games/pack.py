"""The model of a game pack, and how one is found and read.

A pack is a folder of YAML files, one per section of `GamePack`: `pack.yaml` holds the sections that
are short, and `classes.yaml`, `sprites.yaml`, `terrain.yaml`, `scenes.yaml`, `merge.yaml` and
`training.yaml` one section each. A section may stand in `pack.yaml` instead, never in both.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from pipeline.errors import OutpostError
from pipeline.games.patterns import NamePattern

PACKS_FOLDER = Path(__file__).parent
SECTION_FILES = ("classes", "sprites", "terrain", "scenes", "merge", "training")

Scene = Literal["land", "water", "both"]
Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
Range = tuple[float, float]
CountRange = tuple[int, int]


class PackError(OutpostError):
    """A game pack that cannot be found, read or trusted."""


class Section(BaseModel):
    """Base of every part of a pack: read-only, and a misspelt key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class GameClass(Section):
    """One class of the detector."""

    id: int = Field(ge=0, description="Index in the model's output; ids run from 0 without gaps.")
    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    group: str = Field(description="What the class belongs to in reports, for example 'economy'.")
    scene: Scene = Field("land", description="The kind of scene in which it may stand.")
    has_sprites: bool = Field(
        True, description="False when the class is learned from annotations alone."
    )


class SpriteRule(Section):
    """Which of the game's files show a class, and which of their frames are taken."""

    class_name: str = Field(description="The class, or 'distractor' for unlabelled things.")
    include: list[NamePattern] = Field(
        min_length=1,
        description="Patterns over file names without suffix; see `pipeline.games.patterns`.",
    )
    exclude: list[NamePattern] = Field([], description="Patterns taken out again.")
    parts: list[NamePattern] = Field(
        [],
        description="Files drawn over it as one sprite, in this order; '<stem>' stands for its own "
        "name, and a pattern that several files match gives as many variants.",
    )
    headings: int = Field(4, ge=1, le=64, description="How many headings, evenly spread.")
    steps: int = Field(1, ge=1, description="How many animation steps of each heading.")


class SpriteRules(Section):
    """Where sprites lie in the game's folder and what they show."""

    folder: str = Field(description="Relative to the game's folder.")
    suffix: str = Field(".sld", description="Of the sprite files.")
    exclude: list[NamePattern] = Field([], description="Patterns that no class may take.")
    apart: dict[str, list[NamePattern]] = Field(
        {}, description="Groups of files that are known and left aside, such as an expansion's."
    )
    rules: list[SpriteRule]
    palette: str | None = Field(
        None, description="File with the team colours, relative to the game's folder."
    )


class TerrainChoice(Section):
    """Terrain textures by name and how often they are used."""

    include: str = Field(description="Glob pattern over file names without suffix.")
    weight: float = Field(1.0, gt=0.0)


class Softening(Section):
    """How a texture is brought to the look that it has in the game."""

    zoom: Range = Field((1.0, 1.6), description="Enlargement of the texture.")
    blend_probability: Fraction = Field(0.35, description="Two textures with a soft border.")
    blend_band: Fraction = Field(0.4, description="Width of that border, of the picture's side.")
    blur: Range = Field((0.6, 1.6), description="Sigma in pixels of the mild blur.")
    soft_fraction: Fraction = Field(0.35, description="How many pictures get the heavy blur.")
    soft_blur: Range = Field((5.0, 9.0), description="Sigma in pixels of the heavy blur.")
    brightness: Range = (0.85, 1.08)
    contrast: Range = (0.8, 1.0)
    saturation: Range = (0.65, 1.0)


class TerrainRules(Section):
    """Terrain textures and the backgrounds made from them."""

    folder: str = Field(description="Relative to the game's folder.")
    suffix: str = ".dds"
    land: list[TerrainChoice] = Field(min_length=1)
    water: list[TerrainChoice] = Field(min_length=1)
    exclude: list[str] = Field([], description="Patterns never used as a background.")
    min_luminance: float = Field(20.0, ge=0, le=255, description="Darker textures are left out.")
    land_count: int = Field(200, ge=1, description="Land backgrounds to make.")
    water_count: int = Field(60, ge=1, description="Water backgrounds to make.")
    softening: Softening = Softening()
    seed: int = 42


class PlacementRule(Section):
    """How one class is placed in a scene."""

    class_name: str = Field(description="The class, or 'distractor'.")
    count: CountRange = Field((0, 1), description="Fewest and most in one scene, both possible.")
    scale: Range = Field((1.0, 1.0), description="Jitter around the scene's zoom.")
    max_overlap: Fraction = Field(
        0.35, description="Of its own box that another object may share when it is placed."
    )
    margin: int = Field(0, description="Pixels kept from the edge; negative lets it be cut.")
    spacing: float = Field(0.0, ge=0.0, description="Least distance in pixels to its own class.")
    oversample: float = Field(1.0, gt=0.0, description="Factor on the count of a rare class.")
    recolour: bool = Field(True, description="Paint its player-colour area in a team colour.")


class OverlayRules(Section):
    """What the game's interface draws over a scene; probabilities per object or per scene."""

    selection: Fraction = Field(0.15, description="Selection ellipse under a unit.")
    health_bar: Fraction = Field(0.20, description="Health bar above a unit.")
    hud: Fraction = Field(0.20, description="Interface panels of a scene.")
    resource_bar: Fraction = Field(0.5, description="Bar along the top, when there are panels.")
    minimap: Fraction = Field(0.5, description="Map in a lower corner, when there are panels.")
    command_panel: Fraction = Field(0.5, description="Panel along the bottom, likewise.")
    fog: Fraction = Field(0.3, description="Dimmed corners.")


class LabelPolicy(Section):
    """Which objects of a drawn scene become labels, and with which box."""

    box: Literal["visible", "full"] = Field("visible", description="Extent that is labelled.")
    min_visible: Fraction = Field(0.3, description="Drop objects of which less is visible.")
    min_side: int = Field(6, ge=1, description="Drop boxes with a shorter side, in pixels.")


class SceneRules(Section):
    """How synthetic scenes are composed."""

    width: int = Field(1280, ge=64, le=8192)
    height: int = Field(720, ge=64, le=8192)
    images: int = Field(3000, ge=1, description="Pictures in the set.")
    train_fraction: Fraction = Field(0.8, description="Of the pictures, for training.")
    seed: int = Field(42, ge=0)
    gated: bool = Field(True, description="Keep water classes on water; False mixes as of old.")
    water_fraction: Fraction = Field(0.15, description="Scenes on water.")
    zoom: Range = Field((1.0, 1.0), description="One zoom for a whole scene.")
    attempts: int = Field(50, ge=1, description="Tries to find room for an object.")
    placements: list[PlacementRule] = Field(min_length=1)
    overlays: OverlayRules = OverlayRules()
    shadow_opacity: Fraction = Field(0.6, description="Of the sprites' own shadow layer.")
    labels: LabelPolicy = LabelPolicy()
    jpeg_quality: int = Field(90, ge=1, le=100)


class MergeRules(Section):
    """How real batches and the synthetic set become a training set."""

    validation_fraction: Fraction = Field(0.15, description="Of the real groups of frames.")
    seed: int = 42
    split: Literal["session", "legacy"] = Field(
        "session", description="Whole sessions apart, or single frames (legacy, leaks)."
    )
    oversample_real: int = Field(10, ge=1, description="Times a real frame is listed.")
    held_out: list[str] = Field(
        ["heldout_*"], description="Patterns of batches that serve evaluation alone."
    )
    unlabelled: Literal["drop", "background"] = Field(
        "drop",
        description="Frames without any annotation: not annotated yet, or truly empty background.",
    )


class TrainingRules(Section):
    """What this game changes in the training defaults; see `pipeline.training.job`."""

    hyperparameters: dict[str, Any] = {}


class ThresholdRules(Section):
    """Confidence from which a detection counts."""

    default: Fraction = 0.35
    per_class: dict[str, Fraction] = {}


class GamePack(Section):
    """Everything that Outpost knows of one game."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    title: str
    drawn: bool = Field(False, description="True when Outpost draws the game's files itself.")
    install_folders: list[str] = Field([], description="Where the game is usually installed.")
    classes: list[GameClass] = Field(min_length=1)
    sprites: SpriteRules
    terrain: TerrainRules
    scenes: SceneRules
    merge: MergeRules = MergeRules()
    training: TrainingRules = TrainingRules()
    thresholds: ThresholdRules = ThresholdRules()

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names in the order of their ids: index i is class i of the model."""
        return tuple(known.name for known in sorted(self.classes, key=lambda known: known.id))

    def class_named(self, name: str) -> GameClass | None:
        return next((known for known in self.classes if known.name == name), None)

    @model_validator(mode="after")
    def _classes_are_numbered(self) -> Self:
        ids = sorted(known.id for known in self.classes)
        if ids != list(range(len(ids))):
            raise ValueError(f"class ids must run from 0 to {len(ids) - 1}, each once; got {ids}")
        repeated = [name for name, n in Counter(c.name for c in self.classes).items() if n > 1]
        if repeated:
            raise ValueError(f"class names must be unique; repeated: {repeated}")
        return self

    @model_validator(mode="after")
    def _names_are_known(self) -> Self:
        known = {*self.class_names, "distractor"}
        used = {
            "sprites.rules": [rule.class_name for rule in self.sprites.rules],
            "scenes.placements": [rule.class_name for rule in self.scenes.placements],
            "thresholds.per_class": list(self.thresholds.per_class),
        }
        for place, names in used.items():
            unknown = sorted(set(names) - known)
            if unknown:
                raise ValueError(f"{place} names classes that classes.yaml lacks: {unknown}")
        return self


def pack_names() -> tuple[str, ...]:
    """Names of the packs that come with Outpost."""
    folders = (file.parent for file in PACKS_FOLDER.glob("*/pack.yaml"))
    return tuple(sorted(folder.name for folder in folders))


def load_pack(name_or_path: str | Path) -> GamePack:
    """Read a pack by its name or from a folder.

    Raises:
        PackError: no such pack, unreadable YAML, or a value that the model refuses; the text names
            the file, the key and what to write there.
    """
    folder = _pack_folder(name_or_path)
    content = _read_yaml(folder / "pack.yaml")
    for section in SECTION_FILES:
        file = folder / f"{section}.yaml"
        if not file.is_file():
            continue
        if section in content:
            raise PackError(
                f"{folder / 'pack.yaml'}: '{section}' also stands in {file.name}.",
                "Keep it in one of the two files.",
            )
        content[section] = _read_yaml(file, section)
    try:
        return GamePack.model_validate(content)
    except ValidationError as error:
        raise PackError(_explain(error, folder), "Correct the value and run again.") from error


def _pack_folder(name_or_path: str | Path) -> Path:
    for folder in (PACKS_FOLDER / str(name_or_path), Path(name_or_path)):
        if (folder / "pack.yaml").is_file():
            return folder
    raise PackError(
        f"There is no game pack '{name_or_path}'.",
        f"Use one of {', '.join(pack_names())}, or the path of a folder with a pack.yaml.",
    )


def _read_yaml(file: Path, section: str | None = None) -> Any:
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise PackError(f"{file} is not YAML: {error}", "Mend the file at that line.") from error
    except UnicodeDecodeError as error:
        raise PackError(f"{file} is not UTF-8 text.", "Save the file as UTF-8.") from error
    if section is None and not isinstance(content, dict):
        raise PackError(f"{file} holds no keys.", "Write 'name: ...' and the other keys there.")
    return content


def _explain(error: ValidationError, folder: Path) -> str:
    """One line per problem: the file, the key within it and what pydantic expected."""
    lines = []
    for problem in error.errors():
        location = [str(part) for part in problem["loc"]]
        section_file = folder / f"{location[0]}.yaml" if location else folder / "pack.yaml"
        if location and section_file.is_file():
            file, key = section_file, ".".join(location[1:])
        else:
            file, key = folder / "pack.yaml", ".".join(location)
        place = f"{file}: {key or 'the whole file'}"
        lines.append(f"{place}: {problem['msg']} (got {_short(problem['input'])})")
    return "\n".join(lines)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
