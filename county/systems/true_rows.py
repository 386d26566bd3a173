"""The true rows: what a sender meant to say, by the columns of the entity.

Belongs here: keeping the rows that must be accepted, and reading them back as values: of every
table, where a cell means what the layout says of its header, never what a contract makes of it, and
of messages whose writer says them (`Meant`). Not here: the comparison with a lake
(`pipelines/county_rows.py`).
"""

from pathlib import Path

import polars as pl

from county.scene import Meant
from county.systems.layouts import ColumnLayout, Layout, layout_of
from ingestion.entity import POLARS_TYPE, ZONE, Entity

FILE, RECORD = "file", "record_number"
_FOLDER = Path("answer_key") / "rows"
_MESSAGES = Path("answer_key") / "messages"


def keep_rows(county: Path, feed: str, file: str, rows: pl.DataFrame) -> None:
    """Keep the true rows of one file: `record_number` and text cells by header."""
    path = county / _FOLDER / feed / f"{file}.arrow"
    if not path.parent.exists():
        path.parent.mkdir(parents=True)
    rows.write_ipc(path, compression="lz4")


def keep_meant(county: Path, meant: Meant, month: str) -> None:
    """Keep the true rows of the messages of a month, named as `202601`."""
    if meant.rows.is_empty():
        return
    path = county / _MESSAGES / meant.feed / meant.entity / f"{month}.arrow"
    path.parent.mkdir(parents=True, exist_ok=True)
    meant.rows.write_ipc(path, compression="lz4")


def messages_with_rows(county: Path) -> list[tuple[str, str]]:
    """Feeds of messages and the entities whose true rows are kept."""
    return sorted((p.parent.name, p.name) for p in (county / _MESSAGES).glob("*/*"))


def meant_rows(county: Path, feed: str, entity: Entity) -> pl.DataFrame:
    """True rows of a feed of messages, sent or still to be sent, in the columns' types."""
    folder = county / _MESSAGES / feed / entity.entity
    rows = pl.concat([pl.read_ipc(path) for path in sorted(folder.glob("*.arrow"))])
    values = []
    for name in rows.columns:
        if name.endswith("_fen"):
            yuan = pl.col(name).cast(pl.Decimal(18, 2)) / 100
            values.append(yuan.cast(pl.Decimal(18, 2)).alias(f"{name[:-4]}_yuan"))
        elif entity.columns[name].type == "timestamp":
            values.append(pl.col(name).dt.replace_time_zone(ZONE))
        elif entity.columns[name].type == "string":
            values.append(pl.when(pl.col(name) != "").then(name).alias(name))
        else:
            values.append(pl.col(name).cast(POLARS_TYPE[entity.columns[name].type]))
    return rows.select(values)


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
        return moment.dt.replace_time_zone(ZONE)
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
