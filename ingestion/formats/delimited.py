"""Text tables: character set, delimiter, quoting, rows of the wrong width.

Belongs here: bytes of one text table to a grid of strings. Not here: which columns are wanted.
Source: RFC 4180, and what Chinese systems export (GB 18030, byte order marks, tabs).
"""

import codecs
import csv
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import polars as pl

from ingestion.formats.hl7v2_framing import CJK_ONLY, MULTI_BYTE

MAX_LINE_BYTES = 16 << 20
MAX_BROKEN_QUOTES = 100
DELIMITERS = (",", "\t", ";", "|")
FIRST_ROWS = 50


@dataclass(frozen=True)
class GridDefect:
    """Why a file, or a member of it, holds no table."""

    code: str
    detail: str


@dataclass(frozen=True)
class RowDefect:
    """Why one data row (from 1, below the header) was refused."""

    row: int
    code: str
    detail: str


class Grid(Protocol):
    """Rows of strings whose header is still to be chosen among `first`."""

    first: list[list[str | None]]

    def body(
        self, header_at: int, width: int
    ) -> tuple[list[pl.Series], pl.Series, list[RowDefect]]:
        """Columns below the header, row numbers of what is kept, and refused rows."""


def read_text(data: bytes, encoding: str | None, delimiter: str | None) -> Grid | GridDefect:
    """Read one text table."""
    if not data.strip():
        return GridDefect("empty_file", "")
    if _has_long_line(data):
        return GridDefect("line_too_long", f"over {MAX_LINE_BYTES} bytes")
    decoded = decode(data, encoding)
    if isinstance(decoded, GridDefect):
        return decoded
    if not decoded.strip():
        return GridDefect("empty_file", "")
    if "\0" in decoded[:4096]:
        return GridDefect("wrong_format", "binary content")
    text = decoded.replace("\r\n", "\n").replace("\r", "\n") if "\r" in decoded else decoded
    mark = delimiter or _delimiter(text)
    if '"' in text:
        return _quoted(text, mark)
    return PlainGrid(text, mark)


def decode(data: bytes, encoding: str | None) -> str | GridDefect:
    """Text of a whole file, strictly. A byte order mark outranks a missing encoding only."""
    wanted = encoding.lower().replace("_", "-") if encoding else None
    if data[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        if wanted and not wanted.startswith("utf-16"):
            return GridDefect("wrong_encoding", f"UTF-16 where {wanted} was agreed")
        wanted = "utf-16"
    elif data[:3] == codecs.BOM_UTF8:
        wanted = "utf-8-sig"
    elif wanted in MULTI_BYTE and not data.isascii():
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError:
            pass
        else:
            if CJK_ONLY.fullmatch(text):
                return GridDefect("wrong_encoding", f"UTF-8 where {wanted} was agreed")
    defect = GridDefect("wrong_encoding", "no known character set fits")
    for codec in (wanted,) if wanted else ("utf-8", "gb18030"):
        try:
            return data.decode(codec)
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            defect = GridDefect("wrong_encoding", f"not {codec} on line {line}")
    return defect


def _has_long_line(data: bytes) -> bool:
    """Whether some line is over the limit, without splitting the file."""
    at = 0
    while len(data) - at > MAX_LINE_BYTES:
        end = at + MAX_LINE_BYTES + 1
        found = max(data.rfind(b"\n", at, end), data.rfind(b"\r", at, end))
        if found < 0:
            return True
        at = found + 1
    return False


def _delimiter(text: str) -> str:
    """The mark seen most often in the first lines."""
    head = text[:65536].split("\n")[:5]
    sample = "\n".join(head)
    return max(DELIMITERS, key=lambda mark: (sample.count(mark), -DELIMITERS.index(mark)))


class PlainGrid:
    """A table without any quote: cut in bulk, line by line."""

    def __init__(self, text: str, mark: str) -> None:
        self._mark = mark
        self._lines = pl.Series(text.split("\n"), dtype=pl.String)
        self.first: list[list[str | None]] = [
            list(line.split(mark)) for line in self._lines.head(FIRST_ROWS).to_list()
        ]

    def body(
        self, header_at: int, width: int
    ) -> tuple[list[pl.Series], pl.Series, list[RowDefect]]:
        lines = self._lines.slice(header_at + 1)
        cells = lines.str.count_matches(self._mark, literal=True).cast(pl.Int64) + 1
        numbers = pl.Series(range(1, len(lines) + 1), dtype=pl.Int64)
        blank = lines.str.strip_chars() == ""
        full = len(self.first[header_at])
        fits = (cells == full) | (cells == width)
        wrong = ~fits & ~blank
        defects = [
            RowDefect(row, "malformed_table", f"{found} cells under {full} headers")
            for row, found in zip(numbers.filter(wrong), cells.filter(wrong), strict=True)
        ]
        keep = fits & ~blank
        kept = lines.filter(keep)
        split = kept.str.split_exact(self._mark, max(width, 1))
        columns = [split.struct.field(f"field_{n}") for n in range(width)]
        return columns, numbers.filter(keep), defects


class RowGrid:
    """A table already cut into rows; a row may carry its own defect instead of cells."""

    def __init__(self, rows: list[list[str | None] | str], exact: bool) -> None:
        self._rows = rows
        self._exact = exact
        self.first: list[list[str | None]] = [
            row if isinstance(row, list) else [] for row in rows[:FIRST_ROWS]
        ]

    def body(
        self, header_at: int, width: int
    ) -> tuple[list[pl.Series], pl.Series, list[RowDefect]]:
        full = len(self.first[header_at])
        kept, numbers, defects = [], [], []
        for number, row in enumerate(self._rows[header_at + 1 :], 1):
            if isinstance(row, str):
                defects.append(RowDefect(number, "malformed_table", row))
            elif not any(row):
                continue
            elif self._exact and len(row) not in (full, width):
                detail = f"{len(row)} cells under {full} headers"
                defects.append(RowDefect(number, "malformed_table", detail))
            else:
                kept.append(row)
                numbers.append(number)
        columns = [
            pl.Series([row[n] if n < len(row) else None for row in kept], dtype=pl.String)
            for n in range(width)
        ]
        return columns, pl.Series(numbers, dtype=pl.Int64), defects


def _quoted(text: str, mark: str) -> RowGrid:
    csv.field_size_limit(MAX_LINE_BYTES)
    lines = text.split("\n")
    rows: list[list[str | None] | str] = []
    start, broken = 0, 0
    while start < len(lines):
        reader = csv.reader(_ended(lines, start), delimiter=mark, strict=True)
        good_until = start
        try:
            for row in reader:
                rows.append(list(row))
                good_until = start + reader.line_num
            break
        except csv.Error:
            broken += 1
            rows.append(f"quoting broken on line {good_until + 1}")
            start = good_until + 1
            if broken > MAX_BROKEN_QUOTES:
                rows.append(f"given up on line {start + 1}, too many broken quotes")
                break
    return RowGrid(rows, exact=True)


def _ended(lines: list[str], start: int) -> Iterator[str]:
    last = len(lines) - 1
    for number in range(start, len(lines)):
        if number < last:
            yield lines[number] + "\n"
        elif lines[number]:
            yield lines[number]
