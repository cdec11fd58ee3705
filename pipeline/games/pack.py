"""The model of a game pack, and how one is found and read.

A pack is a folder of YAML files, one per section of `GamePack`: `pack.yaml` holds the sections that
are short, and `classes.yaml`, `sprites.yaml`, `terrain.yaml`, `scenes.yaml`, `merge.yaml`,
`training.yaml`, `retrain.yaml` and `community.yaml` one section each. A section may stand in
`pack.yaml` instead, never in both.
"""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import yaml
from pydantic import Field, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_core import ErrorDetails

from pipeline.errors import OutpostError
from pipeline.formats.yaml_text import parse_yaml
from pipeline.games.patterns import NamePattern
from pipeline.games.sections.base import (
    BlurRange,
    FactorRange,
    Fraction,
    Scene,
    Section,
    ShareRange,
    ZoomRange,
)
from pipeline.games.sections.community import CommunityRules
from pipeline.games.sections.images import HexRules, Rgb, TeamShades
from pipeline.games.sections.scenes import SceneRules

PACKS_FOLDER = Path(__file__).parent
SECTION_FILES = (
    "classes",
    "sprites",
    "terrain",
    "scenes",
    "merge",
    "training",
    "retrain",
    "community",
)

TerrainClass = Literal[
    "void", "water", "shallows", "beach", "farm", "road", "snow", "ice", "placeholder", "land"
]
Surface = Literal["land", "water", "beach"]
"""What a texture may serve as in a background."""
FITTING: dict[Surface, frozenset[TerrainClass]] = {
    "land": frozenset(("land", "road", "beach", "snow", "ice")),
    "water": frozenset(("water",)),
    "beach": frozenset(("beach",)),
}
"""Classes of terrain that may serve as each surface. Void, placeholders and farm fields never may:
a field as plain ground would be a farm without a label."""


class PackError(OutpostError):
    """A game pack that cannot be found, read or trusted."""


class GameClass(Section):
    """One class of the detector."""

    id: int = Field(ge=0, description="Index in the model's output; ids run from 0 without gaps.")
    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    group: str = Field(description="What the class belongs to in reports, for example 'economy'.")
    scene: Scene = Field("land", description="The kind of scene in which it may stand.")
    has_sprites: bool = Field(
        True, description="False when the class is learned from annotations alone."
    )


