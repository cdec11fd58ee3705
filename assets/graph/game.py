"""What the game's own files hold: their index, the sprite library, backgrounds of each kind."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import dagster as dg

from assets.core.building import AssetBuild, Metadata, build_asset, latest, notice
from assets.core.keys import GameKeys
from assets.core.metadata import image, table
from pipeline.backgrounds.preview import background_sheet
from pipeline.backgrounds.sets import BackgroundSet
from pipeline.backgrounds.textures import Kind
from pipeline.formats.palette import Colour, PaletteError, read_team_colours
from pipeline.games.files import Overlay, find_file, path_in
from pipeline.games.index import GameFile, GameFolderError, GameIndex, Oddities
from pipeline.games.installed import ModCoverage, covered_mods, notes_on_mods
from pipeline.games.pack import GamePack
from pipeline.provenance import code_version_behind, code_version_of
from pipeline.sprites.extract import ExtractionReport, extract_library
from pipeline.sprites.library import LibraryWriter, OpenLibrary
from pipeline.sprites.sheets import contact_sheet
from resources.artifacts import Artifacts
from resources.game_files import GameFiles
from resources.run_log import reporter

GROUP = "game"
BACKGROUNDS: dict[Kind, str] = {
    "land": "Images of land made from the game's terrain textures, softened as in the game.",
    "water": "Images of water made from the game's terrain textures, softened as in the game.",
    "shore": "Images of land and water with a beach between them, and where it runs.",
}
"""What there is of each kind."""
GROUND_CODE = ("pipeline.backgrounds.sets", "pipeline.backgrounds.textures")
"""With all that they import they decide the bytes of backgrounds; a change makes them stale."""
NOT_GROUND_CODE = frozenset(
    {
        "pipeline.games.pack",  # values and classes, which the recipe states
        "pipeline.games.sections.base",  # kinds of values
        "pipeline.sprites.library",  # holds sprites, of which no background is made
    }
)
SPRITE_CODE = ("pipeline.sprites.extract",)
"""The same of a sprite library."""
NOT_SPRITE_CODE = frozenset(
    {
        "pipeline.games.pack",
        "pipeline.games.index",  # lists files, whose digests are inputs
        "pipeline.games.terrain",  # names textures, of which backgrounds are made
    }
)


def game_assets(pack: GamePack) -> list[dg.AssetsDefinition]:
    """Everything that is made from a game's files alone."""
    return [
        _game_files(pack),
        _sprites(pack),
        *(_backgrounds(pack, kind) for kind in GameKeys.of(pack).kinds_of_background),
    ]


def _game_files(pack: GamePack) -> dg.AssetsDefinition:
    keys = GameKeys.of(pack)
    code = code_version_of("pipeline.games.index")

    @dg.asset(
        key=keys.game_files,
        group_name=GROUP,
        kinds={"file"},
        code_version=code,
        description="Index of the game's sprite and terrain files: path, bytes, sha256.",
    )
    def game_files(
        context: dg.AssetExecutionContext, artifacts: Artifacts, game: GameFiles
    ) -> dg.MaterializeResult[Any]:
        began, report = time.time(), reporter(context.log.info)
        folder = game.prepare(pack, report)
        indexed = game.index(folder, pack, report)
        mods = covered_mods(pack, folder, choice := game.mod_choice(pack))
        for note in (*indexed.oddities.notes, *notes_on_mods(pack.name, choice.problems, mods)):
            notice(context.log.warning, note)
        recipe = {"index": indexed.index.model_dump(mode="json")}
        build = AssetBuild(context, artifacts.store, keys.game_files, code, recipe, began_at=began)

        def show(folder: Path) -> Metadata:
            return show_game_files(GameIndex.open(folder), mods, indexed.oddities)

        return build_asset(build, indexed.index.write, show)

    return game_files


def show_game_files(index: GameIndex, mods: Sequence[ModCoverage], oddities: Oddities) -> Metadata:
    """Counts and sizes of the game's files, what comes from mods, and what was left out."""
    columns = ["mod", "title", "state", "files", "shown", "in an older format"]
    rows = [[mod.name, mod.title, mod.state, mod.files, mod.shown, mod.older_files] for mod in mods]
    tables: dict[str, tuple[list[str], list[Any]]] = {
        "files_from_mods": (["mod", "files"], list(index.by_mod.items())),
        "mods": (columns, rows),
        "left_out": (["problem"], [[note] for note in oddities.notes]),
    }
    return {
        "sprite_files": len(index.sprites),
        "terrain_files": len(index.terrain),
        "game_megabytes": round(sum(entry.size for entry in index.files) / 1e6, 1),
        **{name: table(columns, rows) for name, (columns, rows) in tables.items() if rows},
    }


