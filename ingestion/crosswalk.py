"""Code lists and the crosswalks to them, as small lookup tables.

Belongs here: reading `standards/code_systems/*.csv`, the crosswalks of standard messages in
`standards/crosswalks/*.csv`, and what a site's own folders add to both. A code that is in neither
stays unmapped: it is kept raw, counted and listed for its owner, never guessed.
"""

import csv
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from pathlib import Path

from ingestion.terminology import Edition, Terminology

STANDARDS_DIR = Path(__file__).parent.parent / "standards"


class BadTable(ValueError):
    """A code list or crosswalk cannot be read; the message names file and line."""


@dataclass(frozen=True, eq=False)
class Codes:
    """Code lists and crosswalks as one lake sees them; without a folder, as the product has them.

    A crosswalk is the site's own (`crosswalks/<name>.csv`), else that of a standard message. A code
    list is the standard's, with the codes that the site adds (`code_tables/<code system>.csv`) and
    those that the lake has loaded; neither can take a code away, so SQL and rules that name codes
    stay true. Each file is read once in the life of this object.
    """

    folder: Path | None = None
    loaded: Terminology | None = None
    _read: dict[Path, dict[str, str]] = field(default_factory=dict, repr=False)

    def crosswalk(self, name: str) -> dict[str, str]:
        """Source code to standard code.

        Raises:
            FileNotFoundError: neither the site nor the product has such a crosswalk.
            BadTable: it cannot be read.
        """
        own = self.folder / "crosswalks" / f"{name}.csv" if self.folder else None
        path = own if own and own.exists() else STANDARDS_DIR / "crosswalks" / f"{name}.csv"
        return self._table(path, "source_code", "code")

    def code_system(self, name: str) -> dict[str, str]:
        """Code to Chinese name of one code system.

        Raises:
            FileNotFoundError: an entity names a code system that nobody defined.
        """
        return {**self._of_site(name), **self.terminology(name)}

    def terminology(self, name: str) -> dict[str, str]:
        """Code to name of what the lake has loaded of one code system, all editions together."""
        return self.loaded.names(name) if self.loaded else {}

    def editions(self, name: str) -> list[Edition]:
        """What the lake has loaded of one code system, in the order of coming into force."""
        return self.loaded.editions.get(name, []) if self.loaded else []

    def decided(self, feed: str, entity: str, column: str) -> dict[str, str]:
        """A feed's own codes of one column to standard ones, as a person has decided."""
        return self.loaded.decided(feed, entity, column) if self.loaded else {}

    def names_of(self, name: str) -> dict[str, str]:
        """Codes of a list of the product, or of one that only a lake has."""
        return {**self.own_names(name), **self.terminology(name)}

    def own_names(self, name: str) -> dict[str, str]:
        """Codes of product and site; none of a list that is only loaded."""
        try:
            return self._of_site(name)
        except FileNotFoundError:
            return {}

    def _of_site(self, name: str) -> dict[str, str]:
        own = self.folder / "code_tables" / f"{name}.csv" if self.folder else None
        if own and own.exists():
            return {**code_system(name), **self._table(own, "code", "name")}
        return code_system(name)

    def _table(self, path: Path, key: str, value: str) -> dict[str, str]:
        if path not in self._read:
            self._read[path] = _read(path, key, value)
        return self._read[path]


@cache
def code_system(name: str) -> dict[str, str]:
    """Code to Chinese name of one code system of the product.

    Raises:
        FileNotFoundError: an entity names a code system that nobody defined.
    """
    return _read(STANDARDS_DIR / "code_systems" / f"{name}.csv", "code", "name")


@cache
def code_facts(name: str) -> dict[str, dict[str, str]]:
    """What a code system of the product says of its codes beside their names, by code: `parent`,
    `valid_from`, `valid_to` and the like, where it has such columns."""
    with (STANDARDS_DIR / "code_systems" / f"{name}.csv").open(encoding="utf-8-sig") as stream:
        rows = list(csv.DictReader(stream))
    return {
        row["code"]: {k: v for k, v in row.items() if v and k not in ("code", "name")}
        for row in rows
    }


def valid_codes(name: str, on: date) -> set[str]:
    """Codes of a code system of the product that are in force on a day; most say no days."""
    said = code_facts(name)
    return {
        code
        for code in code_system(name)
        if date.fromisoformat(said[code].get("valid_from", "0001-01-01")) <= on
        and on <= date.fromisoformat(said[code].get("valid_to", "9999-12-31"))
    }


def _read(path: Path, key: str, value: str) -> dict[str, str]:
    """Two columns of a CSV file in UTF-8.

    Raises:
        BadTable: it is no UTF-8, lacks a column, or says two things of one code.
    """
    name = f"{path.parent.name}/{path.name}"
    found: dict[str, str] = {}
    try:
        with path.open(encoding="utf-8-sig") as stream:
            for number, row in enumerate(csv.DictReader(stream), start=2):
                code, meaning = row.get(key), row.get(value)
                if code is None or meaning is None:
                    raise BadTable(f"{name} 第 {number} 行缺少 {key} 或 {value}")
                if found.setdefault(code, meaning) != meaning:
                    raise BadTable(f"{name} 第 {number} 行：{code} 已另有所指")
    except UnicodeDecodeError as error:
        raise BadTable(f"{name} 不是 UTF-8 文件，请另存为 UTF-8") from error
    return found
