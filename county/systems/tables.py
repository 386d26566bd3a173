"""Writes sheets as CSV or XLSX files, and the broken files among them.

Belongs here: file formats of table feeds. Not here: rows (`rows.py`), SQLite (`database.py`).
"""

import csv
from datetime import datetime
from io import BytesIO, StringIO

import xlsxwriter

from county.outbox import Outbox
from county.people import Identity
from county.systems.rows import RowWriter, Sheet, Values, layouts

_CREATED = datetime(2026, 1, 1)  # a fixed stamp: same seed, same bytes


class TableWriter:
    """Writes one file per feed and month, then the file-level faults its layout asks for."""

    def __init__(self, outbox: Outbox, rows: RowWriter) -> None:
        self._outbox = outbox
        self._rows = rows
        self._waiting: dict[str, list[str]] = {}

    def write(self, feed: str, month: str, records: list[tuple[Values, Identity | None]]) -> None:
        """Write the feed's file of a month (`202601`; empty for a file sent once)."""
        layout = layouts()[feed]
        name = layout["file"].format(month=month)
        sheet = self._rows.sheet(feed, name, records)
        data = self._encode(sheet, layout)
        self._outbox.write(name, data)
        waiting = self._waiting.setdefault(feed, list(layout.get("files", ())))
        if waiting and "quarantined" not in sheet.kinds and waiting[0] == "duplicate":
            waiting.pop(0)
            self._duplicate(feed, name, data, len(sheet.rows))
        elif waiting and waiting[0] != "duplicate" and self._outbox.room_for_fault(feed):
            self._broken_file(feed, name, waiting.pop(0), data)
        elif len(waiting) > 1 and waiting[0] == "duplicate":
            waiting.append(waiting.pop(0))  # this file has faults of its own; try the next month

    def _duplicate(self, feed: str, name: str, data: bytes, rows: int) -> None:
        again = _suffixed(name, "_重发")
        self._outbox.write(again, data)
        self._outbox.book(feed, duplicate=rows)
        self._outbox.plant(feed, again, 0, "file", "duplicate_file", "duplicate")

    def _broken_file(self, feed: str, name: str, kind: str, data: bytes) -> None:
        if kind == "empty":
            broken, again, reason = b"", _suffixed(name, "_空"), "empty_file"
        elif kind == "malformed":
            broken, again = data[: len(data) // 3], _suffixed(name, "_断")
            reason = "malformed_table"
        else:
            utf8 = layouts()[feed]["encoding"] == "utf-8-sig"
            text = "编码错误的文件,请重新导出\r\n"
            broken = text.encode("gb18030") if utf8 else text.encode("utf-16")
            again, reason = _suffixed(name, "_乱码"), "wrong_encoding"
        self._outbox.write(again, broken)
        self._outbox.book(feed, quarantined=1)
        self._outbox.plant(feed, again, 0, "file", f"{kind}_file", "quarantined", reason)

    @staticmethod
    def _encode(sheet: Sheet, layout: dict[str, str]) -> bytes:
        if "sheet" in layout:
            return _xlsx(sheet, layout["sheet"], layout.get("title"))
        buffer = StringIO()
        writer = csv.writer(buffer, lineterminator="\r\n")
        writer.writerow(sheet.headers)
        writer.writerows(sheet.rows)
        return buffer.getvalue().encode(layout["encoding"])


def _suffixed(name: str, suffix: str) -> str:
    stem, extension = name.rsplit(".", 1)
    return f"{stem}{suffix}.{extension}"


def _xlsx(sheet: Sheet, title: str, banner: str | None) -> bytes:
    """One worksheet, optionally under a title row, as vendors export it."""
    buffer = BytesIO()
    book = xlsxwriter.Workbook(buffer, {"in_memory": True, "strings_to_numbers": False})
    book.set_properties({"created": _CREATED, "author": ""})
    page = book.add_worksheet(title)
    first = 0
    if banner:
        page.write_string(0, 0, banner)
        first = 1
    for column, header in enumerate(sheet.headers):
        page.write_string(first, column, header)
    numeric = [header in sheet.numbers for header in sheet.headers]
    for line, row in enumerate(sheet.rows, first + 1):
        for column, cell in enumerate(row):
            if cell == "":
                continue
            if numeric[column]:
                page.write_number(line, column, float(cell))
            else:
                page.write_string(line, column, cell)
    book.close()
    return buffer.getvalue()
