"""One sheet of text cells to the bytes of a CSV, JSON lines or XML file, or of a SQLite database.

Belongs here: text and database formats. Not here: workbooks (`workbook.py`), DBF (`dbf.py`), which
rows (`rows.py`), file names (`tables.py`).
"""

import sqlite3
from typing import Any

import polars as pl

from county.systems.layouts import Layout

NUMBER = r"^-?\d+(\.\d+)?$"


def as_csv(layout: Layout, rows: pl.DataFrame) -> bytes:
    text = rows.write_csv(separator=layout.delimiter, line_terminator="\r\n")
    return text.encode(layout.encoding)


def as_json_lines(layout: Layout, rows: pl.DataFrame) -> bytes:
    """One object a line; a dotted header is a path into objects; empty cells are null."""
    tree: dict[str, Any] = {}
    for header, column in layout.columns.items():
        *path, name = header.split(".")
        place = tree
        for step in path:
            place = place.setdefault(step, {})
        place[name] = _json_cell(header, number=column.number)
    lines = rows.select(pl.concat_str(_json_object(tree))).to_series().to_list()
    return ("\n".join(lines) + "\n").encode(layout.encoding)


def _json_cell(header: str, *, number: bool) -> pl.Expr:
    text = pl.col(header)
    escaped = (
        text.str.replace_all("\\", "\\\\", literal=True)
        .str.replace_all('"', '\\"', literal=True)
        .str.replace_all("\n", "\\n", literal=True)
    )
    quoted = pl.concat_str(pl.lit('"'), escaped, pl.lit('"'))
    if number:
        quoted = pl.when(text.str.contains(NUMBER)).then(text).otherwise(quoted)
    return quoted.fill_null("null")


def _json_object(tree: dict[str, Any]) -> list[pl.Expr]:
    parts = [pl.lit("{")]
    for order, (name, value) in enumerate(tree.items()):
        parts.append(pl.lit(f'{", " if order else ""}"{name}": '))
        parts += _json_object(value) if isinstance(value, dict) else [value]
    return [*parts, pl.lit("}")]


def escaped_xml(text: pl.Expr) -> pl.Expr:
    return (
        text.str.replace_all("&", "&amp;", literal=True)
        .str.replace_all("<", "&lt;", literal=True)
        .str.replace_all(">", "&gt;", literal=True)
    )


def as_xml(layout: Layout, rows: pl.DataFrame) -> bytes:
    """A root element of row elements, each with one child element a header, empty where null."""
    cells: list[pl.Expr] = [pl.lit(f"  <{layout.row}>")]
    for header in layout.columns:
        content = escaped_xml(pl.col(header)).fill_null("")
        cells += [pl.lit(f"<{header}>"), content, pl.lit(f"</{header}>")]
    cells.append(pl.lit(f"</{layout.row}>"))
    lines = rows.select(pl.concat_str(cells)).to_series().to_list()
    head = f'<?xml version="1.0" encoding="{layout.encoding.upper()}"?>'
    text = "\n".join([head, f"<{layout.root}>", *lines, f"</{layout.root}>", ""])
    return text.encode(layout.encoding)


def as_database(sheets: list[tuple[Layout, pl.DataFrame]]) -> bytes:
    """A SQLite file's bytes; built in memory, so no journal or time enters it."""
    connection = sqlite3.connect(":memory:")
    for layout, rows in sheets:
        columns = ", ".join(
            f'"{header}" {"NUMERIC" if column.number else "TEXT"}'
            for header, column in layout.columns.items()
        )
        connection.execute(f'create table "{layout.table}" ({columns})')
        marks = ", ".join("?" * len(layout.columns))
        connection.executemany(f'insert into "{layout.table}" values ({marks})', rows.iter_rows())
    connection.commit()
    data = connection.serialize()
    connection.close()
    return data
