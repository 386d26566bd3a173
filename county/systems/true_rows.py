"""The true rows of every table: what a sender meant to say, by the columns of the entity.

Belongs here: keeping the rows that must be accepted, and reading them back as values. What a cell
means is what the layout says of its header, never what a contract makes of it. Not here: rows of
messages and documents, and the comparison with a lake (`pipelines/county_rows.py`).
"""

from pathlib import Path

import polars as pl

from county.systems.layouts import ColumnLayout, Layout, layout_of
from ingestion.entity import POLARS_TYPE, Entity

FILE, RECORD = "file", "record_number"
_FOLDER = Path("answer_key") / "rows"


def keep_rows(county: Path, feed: str, file: str, rows: pl.DataFrame) -> None:
    """Keep the true rows of one file: `record_number` and text cells by header."""
    path = county / _FOLDER / feed / f"{file}.arrow"
    if not path.parent.exists():
        path.parent.mkdir(parents=True)
    rows.write_ipc(path, compression="lz4")


def feeds_with_rows(county: Path) -> list[str]:
    """Feeds whose true rows are kept."""
    return sorted(path.name for path in (county / _FOLDER).iterdir())


def true_rows(county: Path, feed: str, entity: Entity) -> pl.DataFrame:
    """True rows of the files of one feed that have been sent.

    Columns: `file`, `record_number`, and every column of the entity that the layout means, in its
    type; for a column with a code system also `<column>_raw`, the sender's own code. A code that
    nobody mapped is null.
    """
    layout = layout_of(feed)
    parts = []
    folder = county / _FOLDER / feed
    for path in sorted(folder.rglob("*.arrow")):
        file = path.relative_to(folder).as_posix().removesuffix(".arrow")
        if (county / "inbox" / file).is_file():
            rows = pl.read_ipc(path)
            parts.append(rows.with_columns(pl.lit(file).alias(FILE), pl.col(RECORD).cast(pl.Int64)))
    if not parts:
        return pl.DataFrame()
    cells = pl.concat(parts)
    values = []
    for name, header in layout.meanings.items():
        values.append(_value(layout, header, entity, name).alias(name))
        if name in entity.coded:
            values.append(pl.col(header).alias(f"{name}_raw"))
    return cells.select(FILE, RECORD, *values)


def _value(layout: Layout, header: str, entity: Entity, name: str) -> pl.Expr:
    column, kind = layout.columns[header], entity.columns[name].type
    cell, unmapped = pl.col(header), layout.unmapped
    if unmapped and unmapped.header == header:
        cell = pl.when(cell != unmapped.value).then(cell)
    meant = _meant(column, cell)
    if kind == "string":
        return meant
    if kind == "boolean":
        return meant == "true"
    if kind in ("date", "timestamp"):
        moment = meant.str.to_datetime(column.format, time_unit="us")
        if kind == "date":
            return moment.dt.date()
        return moment.dt.replace_time_zone("Asia/Shanghai")
    if column.times is None:
        return meant.cast(POLARS_TYPE[kind])
    return (meant.cast(pl.Float64) * column.times).round(6).cast(POLARS_TYPE[kind])


def _meant(column: ColumnLayout, cell: pl.Expr) -> pl.Expr:
    """The cell in the canonical codes."""
    if column.codes is None:
        return cell
    return cell.replace_strict(
        list(column.codes.values()), list(column.codes), return_dtype=pl.String
    )
