"""Every rate of the county says where it is from, or that it is assumed."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import county

_COUNTY = Path(county.__file__).parent
_FILES = sorted(
    [_COUNTY / "parameters.yml"]
    + [p for p in (_COUNTY / "domains").rglob("*.yml") if not p.name.endswith("layouts.yml")]
    + list((_COUNTY / "profiles").glob("*.yml"))
)
_SAYS = re.compile(
    r"\bassumed\b|\binvented\b|\bplanted\b|\bGB(/T)? ?\d|\bWS(/T)? ?\d|\bWHO\b|\bnational\b", re.I
)
_QUOTED = re.compile(r"\"[^\"]*\"|'[^']*'")
_RATE = re.compile(r"(?<![\w.])-?\d+(\.\d+)?(?![\w.])")
"""A number standing alone, not part of a code or a name."""


def unexplained(content: str) -> list[str]:
    """Lines with a rate that nothing explains: not their comment, the comment above them, a line
    they stand under or the head of the file.

    A comment on lines of its own speaks for what follows at its depth, up to the next such comment
    or a line less deep.
    """
    lines = content.splitlines()
    if "assumed" in _QUOTED.sub("", " ".join(_leading(lines))).lower():
        return []
    found: list[str] = []
    spoken: dict[int, bool] = {}
    open_comment: list[str] = []
    for line in lines:
        if not line.strip():
            continue
        depth = len(line) - len(line.lstrip())
        value, _, comment = line.partition("#")
        if not value.strip():
            open_comment.append(comment)
            continue
        spoken = {deep: says for deep, says in spoken.items() if deep <= depth}
        if open_comment:
            spoken[depth] = bool(_SAYS.search(" ".join(open_comment)))
            open_comment = []
        own = bool(_SAYS.search(comment))
        if _has_rate(value) and not own and not any(spoken.values()):
            found.append(line.strip())
        if own and value.rstrip().endswith(":"):
            spoken[depth + 1] = True
    return found


def _leading(lines: list[str]) -> Iterator[str]:
    for line in lines:
        if not line.startswith("#"):
            return
        yield line


def _has_rate(value: str) -> bool:
    amounts = value.partition(":")[2] if ":" in value else value
    return bool(_RATE.search(_QUOTED.sub("", amounts)))


@pytest.mark.parametrize("path", _FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_rate_has_its_source_or_is_assumed(path: Path) -> None:
    assert not unexplained(path.read_text("utf-8"))


def test_a_rate_without_a_word_is_found() -> None:
    content = "# Rates.\nfirst: 0.2   # assumed\nsecond: 0.3\n"
    assert unexplained(content) == ["second: 0.3"]


def test_a_comment_above_speaks_for_its_block_only() -> None:
    content = "# Rates.\nouter:\n  # Assumed, all of it: assumed.\n  a: 1\n  b: 2\nother: 3\n"
    assert unexplained(content) == ["other: 3"]
