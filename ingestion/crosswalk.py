"""Code lists and the crosswalks to them, as small lookup tables.

Belongs here: reading `standards/code_systems/*.csv`, the site's `crosswalks/*.csv` and those of the
standard messages in `standards/crosswalks/`. A code that is in neither stays
unmapped: it is kept raw, counted and listed for its owner, never guessed.
"""

import csv
from functools import cache
from pathlib import Path

STANDARDS_DIR = Path(__file__).parent.parent / "standards"
SITE_DIR = Path(__file__).parent.parent / "sites" / "demo"


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
    """Source code to standard code: a member's local list, else that of a standard message."""
    path = SITE_DIR / "crosswalks" / f"{name}.csv"
    if not path.exists():
        path = STANDARDS_DIR / "crosswalks" / f"{name}.csv"
    with path.open(encoding="utf-8") as stream:
        return {row["source_code"]: row["code"] for row in csv.DictReader(stream)}
