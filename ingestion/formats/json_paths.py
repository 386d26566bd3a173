"""The path language of JSON: one value, or the nodes of an array, out of nested objects.

Belongs here: reading values. Not here: bytes (`json_records.py`), rows and tables (`jsonlines.py`,
`fhir.py`).

A path is names joined by dots, read from the row's object, or from its record with a leading `/`:
- `reading.systolic`: a value inside an object;
- `items.code`: arrays are entered by themselves, and the first element that has the rest wins;
- `items[2].code`: the second element (from 1);
- `identifier[system=urn:oid:1.2.3].value`: the first element whose `system` is that; the test may
  be a path of its own (`code[coding.code=8867-4]`), and several may follow each other;
- `.`: the row itself, when the array holds plain values; `item()`: its number in the array.
Names that hold dots or brackets are written in double quotes: `"vital.signs".pulse`.

A value is text as it was sent: numbers keep their digits, booleans are `true` and `false`; plain
values of an array are joined by `;`, an object is its JSON text.
"""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache

ITEM_NUMBER = "item()"
JOIN = ";"
STEP = re.compile(r'(?:"([^"]+)"|([^.\[\]"]+))((?:\[[^\[\]]+\])*)(?:\.|$)')
TEST = re.compile(r"\[([^\[\]]+)\]")

Node = object
Follow = Callable[[dict[str, object]], object]
"""Turns a reference into what it refers to, or None."""


@dataclass(frozen=True)
class Test:
    """One pair of brackets: a place in the array (from 1), or a path and the value it must have."""

    place: int | None
    path: tuple["Step", ...] = ()
    value: str = ""

    def keeps(self, node: Node, place: int) -> bool:
        if self.place is not None:
            return place == self.place
        return any(as_text(found) == self.value for found in reached(node, self.path))


@dataclass(frozen=True)
class Step:
    """One name of a path with its tests; `follow` marks a reference to be followed first."""

    name: str
    tests: tuple[Test, ...] = ()
    follow: bool = False


@cache
def compile_path(text: str) -> tuple[Step, ...]:
    """Steps of a path without its leading `/`.

    Raises:
        ValueError: the text is no path.
    """
    if text in (".", ""):
        return ()
    steps: list[Step] = []
    for order, part in enumerate(text.split(">")):
        at = 0
        while at < len(part):
            found = STEP.match(part, at)
            if found is None or (found.end() == len(part) and part.endswith(".")):
                raise ValueError(f"not a path: {text}")
            tests = tuple(_test(one) for one in TEST.findall(found[3]))
            steps.append(Step(found[1] or found[2], tests, follow=bool(order) and at == 0))
            at = found.end()
        if not part:
            raise ValueError(f"not a path: {text}")
    return tuple(steps)


def _test(text: str) -> Test:
    if text.isdecimal():
        return Test(int(text))
    path, sign, value = text.partition("=")
    if not sign or not path:
        raise ValueError(f"not a test: [{text}]")
    return Test(None, compile_path(path), value)


def reached(node: Node, steps: Sequence[Step], follow: Follow | None = None) -> Iterator[Node]:
    """Everything the steps lead to, in document order; arrays of objects are entered."""
    if isinstance(node, list) and (steps or any(isinstance(one, dict | list) for one in node)):
        for one in node:
            yield from reached(one, steps, follow)
        return
    if not steps:
        if node is not None:
            yield node
        return
    step, rest = steps[0], steps[1:]
    if step.follow and follow is not None and isinstance(node, dict):
        node = follow(node)
    value = node.get(step.name) if isinstance(node, dict) else None
    if value is None:
        return
    if not step.tests:
        yield from reached(value, rest, follow)
        return
    kept = value if isinstance(value, list) else [value]
    for test in step.tests:
        kept = [one for place, one in enumerate(kept, 1) if test.keeps(one, place)]
    for one in kept:
        yield from reached(one, rest, follow)


def nodes(record: Node, path: str) -> list[Node]:
    """The rows of a record: every element of the arrays at the path."""
    found: list[Node] = []
    for one in reached(record, compile_path(path)):
        found += one if isinstance(one, list) else [one]
    return found


def first_text(node: Node, steps: Sequence[Step], follow: Follow | None = None) -> str | None:
    """The first value at a path that is not empty, None when there is none."""
    for found in reached(node, steps, follow):
        text = as_text(found)
        if text is not None:
            return text
    return None


def as_text(value: Node) -> str | None:
    """A value as text; numbers are text already (`json_records.py`)."""
    if value is None or isinstance(value, str):
        return value or None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list) and not any(isinstance(one, dict | list) for one in value):
        return JOIN.join(text for one in value if (text := as_text(one))) or None
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")) if value else None
