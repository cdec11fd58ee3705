"""Reads from the source what every error of Outpost and of its runtime tells.

No error is raised for it: of each construction of an error class of ours the two texts are taken
from the syntax tree, with `{name}` where a value goes. A text that a branch, a constant or a
function chooses is told in each of its forms. `python tests/error_texts.py` writes the golden file.
"""

from __future__ import annotations

import ast
import itertools
import textwrap
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
GOLDEN = Path(__file__).resolve().parent / "golden" / "errors.txt"
SOURCES = ("pipeline", "resources", "assets", "detector_runtime/src/detector_runtime")
BASES = ("OutpostError", "DetectorError")
WIDTH = 110
LONGEST_EXPRESSION = 40
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)

Texts = tuple[str, ...]
Known = dict[str, str]
"""Texts of names, where one of several forms has been chosen."""


@dataclass(frozen=True, order=True)
class Told:
    """What one error says; `error` is its class, `module` its file from the root, with slashes."""

    module: str
    fix: str
    problem: str
    error: str


@dataclass(frozen=True)
class Place:
    """Where an expression stands: what its names mean."""

    module: str
    function: ast.AST | None


class Source:
    """The syntax trees of the product."""

    def __init__(self, trees: dict[str, ast.Module]) -> None:
        self.trees = trees

    @cached_property
    def errors(self) -> frozenset[str]:
        """Names of the two bases and of all classes that derive from them."""
        classes = [n for t in self.trees.values() for n in ast.walk(t) if type(n) is ast.ClassDef]
        found = set(BASES)
        while new := {c.name for c in classes if found & {*map(last_name, c.bases)}} - found:
            found |= new
        return frozenset(found)

    @cached_property
    def constants(self) -> dict[tuple[str, str], ast.expr]:
        """Strings that modules assign, by module and name."""
        return {
            (module, target.id): node.value
            for module, tree in self.trees.items()
            for node in tree.body
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }

    @cached_property
    def functions(self) -> dict[str, list[tuple[Place, ast.AST]]]:
        """Functions by name, each with the place that its own names have."""
        found = defaultdict(list)
        for module, tree in self.trees.items():
            for node in ast.walk(tree):
                if isinstance(node, FUNCTIONS):
                    found[node.name].append((Place(module, node), node))
        return found

    @cached_property
    def told(self) -> tuple[Told, ...]:
        """Every problem with its fix."""
        return tuple(self._told())

    def _told(self) -> Iterator[Told]:
        for module, tree in self.trees.items():
            for function, node in _with_functions(tree):
                place = Place(module, function)
                if isinstance(node, ast.Call) and last_name(node.func) in self.errors:
                    for problem, fix in self._pairs(node.args, place):
                        yield Told(module, fix, problem, last_name(node.func))
                elif isinstance(node, ast.Tuple) and self._names_an_error_and_its_fix(node):
                    for fix in self.texts(node.elts[1], place):
                        yield Told(module, fix, "{problem}", last_name(node.elts[0]))

    def _names_an_error_and_its_fix(self, node: ast.Tuple) -> bool:
        """Rows of tables that choose an error: its class, and what to do."""
        return (
            len(node.elts) == 2
            and last_name(node.elts[0]) in self.errors
            and isinstance(node.elts[1], ast.Constant | ast.JoinedStr)
        )

    def _pairs(self, arguments: list[ast.expr], place: Place) -> Iterator[tuple[str, str]]:
        if len(arguments) == 1 and isinstance(arguments[0], ast.Starred):
            yield from self._returned_pairs(arguments[0].value, place)
            return
        problem, fix = (*arguments, ast.Constant(""), ast.Constant(""))[:2]
        for known in self._choices(place):
            yield from itertools.product(
                self.texts(problem, place, known), self.texts(fix, place, known)
            )

    def _choices(self, place: Place) -> Iterator[Known]:
        """Texts of the names that a function takes from another that returns pairs."""
        for node in ast.walk(place.function) if place.function else ():
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Tuple):
                names = [last_name(target) for target in node.targets[0].elts]
                pairs = list(self._returned_pairs(node.value, place))
                if pairs and len(names) == 2:
                    yield from (dict(zip(names, pair, strict=True)) for pair in pairs)
                    return
        yield {}

    def _returned_pairs(self, call: ast.expr, place: Place) -> Iterator[tuple[str, str]]:
        for there, value in self._returned(call, place):
            if isinstance(value, ast.Tuple) and len(value.elts) == 2:
                yield from itertools.product(*(self.texts(part, there) for part in value.elts))

    def _returned(self, call: ast.expr, place: Place) -> Iterator[tuple[Place, ast.expr]]:
        """What a function of ours returns, if it is the only one of its name in sight."""
        found = self.functions.get(last_name(call.func), []) if isinstance(call, ast.Call) else []
        here = [one for one in found if one[0].module == place.module]
        for there, function in here or (found if len(found) == 1 else []):
            for node in ast.walk(function):
                if isinstance(node, ast.Return) and node.value is not None:
                    yield there, node.value

    def texts(self, node: ast.expr, place: Place, known: Known | None = None) -> Texts:
        """The forms that a text may have."""
        known = known or {}

        def of(part: ast.expr) -> Texts:
            return self.texts(part, place, known)

        match node:
            case ast.Constant(value=str(text)):
                return (text,)
            case ast.JoinedStr(values=parts) if parts:
                return _joined(of(part) for part in parts)
            case ast.FormattedValue(value=value):
                return of(value)
            case ast.BinOp(left=left, op=ast.Add(), right=right) if _has_words(node):
                return _joined((of(left), of(right)))
            case ast.IfExp(body=body, orelse=other):
                return of(body) + of(other)
            case ast.BoolOp(values=values):
                return tuple(text for value in values for text in of(value))
            case ast.Name(id=name) if name in known:
                return (known[name],)
            case ast.Name(id=name):
                return self._texts_of_name(name, place, known) or (placeholder(node),)
            case ast.Call(func=ast.Attribute(value=ast.Constant(), attr="join"), args=[parts]):
                return self._texts_of_parts(parts, place, known)
            case ast.Call():
                return self._texts_of_call(node, place) or (placeholder(node),)
        return (placeholder(node),)

    def _texts_of_name(self, name: str, place: Place, known: Known) -> Texts:
        """What the function, the module, or a module that it imports from assigns to a name."""
        values = [
            node.value
            for node in (ast.walk(place.function) if place.function else ())
            if isinstance(node, ast.Assign) and name in map(last_name, node.targets)
        ]
        if not values and (place.module, name) in self.constants:
            values = [self.constants[place.module, name]]
        if not values and (module := self._imported_from(name, place.module)):
            values = [self.constants[module, name]] if (module, name) in self.constants else []
        if not all(_has_words(value) for value in values):
            return ()
        return tuple(text for value in values for text in self.texts(value, place, known))

    def _imported_from(self, name: str, module: str) -> str | None:
        path = self._imports[module].get(name)
        return next((m for m in self.trees if m.endswith(f"{path}.py")), None) if path else None

    @cached_property
    def _imports(self) -> dict[str, dict[str, str]]:
        """Of each module: where the names come from that it imports, as paths without suffix."""
        return {
            module: {
                alias.name: (node.module or "").replace(".", "/")
                for node in ast.walk(tree)
                if isinstance(node, ast.ImportFrom)
                for alias in node.names
            }
            for module, tree in self.trees.items()
        }

    def _texts_of_parts(self, parts: ast.expr, place: Place, known: Known) -> Texts:
        """The forms of each part of a text that is joined from many."""
        if isinstance(parts, ast.GeneratorExp | ast.ListComp):
            return self.texts(parts.elt, place, known)
        appended = [
            text
            for node in (ast.walk(place.function) if place.function else ())
            if isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and (node.func.attr, ast.dump(node.func.value)) == ("append", ast.dump(parts))
            for text in self.texts(node.args[0], place, known)
        ]
        return tuple(appended) or (placeholder(parts),)

    def _texts_of_call(self, call: ast.Call, place: Place) -> Texts:
        returned = [v for v in self._returned(call, place) if _has_words(v[1])]
        texts = (text for there, value in returned for text in self.texts(value, there))
        return tuple(text for text in texts if text)


