"""What every format module takes and gives. No parsing here."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import polars as pl

FILE, RECORD, ITEM = "_file", "_record", "_item"
"""Position columns of every source table: file index in the batch, record number in the file
(message, row, document; from 1) and item number in the record (segment, entry; from 1)."""


DELETED = '""'
"""What a partial record holds where its sender deletes a value (HL7 v2.5.1, 2.5.3.1)."""


@dataclass(frozen=True)
class SourceFile:
    """One file as it arrived. `name` is relative to the inbox."""

    name: str
    data: bytes


@dataclass(frozen=True)
class Problem:
    """Something that could not be read. Never carries patient content, only its place.

    Args:
        file: Index into the batch's files.
        record: Record number in the file, from 1; 0 when the whole file is meant.
        item: Item in the record, from 1; 0 when the whole record is meant.
        code: A reason code of `ingestion/errors.py`.
        detail: Segment, column or element name, line or byte position.
    """

    file: int
    record: int
    item: int
    code: str
    detail: str


@dataclass(frozen=True)
class Parsed:
    """What a batch of files held.

    `tables` has, by entity, one string-typed row per source record: the requested source fields by
    their own names plus the position columns. `problems` has every piece that could not become a
    row. `records` counts messages, rows or documents found, per file; each of them must be in a
    table, in `problems` or in `empty`, which `ingestion/parse.py` sees to. `empty` names records
    that carry nothing for the lake by their kind, such as acknowledgements. `silent` is asked about
    a record (file, record) without a row: `not_taken` or `carries_nothing`, and its kind.
    """

    tables: dict[str, pl.DataFrame]
    problems: list[Problem] = field(default_factory=list)
    records: Sequence[int] = ()
    empty: Sequence[Problem] = ()
    silent: Callable[[int, int], tuple[str, str]] | None = None


def position_schema() -> dict[str, pl.DataType]:
    return {FILE: pl.Int32(), RECORD: pl.Int64(), ITEM: pl.Int64()}
