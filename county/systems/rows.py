"""Canonical frames to a sender's own rows: text cells under its headers, in its local codes.

Belongs here: how a value is written. Not here: planted faults (`faults.py`), files (`tables.py`).
"""

import polars as pl

from county.systems.layouts import ColumnLayout, Layout


def money(fen: int | None) -> str | None:
    """Fen as yuan with two decimals."""
    if fen is None:
        return None
    sign = "-" if fen < 0 else ""
    return f"{sign}{abs(fen) // 100}.{abs(fen) % 100:02d}"


def rendered(feed: str, layout: Layout, rows: pl.DataFrame) -> pl.DataFrame:
    """Text cells by header, null where empty; one row per row of `rows`.

    Raises:
        ValueError: the frame lacks a field, or a date has no format in the layout.
        polars.exceptions.InvalidOperationError: a code the layout does not know.
    """
    cells = []
    for header, column in layout.columns.items():
        if column.field not in rows.columns:
            raise ValueError(f"{feed}: {header} wants {column.field}, the export has no such field")
        cells.append(_cell(feed, header, column, rows.schema[column.field]))
    return rows.select(cells)


def _cell(feed: str, header: str, column: ColumnLayout, kind: pl.DataType) -> pl.Expr:
    value = pl.col(column.field)
    if column.codes is not None:
        text = value.cast(pl.String).replace_strict(
            list(column.codes), list(column.codes.values()), return_dtype=pl.String
        )
    elif kind.is_temporal():
        if column.format is None:
            raise ValueError(f"{feed}: {header} is a date or time without a format")
        text = value.dt.strftime(column.format)
    elif column.field.endswith("_fen"):
        text = _yuan(value.cast(pl.Int64))
    elif kind.is_float():
        text = value.fill_nan(None).cast(pl.String)
    else:
        text = value.cast(pl.String)
    return pl.when(text != "").then(text).alias(header)


def _yuan(fen: pl.Expr) -> pl.Expr:
    whole = (fen.abs() // 100).cast(pl.String)
    rest = (fen.abs() % 100).cast(pl.String).str.zfill(2)
    sign = pl.when(fen < 0).then(pl.lit("-")).otherwise(pl.lit(""))
    return pl.concat_str(sign, whole, pl.lit("."), rest)
