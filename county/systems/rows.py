"""Canonical values to a sender's own rows, with its local codes and its planted faults.

Belongs here: what every table-writing system shares. Not here: file formats (`tables.py`,
`database.py`) or which values a feed has (`exports.py`).
"""

from dataclasses import dataclass, field
from datetime import date
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import yaml

from county.outbox import Outbox
from county.parameters import parameters
from county.people import Identity

Values = dict[str, Any]


@cache
def layouts() -> dict[str, dict[str, Any]]:
    """Layouts by feed from `layouts.yml`."""
    loaded: dict[str, dict[str, Any]] = yaml.safe_load(
        Path(__file__).with_name("layouts.yml").read_text("utf-8")
    )
    return loaded


@cache
def _columns(feed: str) -> dict[str, dict[str, Any]]:
    """Header to column of a layout; a bare field name is short for `{field: name}`."""
    columns = layouts()[feed]["columns"]
    return {h: c if isinstance(c, dict) else {"field": c} for h, c in columns.items()}


def money(fen: int | None) -> str | None:
    """Fen as yuan with two decimals."""
    if fen is None:
        return None
    sign = "-" if fen < 0 else ""
    return f"{sign}{abs(fen) // 100}.{abs(fen) % 100:02d}"


@dataclass
class Sheet:
    """Rows of one file as the sender writes them; every cell is text.

    `kinds` tells what became of each row: `accepted`, `duplicate` or `quarantined`.
    """

    feed: str
    headers: list[str]
    numbers: set[str]
    rows: list[list[str]] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)


class RowWriter:
    """Renders rows of every table feed and plants faults within the feed's ceiling."""

    def __init__(self, outbox: Outbox, seed: int) -> None:
        self._outbox = outbox
        self._randoms: dict[str, Random] = {}
        self._next_fault: dict[str, int] = {}
        self._seed = seed

    def sheet(self, feed: str, file: str, records: list[tuple[Values, Identity | None]]) -> Sheet:
        """Render one file, plant its faults, book its rows.

        Args:
            feed: Feed name; its layout gives the headers.
            file: File name relative to the inbox, for the fault list.
            records: Field values and, where the row names a person, the identity as sent.
        """
        layout = layouts()[feed]
        columns = _columns(feed)
        random = self._randoms.setdefault(feed, Random(f"{self._seed}/{feed}"))
        rates = parameters()["faults"]
        sheet = Sheet(feed, list(columns), {h for h, c in columns.items() if c.get("number")})
        for values, identity in records:
            row = [_cell(values.get(c["field"]), c) for c in columns.values()]
            self._add(sheet, row, "accepted")
            number = len(sheet.rows)
            for kind in identity.faults if identity else ():
                self._outbox.plant(feed, file, number, "person", kind, "accepted")
            unmapped = layout.get("unmapped")
            if unmapped and random.random() < rates["unmapped"] * 4:
                self._unmap(sheet, file, number, unmapped)
            if random.random() < rates["duplicate"]:
                self._add(sheet, list(row if not unmapped else sheet.rows[number - 1]), "duplicate")
                self._outbox.plant(feed, file, number + 1, "row", "duplicate_row", "duplicate")
            faults = layout.get("faults")
            if faults and random.random() < rates["row_fault"]:
                broken = sheet.kinds.count("quarantined")
                if self._outbox.room_for_fault(feed, len(records), broken):
                    self._break(sheet, file, row, faults)
        for kind in ("accepted", "quarantined", "duplicate"):
            self._outbox.book(feed, **{kind: sheet.kinds.count(kind)})
        return sheet

    @staticmethod
    def _add(sheet: Sheet, row: list[str], kind: str) -> None:
        sheet.rows.append(row)
        sheet.kinds.append(kind)

    def _unmap(self, sheet: Sheet, file: str, number: int, unmapped: dict[str, str]) -> None:
        row = sheet.rows[number - 1]
        position = sheet.headers.index(unmapped["header"])
        only = unmapped.get("only")
        if not row[position] or (only and not row[sheet.headers.index(only)]):
            return
        row[position] = unmapped["value"]
        self._outbox.plant(
            sheet.feed, file, number, unmapped["header"], "unmapped_local_code", "unmapped"
        )

    def _break(self, sheet: Sheet, file: str, row: list[str], faults: list[dict[str, str]]) -> None:
        """Add a copy of the row under a key of its own, with one thing wrong."""
        turn = self._next_fault.get(sheet.feed, 0)
        self._next_fault[sheet.feed] = turn + 1
        fault = faults[turn % len(faults)]
        broken = list(row)
        key = sheet.headers.index(layouts()[sheet.feed]["key"])
        broken[key] = f"{row[key]}X{turn}"
        broken[sheet.headers.index(fault["header"])] = fault["value"]
        self._add(sheet, broken, "quarantined")
        self._outbox.plant(
            sheet.feed, file, len(sheet.rows), fault["header"], fault["kind"], "quarantined",
            fault["reason"],
        )  # fmt: skip


def _cell(value: Any, column: dict[str, Any]) -> str:
    if isinstance(value, bool):
        value = "true" if value else "false"
    if value is None:
        return ""
    codes = column.get("codes")
    if codes is not None:
        return str(codes[value])
    if isinstance(value, date):
        return value.strftime(column["format"])
    return str(value)


def person_values(person: Any, identity: Identity) -> Values:
    """The person columns every layout may pick from."""
    return {
        "local_id": identity.local_id,
        "name": identity.name,
        "sex": person.sex,
        "birth": person.birth,
        "id_number": identity.id_number,
        "health_card": identity.health_card,
        "insurance_number": identity.insurance_number,
        "phone": identity.phone,
        "address": identity.address,
        "insurance_type": person.insurance_type,
        "insured_area": person.insured_area,
    }