def read_source() -> Source:
    """Of the product as it lies here."""
    files = (file for folder in SOURCES for file in sorted((ROOT / folder).rglob("*.py")))
    trees = {f.relative_to(ROOT).as_posix(): ast.parse(f.read_text("utf-8")) for f in files}
    return Source(trees)


def golden_text(told: Iterable[Told]) -> str:
    """The page to read: by module, each fix below the problems that it is for."""
    groups = itertools.groupby(sorted({*told}), key=lambda one: (one.module, one.fix))
    lines: list[str] = []
    module = ""
    for (of_module, fix), errors in groups:
        if of_module != module:
            lines += ["", of_module]
            module = of_module
        problems = sorted({one.problem for one in errors})
        lines += [line for text in problems for line in _wrapped("  ", text)]
        lines += _wrapped("    -> ", fix)
    return "\n".join(lines[1:]) + "\n"


def last_name(node: ast.expr) -> str:
    """The last part of a dotted name; empty for anything else."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def placeholder(node: ast.expr) -> str:
    """What stands for a value in a text."""
    written = ast.unparse(node)
    return f"{{{written if len(written) <= LONGEST_EXPRESSION else '...'}}}"


def _with_functions(tree: ast.Module) -> Iterator[tuple[ast.AST | None, ast.AST]]:
    """Every node, with the innermost function around it."""

    def walk(node: ast.AST, function: ast.AST | None) -> Iterator[tuple[ast.AST | None, ast.AST]]:
        yield function, node
        inner = node if isinstance(node, FUNCTIONS) else function
        for child in ast.iter_child_nodes(node):
            yield from walk(child, inner)

    return walk(tree, None)


def _has_words(node: ast.expr) -> bool:
    """Whether an expression is a text that is written there."""
    match node:
        case ast.Constant(value=str()) | ast.JoinedStr():
            return True
        case ast.IfExp(body=body, orelse=other):
            return _has_words(body) and _has_words(other)
        case ast.BinOp(left=left, right=right):
            return _has_words(left) or _has_words(right)
        case ast.Call(func=ast.Attribute(value=ast.Constant(), attr="join"), args=[parts]):
            return not isinstance(parts, ast.GeneratorExp) or _has_words(parts.elt)
    return False


def _joined(parts: Iterable[Texts]) -> Texts:
    return tuple(map("".join, itertools.product(*parts)))


def _wrapped(indent: str, text: str) -> list[str]:
    return textwrap.wrap(
        " ".join(text.split()),
        WIDTH,
        initial_indent=indent,
        subsequent_indent=" " * (len(indent) + 2),
        break_long_words=False,
        break_on_hyphens=False,
    ) or [indent.rstrip()]


if __name__ == "__main__":
    GOLDEN.parent.mkdir(exist_ok=True)
    GOLDEN.write_text(golden_text(read_source().told), encoding="utf-8", newline="\n")
