"""Excel workbooks, and archives that hold tables.

Belongs here: limits on what may be unpacked, and cells as text (dates in ISO form). Not here:
headers and columns (`tabular.py`).
"""

import lzma
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from io import BytesIO

import fastexcel
import polars as pl

from ingestion.formats.delimited import FIRST_ROWS, Grid, GridDefect, RowDefect

MAX_MEMBERS = 1000
MAX_CELLS = 32_000_000
"""The reader allocates the whole used range: one stray cell in the far corner asks for 549 GB."""
MAX_RATIO = 200
RATIO_FROM_BYTES = 64 << 20
ARCHIVES = (".zip", ".gz", ".7z", ".rar", ".tar", ".tgz", ".bz2", ".xz")
ARCHIVE_MARKS = (b"PK\x03\x04", b"\x1f\x8b", b"7z\xbc\xaf", b"Rar!")
WORKBOOK_MEMBERS = ("xl/workbook.xml", "xl/workbook.bin", "content.xml", "[Content_Types].xml")

SHEET = re.compile(r"xl/worksheets/[^/]+\.xml")
DIMENSION = re.compile(rb'<(?:\w+:)?dimension ref="\$?([A-Z]+\d+)?:?\$?([A-Z]+\d+)"')
COLUMN = re.compile(rb'<(?:\w+:)?c r="([A-Z]+)\d')
ROW = re.compile(rb'<(?:\w+:)?row r="(\d+)"')
LONG_NUMBER = re.compile(
    rb'<(?:\w+:)?c (?![^>]*\bt="(?:s|str|inlineStr|b|e|d)")[^>]*>'
    rb"<(?:\w+:)?v>(\d{16,}(?:\.\d+)?|\d(?:\.\d+)?[eE]\+?\d{2})</"
)
"""Numeric cells that may hold more than the 15 digits that a spreadsheet keeps."""
HEAD_BYTES = 4096

DAMAGED = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, RuntimeError, NotImplementedError, EOFError,
    ValueError, OSError, OverflowError, struct.error,
)  # fmt: skip
"""What zipfile raises on damaged or encrypted archives."""

Member = tuple[bytes, GridDefect | None]


def members(data: bytes, max_bytes: int) -> Iterator[Member]:
    """The file itself, or each file of a plain archive; one level, within limits."""
    if not data.strip():
        yield b"", GridDefect("empty_file", "")
        return
    if len(data) > max_bytes:
        yield b"", GridDefect("file_too_large", f"{len(data)} bytes")
        return
    if not data.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        yield data, None
        return
    try:
        archive = zipfile.ZipFile(BytesIO(data))
    except DAMAGED:
        yield b"", GridDefect("malformed_table", "archive is damaged")
        return
    with archive:
        infos = [info for info in archive.infolist() if not info.is_dir()]
        total = sum(info.file_size for info in infos)
        bomb = total > max_bytes or (total > RATIO_FROM_BYTES and total > MAX_RATIO * len(data))
        if bomb or len(infos) > MAX_MEMBERS:
            yield b"", GridDefect("nested_archive", f"{len(infos)} members, {total} bytes")
            return
        if any(info.filename in WORKBOOK_MEMBERS for info in infos):
            yield data, None
            return
        for number, info in enumerate(sorted(infos, key=lambda info: info.filename), 1):
            if not _hidden(info.filename):
                yield _member(archive, info, number)


def _hidden(name: str) -> bool:
    return name.startswith("__MACOSX/") or name.rsplit("/", 1)[-1].startswith(".")


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, number: int) -> Member:
    if info.filename.lower().endswith(ARCHIVES):
        return b"", GridDefect("nested_archive", f"member {number}")
    try:
        data = archive.read(info)
    except DAMAGED:
        return b"", GridDefect("malformed_table", f"member {number} is damaged or encrypted")
    if data.startswith(ARCHIVE_MARKS) and not _has_workbook(data):
        return b"", GridDefect("nested_archive", f"member {number}")
    return data, None


def _has_workbook(data: bytes) -> bool:
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            return any(name in WORKBOOK_MEMBERS for name in archive.namelist())
    except DAMAGED:
        return False


def is_workbook(data: bytes, kind: str | None) -> bool:
    return kind in ("zip", "ole")


