"""Code lists and the members' crosswalks to them, as small lookup tables.

Belongs here: reading `standards/code_systems/*.csv` and `standards/crosswalks/*.csv`. A code that
is in neither stays unmapped: it is kept raw, counted and listed for its owner, never guessed.
"""

import csv
from functools import cache
from pathlib import Path

STANDARDS_DIR = Path(__file__).parent.parent / "standards"


@cache
def code_system(name: str) -> dict[str, str]:
    """Code to Chinese name of one code system.

    Raises:
        FileNotFoundError: an entity names a code system that nobody defined.
    """
    with (STANDARDS_DIR / "code_systems" / f"{name}.csv").open(encoding="utf-8") as stream:
        return {row["code"]: row["name"] for row in csv.DictReader(stream)}


@cache
def crosswalk(name: str) -> dict[str, str]:
    """Source code to standard code of one member's local list."""
    with (STANDARDS_DIR / "crosswalks" / f"{name}.csv").open(encoding="utf-8") as stream:
        return {row["source_code"]: row["code"] for row in csv.DictReader(stream)}