class SpritePart(Section):
    """A file that is drawn with another one, their ground anchors dx and dy apart.

    A bare string stands for `{name: ...}`. What lies higher up on the screen is drawn first; at one
    height the base comes first, then its parts as they are listed.
    """

    name: NamePattern = Field(
        description="'<stem>' stands for the name of the base and '<stem-2>' for that without its "
        "last two words; a pattern that several files match gives as many variants."
    )
    dx: int = Field(0, description="Pixels to the right of the base's anchor.")
    dy: int = Field(0, description="Pixels below the base's anchor.")

    @model_validator(mode="before")
    @classmethod
    def _from_name(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value


class SpriteRule(Section):
    """Which of the game's files show a class, and which of their frames are taken."""

    class_name: str = Field(description="The class, or 'distractor' for unlabelled things.")
    include: list[NamePattern] = Field(
        min_length=1,
        description="Patterns over file names without suffix; see `pipeline.games.patterns`.",
    )
    exclude: list[NamePattern] = Field([], description="Patterns taken out again.")
    parts: list[SpritePart] = Field(
        [], description="Files that the game draws with it as one thing, such as a hull's sail."
    )
    headings: int = Field(4, ge=1, le=64, description="How many headings, evenly spread.")
    steps: int = Field(1, ge=1, description="How many animation steps of each heading.")


class SpriteRules(Section):
    """Where sprites lie in the game's folder and what they show."""

    folder: str = Field(description="Relative to the game's folder.")
    subfolders: list[str] = Field(
        [],
        description="Folders below it that are looked through to the bottom. Names then begin with "
        "the path from `folder`; without any, only the files of `folder` itself count.",
    )
    suffix: str = Field(
        ".sld", description="Of the sprite files; its end, .sld or .png, says how they are read."
    )
    exclude: list[NamePattern] = Field([], description="Patterns that no class may take.")
    apart: dict[str, list[NamePattern]] = Field(
        {}, description="Groups of files that are known and left aside, such as an expansion's."
    )
    rest: str | None = Field(
        None,
        description="Group under which files that no rule names are left aside, in a game of which "
        "the detector needs but a few. Without it they are reported.",
    )
    rules: list[SpriteRule]
    marks: list[str] = Field(
        [], description="Names that rules may take like classes, for what lies on or under units."
    )
    team_shades: list[TeamShades] = Field(
        [], description="Of images that have no layer for the player's colour."
    )
    team_colours: list[Rgb] | None = Field(
        None, min_length=8, max_length=8, description="RGB of players 1 to 8."
    )
    team_names: list[str] = Field(
        ["blue", "red", "green", "yellow", "teal", "purple", "grey", "orange"],
        min_length=8,
        max_length=8,
        description="What players 1 to 8 are called, by their colours; so owners are named.",
    )
    palette: str | None = Field(
        None, description="File with the team colours, relative to the game's folder."
    )

    def named_classes(self) -> Iterator[tuple[str, str]]:
        """Every key that names a class, and the name."""
        for number, rule in enumerate(self.rules):
            if rule.class_name not in self.marks:
                yield f"rules[{number}].class_name", rule.class_name


class TerrainChoice(Section):
    """Terrain textures, by name or by class, and how often they are used."""

    include: NamePattern | None = Field(None, description="Pattern over file names without suffix.")
    terrain: TerrainClass | None = Field(
        None, description="All textures of this class instead of a pattern; see `classes`."
    )
    weight: float = Field(1.0, gt=0.0, allow_inf_nan=False)

    @model_validator(mode="after")
    def _one_of_two(self) -> TerrainChoice:
        if (self.include is None) == (self.terrain is None):
            raise ValueError("write either 'include' (a pattern) or 'terrain' (a class)")
        return self

    @property
    def named(self) -> str:
        """The pattern or the class, for messages."""
        return self.include if self.include is not None else f"class {self.terrain}"


class Softening(Section):
    """How a texture is brought to the look that it has in the game."""

    zoom: ZoomRange = Field((1.0, 1.6), description="Enlargement of the texture.")
    blend_probability: Fraction = Field(0.35, description="Two textures with a soft border.")
    blend_band: Fraction = Field(0.4, description="Width of that border, of the image's side.")
    blur: BlurRange = Field((0.6, 1.6), description="Sigma in pixels of the mild blur.")
    soft_fraction: Fraction = Field(0.35, description="How many images get the heavy blur.")
    soft_blur: BlurRange = Field((5.0, 9.0), description="Sigma in pixels of the heavy blur.")
    brightness: FactorRange = (0.85, 1.08)
    contrast: FactorRange = (0.8, 1.0)
    saturation: FactorRange = (0.65, 1.0)

    @model_validator(mode="after")
    def _soft_is_softer(self) -> Softening:
        if self.soft_fraction > 0 and self.soft_blur[0] < self.blur[1]:
            raise ValueError(
                f"soft_blur {list(self.soft_blur)} must begin where blur {list(self.blur)} ends, "
                "or above"
            )
        return self


class ShoreRules(Section):
    """Backgrounds of land and water with a beach between them; lengths of the shorter side."""

    beach: list[TerrainChoice] = Field(
        [], description="Textures of the beach; at least one unless the ground has hexes."
    )
    count: int = Field(60, ge=1, description="Shore backgrounds to make.")
    beach_width: ShareRange = Field((0.03, 0.08), description="Width of the beach.")
    bend: ShareRange = Field((0.02, 0.08), description="How far the shore departs from a line.")


class TerrainRules(Section):
    """Terrain textures and the backgrounds made from them."""

    folder: str = Field(description="Relative to the game's folder.")
    subfolders: list[str] = Field([], description="As for sprites.")
    suffix: str = ".dds"
    classes: dict[TerrainClass, list[NamePattern]] = Field(
        {},
        description="Patterns of each class of terrain. Once there are any, a texture of no class "
        "or of two is reported and not used.",
    )
    hexes: HexRules | None = Field(
        None, description="For maps of hexes: stands for `land`, `water` and the shore's `beach`."
    )
    land: list[TerrainChoice] = Field([], description="At least one, unless there are hexes.")
    water: list[TerrainChoice] = Field([], description="At least one, unless there are hexes.")
    exclude: list[NamePattern] = Field([], description="Patterns never used as a background.")
    min_luminance: float = Field(20.0, ge=0, le=255, description="Darker textures are left out.")
    sampling: Literal["stretched", "isometric"] = Field(
        "stretched",
        description="How a texture lies in the image: flat, as its file shows it, or seen from "
        "the game's angle, on tiles that are diamonds of 96 x 48 pixels.",
    )
    shore: ShoreRules | None = Field(
        None, description="Needed for scenes at the shore; see scenes.shore_fraction."
    )
    land_count: int = Field(200, ge=1, description="Land backgrounds to make.")
    water_count: int = Field(60, ge=1, description="Water backgrounds to make.")
    softening: Softening = Softening()
    seed: int = Field(42, ge=0)

    def choices(self, surface: Surface) -> list[TerrainChoice]:
        """What the pack takes for a surface."""
        if self.hexes is not None:
            bearing = [kind for kind in self.hexes.kinds if kind.water == (surface == "water")]
            return [TerrainChoice(include=kind.include, weight=kind.weight) for kind in bearing]
        beach = self.shore.beach if self.shore is not None else []
        return {"land": self.land, "water": self.water, "beach": beach}[surface]

    @model_validator(mode="after")
    def _has_ground(self) -> TerrainRules:
        for surface, choices in (("land", self.land), ("water", self.water)):
            if bool(choices) == (self.hexes is not None):
                raise ValueError(f"write either 'hexes' or '{surface}' with at least one texture")
        return self

    @model_validator(mode="after")
    def _classes_are_sound(self) -> TerrainRules:
        patterns = Counter(name for known in self.classes.values() for name in set(known))
        repeated = sorted(pattern for pattern, n in patterns.items() if n > 1)
        if repeated:
            raise ValueError(f"classes: in more than one class: {', '.join(repeated)}")
        for surface, fitting in FITTING.items():
            for number, choice in enumerate(self.choices(surface)):
                key, known = f"{surface}[{number}].terrain", choice.terrain
                if known is not None and known not in fitting:
                    allowed = ", ".join(sorted(fitting))
                    raise ValueError(f"{key}: '{known}' never serves as that; use one of {allowed}")
                if known is not None and not self.classes.get(known):
                    raise ValueError(f"{key}: 'classes' has no patterns for '{known}'")
        return self


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
    left_out_labels: list[str] = Field(
        [],
        description="Labels of exports that are no class on purpose, however they are spelt; what "
        "they mark counts as background.",
    )


class TwoStageRules(Section):
    """Training on the synthetic images, then fine-tuning on the real ones."""

    pretrain: dict[str, Any] = Field(
        {}, description="Hyperparameters of the first stage that differ from the game's."
    )
    finetune: dict[str, Any] = Field(
        {}, description="The same of the second; see `pipeline.training.job.FINETUNING`."
    )
    finetune_on: Literal["real", "all"] = Field(
        "real", description="'all' keeps the synthetic images, for classes without a real one."
    )


class TrainingRules(Section):
    """What this game changes in the training defaults; see `pipeline.training.job`."""

    trained_on: Literal["frame", "tile"] = Field(
        "frame",
        description="What the scenes show: a whole screenshot, or a tile of one in the game's own "
        "pixels. A model of tiles takes screenshots of any size, and sees them at its scale.",
    )
    hyperparameters: dict[str, Any] = Field({})
    two_stage: TwoStageRules | None = Field(
        None, description="Asks for two stages instead of one; an empty mapping takes the defaults."
    )


class RetrainRules(Section):
    """When annotations that arrive start a training by themselves; as they are, whenever any do."""

    min_new_boxes: int = Field(
        0,
        ge=0,
        description="Boxes to train on that are new, or others, since the last training.",
    )
    min_hours_between: float = Field(
        0.0, ge=0, le=24 * 366, description="Hours since the last training."
    )
    max_trainings_per_week: int | None = Field(
        None,
        ge=0,
        description="In any seven days, also those started by hand; left out, any number.",
    )
    max_usd_per_week: float | None = Field(
        None,
        ge=0,
        description="Cost of the trainings of any seven days, the next one counted as dear as the "
        "last; left out, any sum.",
    )


class ThresholdRules(Section):
    """Confidence from which a detection counts."""

    default: Fraction = 0.35
    per_class: dict[str, Fraction] = Field({})

    def named_classes(self) -> Iterator[tuple[str, str]]:
        """Every key that names a class, and the name."""
        for name in self.per_class:
            yield "per_class", name


class AnnotationRules(Section):
    """What people label next; see `pipeline.annotation`."""

    confusions: list[Annotated[list[str], Field(min_length=1)]] = Field(
        [],
        description="Classes that are taken for one another, or groups of classes by their names; "
        "the asset hard_negatives looks for frames in which they compete.",
    )

    def named_lists(self) -> Iterator[tuple[str, str]]:
        """Every key that names a class or a group, and the name."""
        for number, group in enumerate(self.confusions):
            for name in group:
                yield f"confusions[{number}]", name


class ModRules(Section):
    """Where the mods of a game's players lie, whose files replace those of the game."""

    folders: list[str] = Field(
        min_length=1,
        description="One for each player, in which mods lie in the folders 'local' and "
        "'subscribed'; '~', variables and globs are allowed, and 'proton:APP/PATH' is a path below "
        "a user's folder of the Windows that Steam's Proton gave to that app.",
    )


NamingSection = TypeVar("NamingSection", SpriteRules, SceneRules, ThresholdRules)


class GamePack(Section):
    """Everything that Outpost knows of one game."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    title: str
    drawn: bool = Field(False, description="True when Outpost draws the game's files itself.")
    install_folders: list[str] = Field([], description="Where the game is usually installed.")
    mods: ModRules | None = Field(None, description="Where the game keeps its players' mods.")
    classes: list[GameClass] = Field(min_length=1)
    sprites: SpriteRules
    terrain: TerrainRules
    scenes: SceneRules
    merge: MergeRules = MergeRules()
    training: TrainingRules = TrainingRules()
    retrain: RetrainRules = RetrainRules()
    thresholds: ThresholdRules = ThresholdRules()
    annotation: AnnotationRules = AnnotationRules()
    community: CommunityRules | None = Field(
        None, description="What players contribute; without it the game has no community assets."
    )

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names in the order of their ids: index i is class i of the model."""
        return tuple(known.name for known in sorted(self.classes, key=lambda known: known.id))

    @model_validator(mode="after")
    def _mods_replace_whole_textures(self) -> GamePack:
        if self.mods is not None and self.terrain.hexes is not None:
            raise ValueError(
                "a game whose ground has hexes cannot have 'mods'; leave one of them out"
            )
        return self

    @model_validator(mode="after")
    def _shores_are_stocked(self) -> GamePack:
        if self.scenes.shore_fraction > 0:
            if self.terrain.shore is None:
                raise ValueError(
                    "scenes.shore_fraction asks for scenes at the shore, but the terrain has no "
                    "'shore': name the textures of the beach there, or set the fraction to 0"
                )
            return self
        ashore = {known.name for known in self.classes if known.scene == "shore"}
        placed = sorted(ashore.intersection(rule.class_name for rule in self.scenes.placements))
        if placed and self.scenes.gated:
            raise ValueError(
                f"scenes.placements: {', '.join(placed)} would never be drawn: of scene 'shore', "
                "while scenes.shore_fraction is 0"
            )
        return self

    @field_validator("classes")
    @classmethod
    def _classes_are_numbered(cls, classes: list[GameClass]) -> list[GameClass]:
        ids = sorted(known.id for known in classes)
        if ids != list(range(len(ids))):
            raise ValueError(f"the ids must run from 0 to {len(ids) - 1}, each once; got {ids}")
        repeated = [name for name, n in Counter(c.name for c in classes).items() if n > 1]
        if repeated:
            raise ValueError(f"the names must be unique; repeated: {', '.join(repeated)}")
        return classes

    @field_validator("sprites", "scenes", "thresholds")
    @classmethod
    def _names_are_known(cls, section: NamingSection, info: ValidationInfo) -> NamingSection:
        if "classes" not in info.data:  # They are wrong themselves, which is reported.
            return section
        known: list[str] = [*(one.name for one in info.data["classes"]), "distractor"]
        problems = _unknown(section.named_classes(), known, "there is no class")
        if isinstance(section, SceneRules):
            lists = {*known, *(one.group for one in info.data["classes"])}
            problems += _unknown(section.named_lists(), lists, "there is no class and no group")
            if "sprites" in info.data:  # Else they are wrong themselves.
                marks = info.data["sprites"].marks
                problems += _unknown(section.named_marks(), marks, "sprites.marks has no")
            problems += [] if problems else section.unplaced_members()
        if problems:
            raise ValueError("; ".join(problems))
        return section

    @field_validator("annotation")
    @classmethod
    def _confusions_are_known(
        cls, section: AnnotationRules, info: ValidationInfo
    ) -> AnnotationRules:
        if "classes" not in info.data:  # They are wrong themselves, which is reported.
            return section
        known = {name for one in info.data["classes"] for name in (one.name, one.group)}
        problems = _unknown(section.named_lists(), known, "there is no class and no group")
        if problems:
            raise ValueError("; ".join(problems))
        return section


def _unknown(named: Iterable[tuple[str, str]], known: Collection[str], lacks: str) -> list[str]:
    """A message for each key that names what is not known."""
    return [
        f"{key}: {lacks} '{name}'{_suggestion(name, known)}"
        for key, name in named
        if name not in known
    ]


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
    folder = pack_folder(name_or_path)
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
        return GamePack.model_validate(content, context=folder)
    except ValidationError as error:
        raise _refusal(error, folder) from error


def pack_folder(name_or_path: str | Path) -> Path:
    """Where a pack lies: one that comes with Outpost by its name, any by its folder.

    Raises:
        PackError: there is no such pack.
    """
    for folder in (PACKS_FOLDER / str(name_or_path), Path(name_or_path)):
        if (folder / "pack.yaml").is_file():
            return folder
    raise PackError(
        f"There is no game pack '{name_or_path}'{_suggestion(str(name_or_path), pack_names())}",
        f"Use one of {', '.join(pack_names())}, or the path of a folder with a pack.yaml.",
    )


def _read_yaml(file: Path, section: str | None = None) -> Any:
    try:
        content = parse_yaml(file.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise PackError(f"{file} is not YAML: {error}", "Correct the file at that line.") from error
    except UnicodeDecodeError as error:
        raise PackError(f"{file} is not UTF-8 text.", "Save the file as UTF-8.") from error
    if section is None and not isinstance(content, dict):
        raise PackError(f"{file} holds no keys.", "Write 'name: ...' and the other keys there.")
    return content


def _refusal(error: ValidationError, folder: Path) -> PackError:
    """One line per problem: the file, the key within it, what is wrong and what was there."""
    problems = error.errors()
    unknown = all(problem["type"] == "extra_forbidden" for problem in problems)
    fix = "Remove the key or correct its name" if unknown else "Correct the file at that key"
    of_scenes = all(problem["loc"][:1] == ("scenes",) for problem in problems)
    described = (
        "docs/reference/scenes.md describes"
        if of_scenes
        else "pipeline/games/pack.py and pipeline/games/sections/images.py describe"
    )
    return PackError(
        "\n".join(_explain(problem, folder) for problem in problems),
        f"{fix}; {described} every key.",
    )


def _explain(problem: ErrorDetails, folder: Path) -> str:
    location = problem["loc"]
    file = folder / "pack.yaml"
    if location and (folder / f"{location[0]}.yaml").is_file():
        file, location = folder / f"{location[0]}.yaml", location[1:]
    key = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    place = f"{file}: {key.lstrip('.')}" if key else str(file)
    return f"{place}: {_complaint(problem)}"


def _complaint(problem: ErrorDetails) -> str:
    name = str(problem["loc"][-1]) if problem["loc"] else ""
    if problem["type"] == "extra_forbidden":
        keys = (key for section in Section.__subclasses__() for key in section.model_fields)
        return f"there is no such key{_suggestion(name, keys)}"
    if problem["type"] == "missing":
        return "this key is missing"
    if problem["type"] == "value_error":
        return str(problem["ctx"]["error"])
    return f"{problem['msg']} (got {_short(problem['input'])})"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _suggestion(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, sorted(set(known)), n=1)
    return f"; did you mean '{close[0]}'?" if close else ""