def _sprites(pack: GamePack) -> dg.AssetsDefinition:
    keys = GameKeys.of(pack)
    code = code_version_behind(*SPRITE_CODE, without=NOT_SPRITE_CODE)

    @dg.asset(
        key=keys.sprites,
        deps=[keys.game_files],
        group_name=GROUP,
        kinds={"png"},
        code_version=code,
        description="Trimmed sprites of every class with their ground anchor, shadow and "
        "player-colour weights; several headings of each file.",
    )
    def sprites(
        context: dg.AssetExecutionContext, artifacts: Artifacts, game: GameFiles
    ) -> dg.MaterializeResult[Any]:
        indexed = latest(context.instance, artifacts.store, keys.game_files)
        classes = [known.model_dump(mode="json") for known in pack.classes]
        recipe = {"sprites": pack.sprites.model_dump(mode="json"), "classes": classes}
        build = AssetBuild(context, artifacts.store, keys.sprites, code, recipe, (indexed,))

        def write(folder: Path) -> None:
            located = game.located(pack)
            _files(build, game, pack, "sprites")
            writer, options = LibraryWriter(folder), game.extraction_options(pack)
            overlays = game.mod_choice(pack).used
            report = extract_library(located, pack, writer.add, build.report, options, overlays)
            for problem in report.problems:
                notice(context.log.warning, problem)
            writer.finish(_team_colours((located, overlays), pack, context.log.warning))
            report.write(folder)

        return build_asset(build, write, lambda folder: show_sprites(folder, pack))

    return sprites


def _team_colours(
    game: tuple[Path, Sequence[Overlay]], pack: GamePack, warn: Callable[[str], None]
) -> tuple[Colour, ...] | None:
    """As the pack or the game states them; None where neither does or the palette is damaged."""
    if pack.sprites.team_colours is not None:
        return tuple(pack.sprites.team_colours)
    if pack.sprites.palette is None:
        return None
    try:
        folder, overlays = game
        found = find_file(folder, pack.sprites.palette, overlays)
        return read_team_colours(found.file if found else path_in(folder, pack.sprites.palette))
    except (PaletteError, OSError) as error:
        notice(warn, str(error))
        return None


def show_sprites(folder: Path, pack: GamePack) -> Metadata:
    """The contact sheet, and what every class got."""
    library, report = OpenLibrary(folder), ExtractionReport.open(folder)
    rows = [[name, report.files.get(name, 0), n] for name, n in report.sprites.items()]
    return {
        "sprites": len(library),
        "preview": [image(contact_sheet(library, pack.class_names), "contact sheet")],
        "per_class": table(["class", "files", "sprites"], rows),
        "misses": table(["problem"], [[problem] for problem in report.problems]),
    }


def _backgrounds(pack: GamePack, kind: Kind) -> dg.AssetsDefinition:
    keys = GameKeys.of(pack)
    key = keys.backgrounds_of(kind)
    code = code_version_behind(*GROUND_CODE, without=NOT_GROUND_CODE)
    size = (pack.scenes.width, pack.scenes.height)

    @dg.asset(
        key=key,
        deps=[keys.game_files],
        group_name=GROUP,
        kinds={"jpeg"},
        code_version=code,
        description=BACKGROUNDS[kind],
    )
    def backgrounds(
        context: dg.AssetExecutionContext, artifacts: Artifacts, game: GameFiles
    ) -> dg.MaterializeResult[Any]:
        indexed = latest(context.instance, artifacts.store, keys.game_files)
        recipe = {"terrain": pack.terrain.model_dump(mode="json"), "kind": kind, "size": size}
        build = AssetBuild(context, artifacts.store, key, code, recipe, (indexed,))

        def write(folder: Path) -> None:
            files = (game.located(pack), _files(build, game, pack, "terrain"))
            BackgroundSet.write(folder, kind, files, pack.terrain, size, build.report)

        return build_asset(
            build, write, lambda folder: show_backgrounds(BackgroundSet.open(folder))
        )

    return backgrounds


def show_backgrounds(backgrounds: BackgroundSet) -> Metadata:
    """Thumbnails, how often each texture was taken, and why the others were not."""
    counts = Counter(name for entry in backgrounds.entries for name in entry.sources)
    images = [image(background_sheet(backgrounds.folder), "backgrounds")]
    if (sheet := backgrounds.samplings()) is not None:
        images.append(image(sheet, "textures stretched and isometric"))
    return {
        "backgrounds": len(backgrounds.entries),
        "preview": images,
        "textures": table(["texture", "images"], sorted(counts.items())),
        "left_out": table(["texture", "why"], backgrounds.left_out.items()),
    }


def _files(
    build: AssetBuild, game: GameFiles, pack: GamePack, section: Literal["sprites", "terrain"]
) -> list[Path]:
    """The files of one section, which must be those that were indexed, byte for byte.

    A file of known size and time is not read again.

    Raises:
        GameFolderError: one has changed, is new or is gone since they were indexed.
    """
    folder = game.located(pack)
    was = _section(GameIndex.open(build.inputs[0].path), section)
    indexed = game.index(folder, pack, build.report)
    now = _section(indexed.index, section)
    for path in sorted(was.keys() | now.keys()):
        if was.get(path) != now.get(path):
            what = "is new" if path not in was else "is gone" if path not in now else "has changed"
            raise GameFolderError(
                f"{folder / path} {what} since the game's files were indexed.",
                "Materialize game_files again; the game or a mod has probably been updated, or a "
                "mod turned on or off.",
            )
    return [indexed.files[path] for path in was]


def _section(index: GameIndex, section: Literal["sprites", "terrain"]) -> dict[str, GameFile]:
    """Files by path; the palette goes with the sprites."""
    entries = (*index.sprites, *index.other) if section == "sprites" else index.terrain
    return {entry.path: entry for entry in entries}
