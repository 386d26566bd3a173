"""Compares every value of silver with the true rows of the county it came from.

Belongs here: row by row and column by column, for the tables whose true rows the county keeps. Not
here: what a row means (`county/systems/true_rows.py`), counts and refusals (`county_check.py`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from county.systems.true_rows import FILE, RECORD, feeds_with_rows, true_rows
from ingestion.entity import Entity, entities
from ingestion.lake import Lake
from ingestion.ledger import Ledger

_PLACE = ["file_digest", RECORD]
_EXAMPLES = 3
_TOLERANCE = 1e-6


@dataclass(frozen=True)
class RowCheck:
    """How much was compared, and every kind of difference: one line for each feed and column."""

    rows: int = 0
    values: int = 0
    differences: list[str] = field(default_factory=list)

    def __add__(self, other: "RowCheck") -> "RowCheck":
        return RowCheck(
            self.rows + other.rows,
            self.values + other.values,
            self.differences + other.differences,
        )


def check_rows(lake: Lake, county: Path, ledger: Ledger) -> RowCheck:
    """Compare every accepted row of every table, both ways.

    Columns are those the sender's layout means; people's tokens and what a contract adds of its own
    (constants, the member where a row names no organization) are not compared.
    """
    found = RowCheck()
    for feed in feeds_with_rows(county):
        entity = entities()[str(lake.site.contracts[feed].entity)]
        truth = true_rows(county, feed, entity)
        if len(truth):
            found += _compare(feed, entity, truth, _silver(lake, feed, entity), ledger)
    return found


def _silver(lake: Lake, feed: str, entity: Entity) -> pl.DataFrame:
    files = sorted(lake.silver(entity.entity).glob(f"*/{feed}--*.parquet"))
    if not files:
        return pl.DataFrame(schema=entity.schema())
    return pl.read_parquet(files, hive_partitioning=False)


def _compare(
    feed: str, entity: Entity, truth: pl.DataFrame, silver: pl.DataFrame, ledger: Ledger
) -> RowCheck:
    digests = dict(ledger.seen_digests(feed))
    truth = truth.with_columns(
        pl.col(FILE).replace_strict(digests, default=None, return_dtype=pl.String).alias(_PLACE[0])
    )
    both = truth.join(silver, on=_PLACE, how="inner", suffix=" lake")
    lost = truth.join(silver, on=_PLACE, how="anti")
    extra = silver.join(truth, on=_PLACE, how="anti")
    columns = [name for name in truth.columns if name not in (FILE, *_PLACE)]
    name = f"{feed}/{entity.entity}"
    lines = [*_missing(name, "not in silver", lost), *_missing(name, "not in the key", extra)]
    for column in columns:
        lines += _differing(name, entity, column, both)
    return RowCheck(len(truth), len(both) * len(columns), lines)


def _missing(name: str, what: str, rows: pl.DataFrame) -> Iterator[str]:
    if len(rows):
        places = rows.select(FILE if FILE in rows.columns else _PLACE[0], RECORD)
        told = ", ".join(f"{file} record {record}" for file, record in places.head(3).iter_rows())
        yield f"rows {name}: {len(rows)} {what}: {told}"


def _differing(name: str, entity: Entity, column: str, both: pl.DataFrame) -> Iterator[str]:
    mine, theirs = pl.col(f"{column} lake"), pl.col(column)
    if column == "organization_id":
        both = both.filter(theirs.is_not_null())
    if both.schema[column].is_float():
        near = (mine - theirs).abs() <= _TOLERANCE * pl.max_horizontal(theirs.abs(), pl.lit(1.0))
        same = pl.when(mine.is_null() | theirs.is_null()).then(mine.eq_missing(theirs))
        odd = both.filter(~same.otherwise(near))
    else:
        odd = both.filter(~mine.eq_missing(theirs))
    if len(odd):
        examples = "; ".join(_example(entity, column, row) for row in _first(odd))
        yield f"rows {name}.{column}: {len(odd)} of {len(both)} differ: {examples}"


def _first(rows: pl.DataFrame) -> Sequence[dict[str, object]]:
    return rows.head(_EXAMPLES).to_dicts()


def _example(entity: Entity, column: str, row: dict[str, object]) -> str:
    """`key: lake, key of answers`: the county is invented, so its values may be said."""
    key = "/".join(str(row.get(f"{part} lake", row.get(part))) for part in entity.key)
    return f"{key}: {row[f'{column} lake']}, key {row[column]}"
