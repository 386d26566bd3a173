"""dBASE III to Visual FoxPro tables, as older registration systems export them.

Belongs here: header, fixed-width records and their field types, as a grid of strings. Not here:
which columns are wanted (`tabular.py`).
Source: dBASE III/IV and Visual FoxPro table file structure as published by their vendors; code page
marks as FoxPro writes them.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np
import polars as pl

from ingestion.formats.delimited import GridDefect, RowDefect, decode

DESCRIPTOR_BYTES, HEADER_BYTES = 32, 32
END_OF_FIELDS = 0x0D
DELETED = ord("*")
CODE_PAGES = {
    0x4D: "gb18030", 0x7A: "gb18030", 0x4F: "big5", 0x78: "big5", 0x01: "cp437", 0x02: "cp850",
    0x03: "cp1252", 0x57: "cp1252",
}  # fmt: skip
MEMO_TYPES = frozenset("MGPWQV")
"""Text in a second file (memo, general, picture, blob), and fields of varying length."""
SYSTEM_TYPE = "0"
YES, NO = b"TtYy", b"FfNn"
JULIAN_OF_1970 = 2440588


@dataclass(frozen=True)
class Column:
    """One field of the header; `start` counts from the deletion mark."""

    name: str
    kind: str
    start: int
    length: int


def read_dbf(data: bytes, encoding: str | None) -> "DbfGrid | GridDefect":
    """One table without its deleted rows.

    Args:
        data: The whole file. One that holds fewer records than its header counts is refused.
        encoding: Codec agreed; None takes the code page mark, or UTF-8 or GB 18030 where that is
            not set.
    """
    count, header, width, mark = struct.unpack_from("<IHH17xB", data, 4)
    columns = _columns(data, header, encoding or CODE_PAGES.get(mark))
    if isinstance(columns, GridDefect):
        return columns
    last = columns[-1]
    if last.start + last.length > width:
        return GridDefect("malformed_table", "fields are wider than a record")
    have = (len(data) - header) // width
    if have < count:
        return GridDefect("malformed_table", f"{max(have, 0)} of {count} records")
    records = np.frombuffer(data, np.uint8, count * width, header).reshape(count, width)
    return DbfGrid(columns, records, encoding or CODE_PAGES.get(mark))


def _columns(data: bytes, header: int, encoding: str | None) -> list[Column] | GridDefect:
    columns: list[Column] = []
    start, at = 1, HEADER_BYTES
    while at + DESCRIPTOR_BYTES <= min(header, len(data)) and data[at] != END_OF_FIELDS:
        raw, kind, length, decimals = struct.unpack_from("<11sc4xBB", data, at)
        if kind == b"C":
            length += decimals << 8  # FoxPro keeps lengths over 255 so
        name = decode(raw.split(b"\0")[0].strip(), encoding)
        if isinstance(name, GridDefect):
            return GridDefect("wrong_encoding", f"name of field {len(columns) + 1}")
        columns.append(Column(name, kind.decode("latin-1"), start, length))
        start += length
        at += DESCRIPTOR_BYTES
    if not columns or at >= len(data) or data[at] != END_OF_FIELDS:
        return GridDefect("malformed_table", "field list has no end")
    return columns


class DbfGrid:
    """Records whose header is the field list; deleted records are no rows, their numbers stay."""

    def __init__(self, columns: list[Column], records: np.ndarray, encoding: str | None) -> None:
        self.memos = [c.name for c in columns if c.kind in MEMO_TYPES]
        self._columns = [c for c in columns if c.kind not in MEMO_TYPES | {SYSTEM_TYPE}]
        self._kept = records[:, 0] != DELETED
        self._records = records[self._kept]
        self._encoding = encoding
        self.first: list[list[str | None]] = [[c.name for c in self._columns]]

    def body(
        self, header_at: int, width: int
    ) -> tuple[list[pl.Series], pl.Series, list[RowDefect]]:
        numbers = pl.Series(np.flatnonzero(self._kept) + 1, dtype=pl.Int64)
        found: list[pl.Series] = []
        broken: dict[int, str] = {}
        for column in self._columns[:width]:
            end = column.start + column.length
            block = self._records[:, column.start : end].tobytes()
            size = column.length
            cells = [block[at * size : (at + 1) * size] for at in range(len(numbers))]
            if column.kind in _BINARY:
                values = [_BINARY[column.kind](cell) for cell in cells]
            elif column.kind == "L":
                values = [_logical(cell) for cell in cells]
            else:
                values, bad = _texts(cells, self._encoding)
                broken |= dict.fromkeys(bad, column.name) | broken
            found.append(pl.Series(values, dtype=pl.String))
        defects = [
            RowDefect(numbers[at], "wrong_encoding", name) for at, name in sorted(broken.items())
        ]
        if broken:
            sound = pl.Series([at not in broken for at in range(len(numbers))], dtype=pl.Boolean)
            found = [one.filter(sound) for one in found]
            numbers = numbers.filter(sound)
        return found, numbers, defects


def _texts(cells: list[bytes], encoding: str | None) -> tuple[list[str | None], list[int]]:
    """Cells as text without padding, and the places of those that are in no fitting charset."""
    stripped = [cell.rstrip(b" \0").lstrip(b" ") for cell in cells]
    joined = b"\n".join(stripped)
    whole = decode(joined, encoding)
    if not isinstance(whole, GridDefect) and joined.count(b"\n") == len(cells) - 1:
        return [text or None for text in whole.split("\n")], []
    values: list[str | None] = []
    bad: list[int] = []
    for at, cell in enumerate(stripped):
        text = decode(cell, encoding)
        if isinstance(text, GridDefect):
            bad.append(at)
            values.append(None)
        else:
            values.append(text or None)
    return values, bad


def _logical(cell: bytes) -> str | None:
    if cell in (bytes([one]) for one in YES):
        return "true"
    return "false" if cell in (bytes([one]) for one in NO) else None


def _integer(cell: bytes) -> str | None:
    return str(int.from_bytes(cell, "little", signed=True))


def _double(cell: bytes) -> str | None:
    if len(cell) != 8:
        return cell.decode("ascii", "replace").strip() or None
    (number,) = struct.unpack("<d", cell)
    return format(number, ".15g") if number == number else None


def _currency(cell: bytes) -> str | None:
    amount = int.from_bytes(cell, "little", signed=True)
    sign, amount = ("-", -amount) if amount < 0 else ("", amount)
    return f"{sign}{amount // 10000}.{amount % 10000:04d}"


def _moment(cell: bytes) -> str | None:
    """Julian day number and milliseconds of the day; what is no day is written as it stands."""
    if len(cell) != 8 or not cell.strip(b" \0"):
        return None
    day, milliseconds = struct.unpack("<ii", cell)
    try:
        start = datetime.combine(date(1970, 1, 1), datetime.min.time())
        moment = start + timedelta(days=day - JULIAN_OF_1970, milliseconds=milliseconds)
    except OverflowError:
        return f"{day}:{milliseconds}"
    rounded = moment + timedelta(milliseconds=500)  # FoxPro's clock is off by some milliseconds
    return rounded.strftime("%Y-%m-%d %H:%M:%S")


_BINARY: dict[str, Callable[[bytes], str | None]] = {
    "I": _integer, "+": _integer, "B": _double, "O": _double, "Y": _currency, "T": _moment,
    "@": _moment,
}  # fmt: skip
