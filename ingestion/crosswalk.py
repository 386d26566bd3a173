"""Code lists and the crosswalks to them, as small lookup tables.

Belongs here: reading `standards/code_systems/*.csv`, the crosswalks of standard messages in
`standards/crosswalks/*.csv`, and what a site's own folders add to both. A code that is in neither
stays unmapped: it is kept raw, counted and listed for its owner, never guessed.
"""

import csv
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

STANDARDS_DIR = Path(__file__).parent.parent / "standards"


class BadTable(ValueError):
    """A code list or crosswalk cannot be read; the message names file and line."""


@dataclass(frozen=True, eq=False)
class Codes:
    """Code lists and crosswalks as one site sees them; without a folder, as the product has them.

    A crosswalk is the site's own (`crosswalks/<name>.csv`), else that of a standard message. A code
    list is the standard's, with the codes that the site adds (`code_tables/<code system>.csv`).
    Each file is read once in the life of this object.
    """

    folder: Path | None = None
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
