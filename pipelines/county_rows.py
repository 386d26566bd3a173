"""Compares every value of silver and of the libraries with the true rows of the county.

Belongs here: the feeds whose true rows the county keeps. In silver all rows, of tables by file and
record, of messages by key and version; in the library table of the entity, if there is one, the
current row of each key of a table. Not here: what a row means (`county/systems/true_rows.py`),
counts and refusals (`county_check.py`).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import polars as pl

from county.systems.true_rows import (
    FILE,
    RECORD,
    feeds_with_rows,
    meant_rows,
    messages_with_rows,
    true_rows,
)
from ingestion.entity import ZONE, Entity, entities
from ingestion.lake import Lake
from ingestion.ledger import Ledger

_PLACE = ["file_digest", RECORD]
_LAKE = " lake"
_REVERSAL = "is_reversed"
_SAID = "said_at"
_EXAMPLES = 3
_TOLERANCE = 1e-6


@dataclass(frozen=True)
class RowCheck:
    """How much was compared, and every kind of difference: one line for each feed and column."""

    rows: int = 0
    values: int = 0
    library_rows: int = 0
    differences: list[str] = field(default_factory=list)

    def __add__(self, other: "RowCheck") -> "RowCheck":
        return RowCheck(
            self.rows + other.rows,
            self.values + other.values,
            self.library_rows + other.library_rows,
            self.differences + other.differences,
        )


def check_rows(lake: Lake, county: Path, ledger: Ledger) -> RowCheck:
    """Compare every accepted row of every table, both ways.

    Columns are those the sender's layout means; people's tokens and what a contract adds of its own
    (constants, the member where a row names no organization) are not compared.
    """
    found = RowCheck()
    with duckdb.connect(":memory:") as connection:
        tables = _library_tables(connection, lake.warehouse)
        for feed in feeds_with_rows(county):
            entity = entities()[str(lake.site.contracts[feed].entity)]
            truth = true_rows(county, feed, entity)
            if truth.is_empty():
                continue
            digests = dict(ledger.seen_digests(feed))
            found += _in_silver(feed, entity, truth, _silver(lake, feed, entity), digests)
            if entity.entity in tables:
                query = f'select * from warehouse."{entity.entity}" where feed = ?'
                found += _in_library(feed, entity, truth, connection.execute(query, [feed]).pl())
    faults = pl.read_parquet(county / "answer_key" / "faults.parquet")
    for feed, name in messages_with_rows(county):
        entity = entities()[name]
        truth = meant_rows(county, feed, entity)
        digests = dict(ledger.seen_digests(feed))
        spoiled = faults.filter(pl.col("feed") == feed).with_columns(_digest(digests))
        silver = _silver(lake, feed, entity).join(spoiled, on=_PLACE, how="anti")
        found += _in_messages(feed, entity, truth, silver)
    return found


def _library_tables(connection: duckdb.DuckDBPyConnection, warehouse: Path) -> set[str]:
    """Tables of the warehouse that say of every row which feed it came from."""
    if not warehouse.exists():
        return set()
    connection.execute(f"set timezone = '{ZONE}'")
    connection.execute(f"attach '{warehouse}' as warehouse (read_only)")
    query = "select table_name from duckdb_columns() where database_name = 'warehouse' "
    return {name for (name,) in connection.execute(f"{query} and column_name = 'feed'").fetchall()}


def _silver(lake: Lake, feed: str, entity: Entity) -> pl.DataFrame:
    files = sorted(lake.silver(entity.entity).glob(f"*/{feed}--*.parquet"))
    if not files:
        return pl.DataFrame(schema=entity.schema())
    return pl.read_parquet(files, hive_partitioning=False)


def _in_silver(
    feed: str, entity: Entity, truth: pl.DataFrame, silver: pl.DataFrame, digests: dict[str, str]
) -> RowCheck:
    """Every row, by file and record."""
    truth = truth.with_columns(_digest(digests))
    columns = [name for name in truth.columns if name not in (FILE, *_PLACE)]
    compared = _compared(f"silver {feed}", entity, truth, silver, _PLACE, columns)
    return RowCheck(len(truth), len(truth) * len(columns), 0, compared)


def _in_messages(feed: str, entity: Entity, truth: pl.DataFrame, silver: pl.DataFrame) -> RowCheck:
    """Every row without a planted fault, by key and version; what is still to be sent waits."""
    key = [*entity.key, *(["recorded_at"] if "recorded_at" in truth.columns else [])]
    sent = truth.join(silver, on=key, how="semi")
    columns = [name for name in truth.columns if name not in key]
    compared = _compared(f"silver {feed}", entity, sent, silver, key, columns)
    return RowCheck(len(sent), len(sent) * len(columns), 0, compared)


def _digest(digests: dict[str, str]) -> pl.Expr:
    known = pl.col(FILE).replace_strict(digests, default=None, return_dtype=pl.String)
    return known.alias(_PLACE[0])


def _in_library(feed: str, entity: Entity, truth: pl.DataFrame, library: pl.DataFrame) -> RowCheck:
    """The current row of each key: of its versions the latest, else the one sent last; one that
    says no time was the latest when sent. A reversal takes a row back and does not replace it."""
    key = [name for name in entity.key if name in truth.columns]
    truth = truth.sort(FILE, RECORD)
    order: list[str] = [FILE, RECORD]
    if entity.version_time in truth.columns:
        own = pl.col(str(entity.version_time))
        before = own.cum_max().fill_null(strategy="forward").over(key)
        truth = truth.with_columns(pl.coalesce(own, before).alias(_SAID))
        order.insert(0, _SAID)
    if _REVERSAL in truth.columns:
        order.insert(0, "stands")
        taken_back = pl.col(_REVERSAL).fill_null(value=False)
        truth = truth.with_columns((~taken_back).alias("stands"), taken_back.any().over(key))
    current = truth.sort(order, nulls_last=False).unique(key, keep="last")
    columns = [name for name in truth.columns if name in library.columns]
    library = library.select(pl.col(name).cast(truth.schema[name]) for name in columns)
    others = [name for name in columns if name not in key]
    compared = _compared(f"library {feed}", entity, current, library, key, others)
    return RowCheck(0, len(current) * len(columns), len(current), compared)


def _compared(
    where: str, entity: Entity, truth: pl.DataFrame, lake: pl.DataFrame, key: list[str],
    columns: list[str],
) -> list[str]:  # fmt: skip
    """Rows that one side lacks, and columns that differ in rows of one key."""
    name = f"{where}/{entity.entity}"
    both = truth.join(lake, on=key, how="inner", suffix=_LAKE)
    lines = [
        *_alone(name, "only in the key", truth.join(lake, on=key, how="anti"), entity),
        *_alone(name, "only in the lake", lake.join(truth, on=key, how="anti"), entity),
    ]
    for column in columns:
        odd = both.filter(_differs(column, both.schema[column]))
        if len(odd):
            examples = "; ".join(_example(entity, column, row) for row in _first(odd))
            lines.append(f"{name}.{column}: {len(odd)} of {len(both)} differ: {examples}")
    return lines


def _differs(column: str, kind: pl.DataType) -> pl.Expr:
    mine, theirs = pl.col(f"{column}{_LAKE}"), pl.col(column)
    if kind.is_float():
        near = (mine - theirs).abs() <= _TOLERANCE * pl.max_horizontal(theirs.abs(), pl.lit(1.0))
        empty = mine.is_null() | theirs.is_null()
        return ~pl.when(empty).then(mine.eq_missing(theirs)).otherwise(near)
    if column == "organization_id":
        return theirs.is_not_null() & ~mine.eq_missing(theirs)
    return ~mine.eq_missing(theirs)


def _alone(name: str, what: str, rows: pl.DataFrame, entity: Entity) -> Iterator[str]:
    if len(rows):
        keys = ", ".join(_key(entity, row) for row in _first(rows))
        yield f"{name}: {len(rows)} {what}: {keys}"


def _first(rows: pl.DataFrame) -> list[dict[str, object]]:
    return rows.head(_EXAMPLES).to_dicts()


def _example(entity: Entity, column: str, row: dict[str, object]) -> str:
    """`key: lake, key of answers`: the county is invented, so its values may be said."""
    return f"{_key(entity, row)}: {row[f'{column}{_LAKE}']}, key {row[column]}"


def _key(entity: Entity, row: dict[str, object]) -> str:
    return "/".join(str(row.get(f"{part}{_LAKE}", row.get(part))) for part in entity.key)
