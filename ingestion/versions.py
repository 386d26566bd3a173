"""Which version of a row is the current one: one order for every reader, here for Polars.

Belongs here: the order of versions as decision 0015 states it. Not here: the same order in SQL
(`macros/facts.sql`; a test holds the two together) and where its columns come from (`conform.py`,
`landing.py`).

Versions of a key are ordered by

1. the source's own version time. A version that says none was current when it came, so it takes the
   latest time that any version before it in order of arrival has said;
2. the source's own running number, between versions that say the same time; a version without one
   comes after those with one;
3. arrival: batch (a counter that only grows), file of the batch (by its date, then its name),
   record of the file, item of the record.
"""

from collections.abc import Sequence

import polars as pl

ARRIVAL = ("arrival_batch_id", "file_number", "record_number", "item_number")


def in_order(versions: pl.DataFrame, key: Sequence[str]) -> pl.DataFrame:
    """Versions of all keys, oldest first.

    Args:
        versions: Rows of silver with their lineage.
        key: Columns of the entity's key; nulls in it are one value.
    """
    arrived = versions.sort(ARRIVAL, nulls_last=False, maintain_order=True)
    said = pl.col("version_at").cum_max().fill_null(strategy="forward").over(list(key))
    return (
        arrived.with_columns(pl.coalesce("version_at", said).alias("_current_at"))
        .with_columns(pl.col("feed_sequence").is_null().alias("_unnumbered"))
        .sort("_current_at", "_unnumbered", "feed_sequence", nulls_last=False, maintain_order=True)
        .drop("_current_at", "_unnumbered")
    )


def current(versions: pl.DataFrame, key: Sequence[str]) -> pl.DataFrame:
    """The latest version of every key."""
    return in_order(versions, key).unique(list(key), keep="last", maintain_order=True)
