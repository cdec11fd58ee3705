"""YAML with limits: what a person writes by hand, and nothing that could hang or fill memory.

PyYAML's safe loader makes no objects, but follows aliases (of which ten lines can unfold to
gigabytes), recurses as deeply as the text is nested, and lets the errors of single values through.
"""

from __future__ import annotations

from typing import Any

import yaml

MAX_CHARACTERS = 1 << 20
MAX_DEPTH = 32


def parse_yaml(text: str) -> Any:
    """Read one document.

    Raises:
        yaml.YAMLError: it is not YAML, larger than a million characters, nested more than 32 deep,
            has an alias, or a value that cannot be read.
    """
    if len(text) > MAX_CHARACTERS:
        raise yaml.YAMLError(f"it has more than {MAX_CHARACTERS} characters")
    try:
        return yaml.load(text, _Loader)
    except yaml.YAMLError:
        raise
    except Exception as error:
        # Impossible dates, numbers and keys come as whatever Python raises for them.
        raise yaml.YAMLError(f"a value cannot be read ({error})") from error


class _Loader(yaml.SafeLoader):
    """The safe loader, without aliases and deep nesting."""

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self._depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event: yaml.Event = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent):
            raise _refused("aliases (*name) are not read here: write the value out", event)
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise _refused(f"it is nested more than {MAX_DEPTH} deep", event)
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node


def _refused(problem: str, event: yaml.Event) -> yaml.MarkedYAMLError:
    mark: Any = event.start_mark
    return yaml.MarkedYAMLError(problem=problem, problem_mark=mark)
