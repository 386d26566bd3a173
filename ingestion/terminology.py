"""Code lists and decisions on codes that a lake has loaded itself: `YIGONG_HOME/terminology/`.

An *edition* is one version of one code system as it was loaded: `<system>/<version>.parquet` with
`<version>.json` beside it. A *decision* says which standard code a member's own code stands for:
`decisions.parquet`, a row a feed, entity, column and source code. Both belong to the lake, not to
the product or the site's folder, and are backed up with it (decision 0018).

Belongs here: their shape, and what the lake knows by them. Not here: writing them
(`terminology_store.py`), reading an official file (`terminology_file.py`), lists that come with the
product or the site (`crosswalk.py`).
"""

import json
from dataclasses import dataclass, fields
from datetime import date
from functools import cached_property
from pathlib import Path

import polars as pl

EDITION: dict[str, pl.DataType] = {
    "code": pl.String(),
    "name": pl.String(),
    "parent": pl.String(),  # a code of the same list
    "valid_from": pl.Date(),  # of this code, where the list says it
    "valid_to": pl.Date(),
    "attributes": pl.String(),  # JSON: what else the list says of the code
}
DECISION: dict[str, pl.DataType] = {
    **dict.fromkeys(("feed", "entity", "column", "source_code", "code"), pl.String()),
    "decided_at": pl.String(),
}


@dataclass(frozen=True)
class Edition:
    """One version of a code system as loaded. Dates are those between which it is in force."""

    system: str
    version: str
    source: str
    confidence: str
    valid_from: date | None
    valid_to: date | None
    rows: int
    loaded_at: str
    file_name: str
    digest: str

    def in_force(self, day: date) -> bool:
        return (self.valid_from or date.min) <= day <= (self.valid_to or date.max)


@dataclass(frozen=True, eq=False)
class Terminology:
    """What lies in one lake's `terminology/`, each file read once in the life of this object."""

    folder: Path

    @cached_property
    def editions(self) -> dict[str, list[Edition]]:
        """By system, in the order in which they come into force."""
        found: dict[str, list[Edition]] = {}
        for path in sorted(self.folder.glob("*/*.json")):
            said = json.loads(path.read_text("utf-8"))
            for name in ("valid_from", "valid_to"):
                said[name] = date.fromisoformat(said[name]) if said[name] else None
            edition = Edition(**{f.name: said[f.name] for f in fields(Edition)})
            found.setdefault(edition.system, []).append(edition)
        for system in found.values():
            system.sort(key=lambda one: (one.valid_from or date.min, one.loaded_at))
        return found

    def table(self, edition: Edition) -> pl.DataFrame:
        """The codes of an edition, in the shape of `EDITION`."""
        return pl.read_parquet(self.folder / edition.system / f"{edition.version}.parquet")

    def edition(self, system: str, *, on: date) -> Edition | None:
        """The edition in force on a day, of several the one that came into force last."""
        standing = [one for one in self.editions.get(system, []) if one.in_force(on)]
        return standing[-1] if standing else None

    def names(self, system: str, *, on: date | None = None) -> dict[str, str]:
        """Code to name: of all editions, the latest name of each; or of what is in force on a day,
        codes that are not valid then left out."""
        if on is None:
            chosen = self.editions.get(system, [])
        else:
            standing = self.edition(system, on=on)
            chosen = [standing] if standing else []
        found: dict[str, str] = {}
        for edition in chosen:
            rows = self.table(edition)
            if on is not None:
                rows = rows.filter(
                    pl.col("valid_from").is_null() | (pl.col("valid_from") <= on),
                    pl.col("valid_to").is_null() | (pl.col("valid_to") >= on),
                )
            found |= dict(rows.select("code", "name").iter_rows())
        return found

    @cached_property
    def _decisions(self) -> dict[tuple[str, str, str], dict[str, str]]:
        found: dict[tuple[str, str, str], dict[str, str]] = {}
        for feed, entity, column, source, code, _ in self.decisions().iter_rows():
            found.setdefault((feed, entity, column), {})[source] = code
        return found

    def decisions(self) -> pl.DataFrame:
        """All decisions on codes, in the shape of `DECISION`."""
        path = self.folder / "decisions.parquet"
        return pl.read_parquet(path) if path.exists() else pl.DataFrame(schema=DECISION)

    def decided(self, feed: str, entity: str, column: str) -> dict[str, str]:
        """A feed's own codes of one column to standard ones, as a person has decided."""
        return self._decisions.get((feed, entity, column), {})
