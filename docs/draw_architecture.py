"""Draws the map of docs/explanation/architecture.md from the imports of the code.

    python docs/draw_architecture.py

A test compares the image with what this makes. It changes when a folder or module at the top of a
drawn package comes, goes, or imports another neighbour; an import more between two is no change.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from graphlib import TopologicalSorter
from html import escape
from itertools import chain, pairwise
from pathlib import Path

DOCS = Path(__file__).parent
IMAGE = DOCS / "images" / "architecture.svg"
FOLDERS = {
    "assets": DOCS.parent / "assets",
    "resources": DOCS.parent / "resources",
    "pipeline": DOCS.parent / "pipeline",
    "detector_runtime": DOCS.parent / "detector_runtime" / "src" / "detector_runtime",
}
LEFT = ("assets", "resources", "pipeline", "detector_runtime")
RIGHT = ("resources.gpu", "pipeline.scenes")
"""Packages whose inside is drawn beside the tree that they belong to."""

BOX_HEIGHT, ROW_HEIGHT, GAP, MARGIN, HEAD = 28, 58, 14, 18, 40
LETTER = 7.6
"""Width in pixels of one character in the font of the image."""

Edges = dict[str, set[str]]
"""What each room imports."""

Point = tuple[float, float]


@dataclass(frozen=True)
class Panel:
    """The inside of one package.

    Attributes:
        package: its name, with dots.
        folders: its sub-packages; all else are modules.
        rows: from importers to imported; an entry that is no room is where an arrow passes.
        arrows: each as the entries that it passes, one a row.
        shared: modules that folders import and that import no folder, named in one line.
    """

    package: str
    folders: frozenset[str]
    rows: tuple[tuple[str, ...], ...]
    arrows: tuple[tuple[str, ...], ...]
    shared: tuple[str, ...]

    @property
    def width(self) -> float:
        """In pixels."""
        row = max(sum(map(_width, row)) + GAP * (len(row) - 1) for row in self.rows)
        return max(row, LETTER * len(self.shared_text)) + 2 * MARGIN

    @property
    def height(self) -> float:
        """In pixels."""
        rows = ROW_HEIGHT * (len(self.rows) - 1) + BOX_HEIGHT
        return HEAD + rows + MARGIN + (20 if self.shared else 0)

    @property
    def shared_text(self) -> str:
        """The last line of the panel."""
        return f"for all: {', '.join(self.shared)}" if self.shared else ""


def image() -> str:
    """The whole image as SVG."""
    left = [panel_of(package) for package in LEFT]
    right = {panel.package.split(".")[0]: panel for panel in map(panel_of, RIGHT)}
    width = max(panel.width for panel in left)
    right_width = max(panel.width for panel in right.values())
    parts: list[str] = []
    top = float(MARGIN)
    for number, panel in enumerate(left):
        beside = right.get(panel.package)
        if number:
            parts.append(_between_trees(MARGIN + width / 2, top))
            top += 34
        parts += _drawn(panel, (MARGIN, top), width)
        if beside:
            parts += _drawn(beside, (2 * MARGIN + width, top), right_width)
        top += max(panel.height, beside.height if beside else 0.0)
    size = f"{width + right_width + 3 * MARGIN:.0f} {top + MARGIN:.0f}"
    return "\n".join([_head(size), *parts, "</svg>", ""])


def panel_of(package: str) -> Panel:
    """What stands directly in a package, in rows by its imports.

    Raises:
        graphlib.CycleError: rooms import each other.
    """
    root, *rest = package.split(".")
    folder = FOLDERS[root].joinpath(*rest)
    folders = frozenset(file.parent.name for file in folder.glob("*/__init__.py"))
    modules = frozenset(file.stem for file in folder.glob("[!_]*.py"))
    edges = _edges(folder, package, folders | modules)
    imported = {name for room in folders for name in edges[room]}
    shared = _without_folders(modules & imported, edges)
    rooms = sorted((folders | modules) - shared)
    arrows = _needed({room: edges[room] - shared for room in rooms})
    rows, passed = _rows(arrows)
    return Panel(package, folders, rows, passed, tuple(sorted(shared)))


def _edges(folder: Path, package: str, rooms: frozenset[str]) -> Edges:
    """What each room imports. Of two that import each other, only what their loading needs."""
    loaded: Edges = {}
    edges: Edges = {}
    for room in rooms:
        files = [folder / f"{room}.py", *(folder / room).rglob("*.py")]
        found = [_imports_of(file) for file in files if file.is_file()]
        loaded[room] = _inside(package, chain.from_iterable(at_the_top for at_the_top, _ in found))
        edges[room] = _inside(package, chain.from_iterable(anywhere for _, anywhere in found))
    return {
        room: {
            name
            for name in edges[room] & rooms - {room}
            if name in loaded[room] or room not in edges[name]
        }
        for room in rooms
    }


@cache
def _imports_of(file: Path) -> tuple[frozenset[str], frozenset[str]]:
    """Names with dots that a module imports at its top, and anywhere."""
    tree = ast.parse(file.read_text("utf-8"))
    return _imported(tree.body), _imported(ast.walk(tree))


def _imported(nodes: Iterable[ast.AST]) -> frozenset[str]:
    names: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return frozenset(names)


def _inside(package: str, names: Iterable[str]) -> set[str]:
    """What stands directly in the package, of all that is imported."""
    start = f"{package}."
    return {name.removeprefix(start).split(".")[0] for name in names if name.startswith(start)}


def _without_folders(modules: frozenset[str], edges: Edges) -> frozenset[str]:
    """Those modules that import nothing but each other."""
    while extra := {module for module in modules if edges[module] - modules}:
        modules = modules - extra
    return modules


def _needed(edges: Edges) -> Edges:
    """Edges without those that follow from others: of a > b > c and a > c, the last is left out."""
    below: Edges = {}
    for room in TopologicalSorter(edges).static_order():
        below[room] = set(edges[room]).union(*(below[name] for name in edges[room]))
    return {
        room: names - {deep for name in names for deep in below[name]}
        for room, names in edges.items()
    }


def _rows(edges: Edges) -> tuple[tuple[tuple[str, ...], ...], tuple[tuple[str, ...], ...]]:
    """Rooms by rows, each as high as its imports allow, and the arrows between them."""
    level: dict[str, int] = {}
    for room in TopologicalSorter(edges).static_order():
        level[room] = max((level[name] + 1 for name in edges[room]), default=0)
    rows: list[list[str]] = [[] for _ in range(max(level.values()) + 1)]
    for room in sorted(level):
        rows[level[room]].append(room)
    arrows = []
    for room, name in sorted((room, name) for room, names in edges.items() for name in names):
        between = [f"{room}>{name}@{row}" for row in range(level[room] - 1, level[name], -1)]
        for entry in between:
            rows[int(entry.split("@")[1])].append(entry)
        arrows.append((room, *between, name))
    return _with_few_crossings(rows[::-1], arrows), tuple(arrows)


def _with_few_crossings(
    rows: list[list[str]], arrows: list[tuple[str, ...]]
) -> tuple[tuple[str, ...], ...]:
    """Each entry near the middle of those that it is joined with, swept down and up some times."""
    joined: Edges = defaultdict(set)
    for arrow in arrows:
        for first, second in pairwise(arrow):
            joined[first].add(second)
            joined[second].add(first)
    for sweep in range(8):
        order = rows if sweep % 2 == 0 else rows[::-1]
        for fixed, row in pairwise(order):
            where = {name: (n + 0.5) / len(fixed) for n, name in enumerate(fixed)}
            own = {name: (n + 0.5) / len(row) for n, name in enumerate(row)}

            def middle(
                name: str, where: dict[str, float] = where, own: dict[str, float] = own
            ) -> tuple[float, str]:
                seen = [where[other] for other in sorted(joined[name]) if other in where]
                return (round(sum(seen) / len(seen), 6) if seen else own[name], name)

            row.sort(key=middle)
    return tuple(map(tuple, rows))


def _width(entry: str) -> float:
    return 12.0 if ">" in entry else LETTER * len(entry) + 20


def _drawn(panel: Panel, corner: Point, width: float) -> list[str]:
    left, top = corner
    middles: dict[str, Point] = {}
    for number, row in enumerate(panel.rows):
        free = width - 2 * MARGIN - sum(map(_width, row))
        space = free / (len(row) + 1)
        x = left + MARGIN + space
        for entry in row:
            y = top + HEAD + ROW_HEIGHT * number + BOX_HEIGHT / 2
            middles[entry] = (x + _width(entry) / 2, y)
            x += _width(entry) + space
    frame = (
        f'<rect class="panel" x="{left:.1f}" y="{top:.1f}" width="{width:.1f}" '
        f'height="{panel.height:.1f}" rx="8"/>'
    )
    title = f'<text class="title" x="{left + 14:.1f}" y="{top + 24:.1f}">{panel.package}</text>'
    arrows = [_arrow([middles[entry] for entry in arrow]) for arrow in panel.arrows]
    boxes = [
        _box(entry, middles[entry], "folder" if entry in panel.folders else "module")
        for row in panel.rows
        for entry in row
        if ">" not in entry
    ]
    shared = (
        f'<text class="shared" x="{left + 14:.1f}" y="{top + panel.height - 10:.1f}">'
        f"{escape(panel.shared_text)}</text>"
    )
    return [frame, title, *arrows, *boxes, *([shared] if panel.shared else [])]


def _box(name: str, middle: Point, kind: str) -> str:
    x, y = middle
    width = _width(name)
    return (
        f'<rect class="{kind}" x="{x - width / 2:.1f}" y="{y - BOX_HEIGHT / 2:.1f}" '
        f'width="{width:.1f}" height="{BOX_HEIGHT}" rx="4"/>'
        f'<text class="name" x="{x:.1f}" y="{y + 4.5:.1f}">{name}</text>'
    )


def _arrow(points: list[Point]) -> str:
    (x, y), *between, (end_x, end_y) = points
    # The head needs room above the box that it points at.
    stops = [(x, y + BOX_HEIGHT / 2), *between, (end_x, end_y - BOX_HEIGHT / 2 - 2)]
    path = f"M{stops[0][0]:.1f} {stops[0][1]:.1f}"
    for (from_x, from_y), (to_x, to_y) in pairwise(stops):
        bend = (from_y + to_y) / 2
        path += f" C{from_x:.1f} {bend:.1f} {to_x:.1f} {bend:.1f} {to_x:.1f} {to_y:.1f}"
    return f'<path class="arrow" d="{path}"/>'


def _between_trees(x: float, y: float) -> str:
    return (
        f'<path class="tree" d="M{x:.1f} {y + 4:.1f} V{y + 24:.1f}"/>'
        f'<text class="shared" x="{x + 16:.1f}" y="{y + 21:.1f}">imports what is below</text>'
    )


def _head(size: str) -> str:
    width, height = size.split()
    return f"""<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" \
viewBox="0 0 {size}" role="img" aria-label="Packages of Outpost and what imports what">
<style>
text {{ font: 12.5px Menlo, Consolas, "DejaVu Sans Mono", monospace; fill: #1d2733 }}
.title {{ font-weight: bold; font-size: 14px }}
.name {{ text-anchor: middle }}
.shared {{ fill: #5a6675; font-size: 12px }}
.panel {{ fill: #f5f7f9; stroke: #c8d0d8 }}
.folder {{ fill: #d6e6f5; stroke: #3f77a8 }}
.module {{ fill: #ffffff; stroke: #97a3af }}
.arrow {{ fill: none; stroke: #5f7183; stroke-width: 1.2; marker-end: url(#head) }}
.tree {{ fill: none; stroke: #3f77a8; stroke-width: 3; marker-end: url(#head) }}
</style>
<marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" \
markerUnits="userSpaceOnUse" orient="auto"><path d="M0 0 L8 4 L0 8 z" fill="#5f7183"/></marker>
<rect width="100%" height="100%" fill="#ffffff"/>"""


if __name__ == "__main__":
    IMAGE.write_text(image(), encoding="utf-8", newline="\n")
