"""What a full extract means: rows that it no longer holds lapse.

Belongs here: comparing the rows of one snapshot with what its feed has said before, and the rows
that take back what is gone. Not here: which feeds send snapshots (`contract.py`), writing rows
(`landing.py`), or which row is current in a library (`macros/facts.sql`).
"""

from dataclasses import dataclass

import polars as pl

from ingestion.contract import Holds
from ingestion.entity import Entity
from ingestion.formats.source import FILE, ITEM, RECORD
from ingestion.versions import current

SHRANK = "snapshot_shrank"


@dataclass(frozen=True)
class Compared:
    """`fresh`: rows of the snapshot that say something new. `lapsed`: rows that take back what it
    no longer holds: the current version of each key, marked. `refused`: why nothing lapses although
    something is gone; empty when nothing stood in the way."""

    fresh: pl.DataFrame
    lapsed: pl.DataFrame
    refused: str = ""


def compare(
    rows: pl.DataFrame,
    before: pl.DataFrame,
    *,
    entity: Entity,
    holds: Holds,
    unread: pl.DataFrame,
    is_whole: bool,
) -> Compared:
    """Compare a snapshot with the versions that the same feed sent earlier.

    Args:
        rows: Conformed rows of the snapshot.
        before: All rows of the feed and entity in silver that arrived earlier.
        unread: Keys of refused rows: the snapshot holds them, whatever they say.
        is_whole: Everything in the file could be read; else nothing lapses.
    """
    key = entity.key
    standing = current(before, key).filter(~pl.col("is_retracted").fill_null(False))
    said = rows.unique("row_digest", keep="first", maintain_order=True)
    fresh = said.join(
        standing.select(*key, "row_digest"), on=[*key, "row_digest"], how="anti", nulls_equal=True
    )
    held = pl.concat([rows.select(key), unread.select(key)]).unique()
    within = standing
    if scope := _scope(entity, holds):
        spoken_of = rows.select(scope).unique()
        within = standing.with_columns(scope).join(
            spoken_of, on=spoken_of.columns, how="semi", nulls_equal=True
        )
    within = within.select(standing.columns)
    gone = within.join(held, on=key, how="anti", nulls_equal=True)
    nothing = gone.clear()
    if gone.is_empty():
        return Compared(fresh, nothing)
    if not is_whole or any(unread[name].null_count() for name in key):
        return Compared(fresh, nothing, f"{len(gone)} gone, but the file was not read whole")
    if rows.is_empty() or len(gone) > holds.lapses_at_most * len(within):
        detail = f"{len(gone)} of {len(within)} gone, more than {holds.lapses_at_most:.0%}"
        return Compared(fresh, nothing, detail)
    lapsed = gone.sort(key).with_columns(
        pl.lit(True).alias("is_retracted"),
        pl.lit(None, pl.UInt64).alias("row_digest"),
        pl.lit(None, pl.Int64).alias("feed_sequence"),
        pl.lit(None, before.schema["version_at"]).alias("version_at"),
        pl.lit(0, pl.Int32).alias(FILE),
        pl.lit(0, pl.Int64).alias(RECORD),
        pl.int_range(1, pl.len() + 1, dtype=pl.Int64).alias(ITEM),
    )
    return Compared(fresh, lapsed)


def _scope(entity: Entity, holds: Holds) -> list[pl.Expr]:
    """What a snapshot speaks of, as columns of its rows."""
    found = []
    if "organization" in holds.scope:
        found.append(pl.col("organization_id"))
    if "month" in holds.scope:
        moment = pl.col(str(entity.event_time))
        if entity.columns[str(entity.event_time)].type == "timestamp":
            moment = moment.dt.date()
        found.append(moment.dt.strftime("%Y-%m").alias("_month"))
    return found