def read_workbook(data: bytes, sheet: str | int | bool | None) -> Grid | GridDefect:
    """One sheet as text: numbers without needless decimals, dates as ISO text."""
    if (far := _far_cell(data)) is not None:
        return GridDefect("too_costly", f"used range up to cell {far}")
    try:
        book = fastexcel.read_excel(data)
        if sheet is not None and sheet not in book.sheet_names:
            return GridDefect("missing_table", f"sheet {sheet}")
        chosen = str(sheet) if sheet is not None else 0
        loaded = book.load_sheet(chosen, header_row=None, dtypes="string")
        frame = loaded.to_polars()
    except fastexcel.FastExcelError as error:
        return GridDefect("malformed_table", f"workbook cannot be read ({type(error).__name__})")
    if frame.width == 0 or frame.height == 0:
        return GridDefect("empty_file", "sheet is empty")
    return FrameGrid(_lossy_marked(frame, data))


def _lossy_marked(frame: pl.DataFrame, data: bytes) -> pl.DataFrame:
    """Numbers of over 15 digits in numeric cells in scientific notation: the file does not hold
    their last digits, and what a reader writes there is invented."""
    long = [c.name for c in frame if c.str.contains(r"^\d{16,}$").any()]
    if not long or not data.startswith(b"PK"):
        return frame
    lost: dict[str, str] = {}
    with zipfile.ZipFile(BytesIO(data)) as archive:
        for info in archive.infolist():
            if SHEET.fullmatch(info.filename):
                for value in set(LONG_NUMBER.findall(archive.read(info))):
                    number = float(value)
                    if number >= 1e15:
                        lost[str(int(number))] = f"{number:.14E}"
    return frame.with_columns(pl.col(long).replace(lost)) if lost else frame


def _far_cell(data: bytes) -> str | None:
    """The last cell of a sheet whose used range is too large, by its own word or, where it gives
    none, by its cells; None when every sheet of an XLSX is of a size that can be read."""
    if not data.startswith(b"PK"):
        return None
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            for info in archive.infolist():
                if SHEET.fullmatch(info.filename) and (far := _beyond(archive, info)):
                    return far
    except DAMAGED:
        return None  # the reader says what is wrong with it
    return None


def _beyond(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> str | None:
    with archive.open(info) as stream:
        content = stream.read(HEAD_BYTES)
        given = DIMENSION.search(content)
        if given is not None and given[1]:  # some writers say A1 whatever follows
            cells = [given[1], given[2]]
        else:
            content += stream.read()
            cells = [letters + b"1" for letters in set(COLUMN.findall(content))]
            cells += [b"A" + number for number in set(ROW.findall(content))]
    columns, rows = zip(*map(_column_row, cells or [b"A1"]), strict=True)
    area = (max(columns) - min(columns) + 1) * (max(rows) - min(rows) + 1)
    if area <= MAX_CELLS:
        return None
    letters = max(cells, key=lambda cell: _column_row(cell)[0]).rstrip(b"0123456789")
    return f"{letters.decode('ascii')}{max(rows)}"


def _column_row(cell: bytes) -> tuple[int, int]:
    letters = cell.rstrip(b"0123456789")
    column = 0
    for letter in letters[:4]:
        column = column * 26 + letter - 64
    return column, int(cell[len(letters) :][:8] or b"1")


class FrameGrid:
    """A sheet; cells right of the header belong to nobody and are refused with their row."""

    def __init__(self, frame: pl.DataFrame) -> None:
        self._frame = frame
        self.first: list[list[str | None]] = [list(row) for row in frame.head(FIRST_ROWS).rows()]

    def body(
        self, header_at: int, width: int
    ) -> tuple[list[pl.Series], pl.Series, list[RowDefect]]:
        frame = self._frame.slice(header_at + 1)
        numbers = pl.Series(range(1, frame.height + 1), dtype=pl.Int64)
        names = frame.columns
        filled = [(frame[name].fill_null("") != "") for name in names]
        empty = pl.Series([False], dtype=pl.Boolean).new_from_index(0, frame.height)
        inside, outside = empty, empty
        for at, flags in enumerate(filled):
            if at < width:
                inside = inside | flags
            else:
                outside = outside | flags
        defects = [
            RowDefect(row, "malformed_table", "cells to the right of the headers")
            for row in numbers.filter(outside)
        ]
        keep = inside & ~outside
        columns = [frame[name].filter(keep) for name in names[:width]]
        return columns, numbers.filter(keep), defects
