"""Every sprite file of the built-in game: its name, what it shows, and its frames.

Names follow those of Age of Empires II, with its traps: a class is spread over several files, and
beside the files that show a class lie files of deaths, ruins and stumps that do not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from pipeline.demo_game.art import animals, buildings, figures, nature, ships
from pipeline.demo_game.art.figures import ATTACK, IDLE, WALK, FigurePose
from pipeline.demo_game.art.materials import AUTUMN_LEAVES, LIGHT_LEAVES, OAK_LEAVES
from pipeline.demo_game.art.raycasting import Part, SolidView, draw

HEADINGS = 16
FACING = 28.0
"""Buildings do not turn; they stand askew, so that two of their sides are seen."""
DISTRACTOR = "distractor"
DECOY = "decoy"

Model = tuple[Part, ...]


@dataclass(frozen=True, eq=False)
class SpriteFile:
    """A file before it is drawn; there is one object of each.

    Attributes:
        name: of the file, without suffix.
        shows: the class, `DISTRACTOR` for scenery, `DECOY` for what no rule may take.
        steps: the models of the animation, in order.
        headings: 16, or 1 for what does not turn.
        facing: degrees clockwise by which the first heading is turned away from east.
    """

    name: str
    shows: str
    steps: tuple[Model, ...]
    headings: int = 1
    facing: float = 0.0


@cache
def sprite_files() -> tuple[SpriteFile, ...]:
    """All files of the game, sorted by name."""
    files = [*_people(), *_animals(), *_ships(), *_buildings(), *_nature(), *_decoys()]
    return tuple(sorted(files, key=lambda file: file.name))


def drawings_of(file: SpriteFile) -> Iterator[SolidView]:
    """The frames of a file, heading by heading."""
    for heading in range(file.headings):
        for step in range(len(file.steps)):
            yield drawing(file, heading, step)


@cache
def drawing(file: SpriteFile, heading: int, step: int) -> SolidView:
    """One frame; drawn once in a process."""
    return draw(file.steps[step], file.facing + heading * 360.0 / HEADINGS)


def _people() -> Iterator[SpriteFile]:
    units: tuple[tuple[str, Callable[[FigurePose], list[Part]]], ...] = (
        ("inf_swordsman", figures.swordsman),
        ("inf_spearman", figures.spearman),
        ("cav_rider", figures.rider),
        ("vil_worker", figures.worker),
    )
    for name, model in units:
        shows = name.partition("_")[2]
        action = "taskA" if shows == "worker" else "attackA"
        yield _turning(f"u_{name}_idleA_x1", shows, model, IDLE)
        yield _turning(f"u_{name}_walkA_x1", shows, model, WALK)
        yield _turning(f"u_{name}_{action}_x1", shows, model, ATTACK)


def _animals() -> Iterator[SpriteFile]:
    grazing = (FigurePose(), FigurePose(reach=0.9))
    for shows, model in (("sheep", animals.sheep), ("chicken", animals.chicken)):
        yield _turning(f"a_herd_{shows}_idleA_x1", shows, model, grazing)
        yield _turning(
            f"a_herd_{shows}_walkA_x1", shows, model, (FigurePose(1.0), FigurePose(-1.0))
        )
    swimming = (FigurePose(), FigurePose(1.0), FigurePose(-1.0))
    yield _turning("a_fish_shore_x1", "fish", animals.fish, swimming)
    yield _turning("a_whale_x1", "whale", animals.whale, swimming)


def _ships() -> Iterator[SpriteFile]:
    rocking = (FigurePose(), FigurePose(bob=0.8))
    yield _turning("u_shp_fishing_boat_x1", "fishing_boat", ships.fishing_boat, rocking)
    yield _turning("u_shp_warship_x1", "warship", ships.warship, rocking)


def _buildings() -> Iterator[SpriteFile]:
    styles = (("west", buildings.WEST), ("nord", buildings.NORTH), ("east", buildings.EAST))
    for region, style in styles:
        yield _standing(f"b_{region}_keep_age3_x1", "keep", [buildings.keep(style)])
        yield _standing(f"b_{region}_house_age1_x1", "house", [buildings.house(style)])
        yield _standing(f"b_{region}_house_age2_x1", "house", [buildings.hall(style)])
        turning = [buildings.mill(style, degrees) for degrees in (10.0, 32.5, 55.0, 77.5)]
        yield _standing(f"b_{region}_mill_age2_x1", "mill", turning)


def _nature() -> Iterator[SpriteFile]:
    growing: tuple[tuple[str, str, Callable[[int], list[Part]], int], ...] = (
        ("n_tree_oak_x1", "tree", lambda n: nature.leafy(n, OAK_LEAVES), 4),
        ("n_tree_birch_x1", "tree", lambda n: nature.leafy(n + 10, LIGHT_LEAVES), 3),
        ("n_tree_oak_autumn_x1", "tree", lambda n: nature.leafy(n + 20, AUTUMN_LEAVES), 2),
        ("n_tree_pine_x1", "tree", nature.pine, 3),
        ("n_mine_gold_x1", "gold_mine", nature.gold_mine, 4),
        ("n_forage_bush_x1", "berry_bush", nature.berry_bush, 4),
        ("n_rock_grey_x1", DISTRACTOR, nature.rock, 3),
        ("s_flowers_x1", DISTRACTOR, nature.flowers, 3),
    )
    for name, shows, model, variants in growing:
        yield SpriteFile(name, shows, tuple(tuple(model(n)) for n in range(variants)))


def _decoys() -> Iterator[SpriteFile]:
    for name in ("u_inf_swordsman_deathA_x1", "u_inf_spearman_decayA_x1"):
        yield _turning(name, DECOY, figures.fallen, (FigurePose(), FigurePose(bob=0.8)))
    yield _standing("b_west_house_age1_rubble_x1", DECOY, [buildings.ruin(buildings.WEST)])
    yield _standing("b_east_keep_age3_destruction_x1", DECOY, [buildings.ruin(buildings.EAST)])
    yield SpriteFile("n_tree_oak_stump_x1", DECOY, (tuple(nature.stump(0)), tuple(nature.stump(2))))
    yield SpriteFile("n_mine_gold_shadow_x1", DECOY, (tuple(nature.rock(7)),))


def _turning(
    name: str, shows: str, model: Callable[[FigurePose], list[Part]], poses: Sequence[FigurePose]
) -> SpriteFile:
    return SpriteFile(name, shows, tuple(tuple(model(pose)) for pose in poses), HEADINGS)


def _standing(name: str, shows: str, steps: Sequence[list[Part]]) -> SpriteFile:
    return SpriteFile(name, shows, tuple(tuple(step) for step in steps), facing=FACING)
