"""Writes exports as files of their layouts, and the broken files among them.

Belongs here: one file per feed and month, and faults of whole files. Not here: cells (`rows.py`),
faults of rows (`faults.py`), bytes of a format (`encode.py`, `workbook.py`, `dbf.py`).
"""

from datetime import date, timedelta
from zlib import crc32

import numpy as np
import polars as pl

from county.identities import Identities
from county.months import Month
from county.outbox import Outbox
from county.parameters import parameters
from county.scene import Export, Planted
from county.systems.dbf import as_dbf
from county.systems.encode import as_csv, as_database, as_json_lines, as_xml
from county.systems.faults import PERSON_FAULTS, RowFaults, Sheet
from county.systems.layouts import Layout, feeds_of_file, layout_of
from county.systems.rows import rendered
from county.systems.true_rows import keep_rows
from county.systems.workbook import as_workbook

_ENCODERS = {
    "csv": as_csv, "xlsx": as_workbook, "jsonlines": as_json_lines, "xml": as_xml, "dbf": as_dbf,
}  # fmt: skip
_CUT_REASON = {
    "xlsx": "malformed_table", "dbf": "malformed_table", "sqlite": "malformed_database",
    "xml": "malformed_xml",
}  # fmt: skip
_UNREADABLE = "编码错误的文件,请重新导出\r\n"


class TableWriter:
    """Writes one file per feed and month, then the file-level faults its layout asks for.

    While the outbox holds files back, a layout that names its `by_day` field has a file a day.
    SQLite files, which several feeds may share, are written by `end_month`.
    """

    def __init__(self, outbox: Outbox, identities: Identities, seed: int, months: int) -> None:
        self._outbox = outbox
        self._identities = identities
        self._seed = seed
        self._faults = RowFaults(outbox, seed)
        self._last_index = months - 1
        self._waiting: dict[str, list[str]] = {}
        self._tables: dict[str, list[Sheet]] = {}

    def write(self, export: Export, month: Month) -> None:
        """Write the feed's file or files of a month; an export without rows writes none.

        Raises:
            ValueError: the layout and the rows do not fit together.
            FileExistsError: the feed has its file already.
        """
        feed, layout = export.feed, layout_of(export.feed)
        if not len(export.rows):
            return
        rows = export.rows
        if "person" in rows.columns:
            rows = self._identities.draw(feed, rows)
            self._identities.remember(feed, rows)
        cells = rendered(feed, layout, rows)
        if "person" in rows.columns:
            cells = cells.with_columns(rows["faults"].alias(PERSON_FAULTS))
        last = month.index == self._last_index
        if layout.by_day and self._outbox.holds:
            day = rows[layout.by_day].cast(pl.Date).clip(month.first, month.last)
            for (sent,), part in cells.group_by(day.alias("day"), maintain_order=True):
                keys = part[layout.key]
                meant = [p for p in export.planted if p.key in keys]
                self._file(feed, f"{sent:%Y%m%d}", part, meant, last=last, day=sent)
            return
        self._file(feed, month.compact, cells, export.planted, last=last)

    def _file(
        self, feed: str, period: str, cells: pl.DataFrame, planted: list[Planted], *,
        last: bool, day: date | None = None,
    ) -> None:  # fmt: skip
        layout = layout_of(feed)
        name = layout.file_of(period)
        sheet = self._faults.sheet(feed, layout, name, cells, planted, last=last)
        keep_rows(self._outbox.root, feed, name, sheet.true)
        if layout.format == "sqlite":
            self._tables.setdefault(layout.file, []).append(sheet)
            return
        data = _ENCODERS[layout.format](layout, sheet.rows)
        if day is not None:
            day = self._delayed(feed, name, day)
        self._outbox.write(name, data, day)
        self._faulty_file(name, data, [sheet], day)

    def _delayed(self, feed: str, name: str, day: date) -> date:
        """The day a daily file is sent: some come after those of the following days."""
        random = np.random.default_rng([self._seed, crc32(name.encode()), 1])
        if random.random() >= parameters()["faults"]["late_file"]:
            return day
        self._outbox.plant(feed, name, 0, "file", "late_file", "accepted")
        return day + timedelta(days=int(random.integers(2, 9)))

    def end_month(self, month: Month) -> None:
        """Write the month's database files; a feed without rows has an empty table there."""
        for pattern, sheets in self._tables.items():
            given = {sheet.feed: sheet for sheet in sheets}
            whole = [given.get(feed) or _empty(feed) for feed in feeds_of_file(pattern)]
            data = as_database([(layout_of(s.feed), s.rows) for s in whole])
            name = pattern.format(month=month.compact)
            self._outbox.write(name, data)
            self._faulty_file(name, data, whole, None)
        self._tables.clear()

    def _faulty_file(self, name: str, data: bytes, sheets: list[Sheet], day: date | None) -> None:
        """The next fault the layout still owes, if this month's file suits it."""
        first = sheets[0].feed
        waiting = self._waiting.setdefault(first, list(layout_of(first).files))
        if not waiting:
            return
        if waiting[0] == "duplicate":
            if all(sheet.quarantined == 0 for sheet in sheets):
                waiting.pop(0)
                self._duplicate(name, data, sheets, day)
            elif len(waiting) > 1:  # this file has faults of its own; try the next month
                waiting.append(waiting.pop(0))
        elif all(self._outbox.room_for_faults(sheet.feed) for sheet in sheets):
            self._broken_file(name, data, waiting.pop(0), sheets, day)

    def _duplicate(self, name: str, data: bytes, sheets: list[Sheet], day: date | None) -> None:
        again = _suffixed(name, "_重发")
        self._outbox.write(again, data, day)
        for sheet in sheets:
            self._outbox.book(sheet.feed, again, duplicate=len(sheet.rows))
            self._outbox.plant(sheet.feed, again, 0, "file", "duplicate_file", "duplicate")

    def _broken_file(
        self, name: str, data: bytes, kind: str, sheets: list[Sheet], day: date | None
    ) -> None:
        layout = layout_of(sheets[0].feed)
        if kind == "empty":
            broken, again, reason = b"", _suffixed(name, "_空"), "empty_file"
        elif kind == "malformed":
            broken, again, reason = _cut(layout, data), _suffixed(name, "_断"), ""
            reason = _CUT_REASON[layout.format]
        else:
            other = "gb18030" if layout.encoding == "utf-8-sig" else "utf-16"
            broken, again = _UNREADABLE.encode(other), _suffixed(name, "_乱码")
            reason = "wrong_encoding"
        self._outbox.write(again, broken, day)
        for sheet in sheets:
            self._outbox.book(sheet.feed, again, quarantined=1)
            self._outbox.plant(
                sheet.feed, again, 0, "file", f"{kind}_file", "quarantined", reason
            )  # fmt: skip


def _cut(layout: Layout, data: bytes) -> bytes:
    """A file that broke off, or whose pages are lost."""
    if layout.format == "sqlite":
        return data[:100] + b"\x00" * 412
    cut = data[: len(data) // 3]
    if layout.format == "xml":  # between two characters: broken XML, not a wrong encoding
        return cut.decode(layout.encoding, errors="ignore").encode(layout.encoding)
    return cut


def _empty(feed: str) -> Sheet:
    schema = dict.fromkeys(layout_of(feed).columns, pl.String)
    rows = pl.DataFrame(schema=schema)
    return Sheet(feed, rows, rows, 0, 0, 0)


def _suffixed(name: str, suffix: str) -> str:
    stem, extension = name.rsplit(".", 1)
    return f"{stem}{suffix}.{extension}"
