"""The TCM hospital's database extract: one SQLite file a month with `bah_sy` and `cf_mx`."""

import sqlite3

from county.outbox import Outbox
from county.people import Identity
from county.systems.rows import RowWriter, Sheet, Values, layouts

FRONT_PAGES = "tcm_hospital__his__front_pages"
PRESCRIPTIONS = "tcm_hospital__his__prescriptions"
_NUMERIC = {"ZYTS": "INTEGER", "ZFY": "REAL", "YPF": "REAL", "SL": "REAL", "JE": "REAL"}


class DatabaseWriter:
    """Two feeds share each file."""

    def __init__(self, outbox: Outbox, rows: RowWriter) -> None:
        self._outbox = outbox
        self._rows = rows
        self._broken_sent = False

    def write(
        self, month: str,
        front_pages: list[tuple[Values, Identity]],
        prescriptions: list[tuple[Values, Identity]],
    ) -> None:  # fmt: skip
        name = f"tcm_hospital_his/his_{month}.sqlite"
        sheets = [
            self._rows.sheet(FRONT_PAGES, name, list(front_pages)),
            self._rows.sheet(PRESCRIPTIONS, name, list(prescriptions)),
        ]
        self._outbox.write(name, _database(sheets))
        feeds = (FRONT_PAGES, PRESCRIPTIONS)
        if not self._broken_sent and all(self._outbox.room_for_fault(feed) for feed in feeds):
            self._broken_sent = True
            again = name.replace(".sqlite", "_断.sqlite")
            self._outbox.write(again, _database(sheets)[:100] + b"\x00" * 412)
            for feed in feeds:
                self._outbox.book(feed, quarantined=1)
                self._outbox.plant(
                    feed, again, 0, "file", "malformed_file", "quarantined", "malformed_database"
                )


def _database(sheets: list[Sheet]) -> bytes:
    """A SQLite file's bytes; built in memory, so no journal or time enters it."""
    connection = sqlite3.connect(":memory:")
    for sheet in sheets:
        table = layouts()[sheet.feed]["table"]
        columns = ", ".join(f"{h} {_NUMERIC.get(h, 'TEXT')}" for h in sheet.headers)
        connection.execute(f"create table {table} ({columns})")
        marks = ", ".join("?" * len(sheet.headers))
        rows = [[cell if cell != "" else None for cell in row] for row in sheet.rows]
        connection.executemany(f"insert into {table} values ({marks})", rows)
    connection.commit()
    data = connection.serialize()
    connection.close()
    return data
