"""Rules of reading SQLite extracts. All people are invented."""

import sqlite3

import pytest

from ingestion.contract import FieldMap, Mapping, RecordMap
from ingestion.formats.database import read
from ingestion.formats.source import Parsed, SourceFile

FIELDS = {"bed_id": FieldMap(**{"from": "CWH"}), "opened_date": FieldMap(**{"from": "KFRQ"})}
MAPPING = Mapping(records={"bed": RecordMap(fields=FIELDS)})


def database(*statements: str) -> bytes:
    connection = sqlite3.connect(":memory:")
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    data = connection.serialize()
    connection.close()
    return data


BEDS = database(
    "create table cw (CWH text, KFRQ text, SL real, X blob)",
    "insert into cw values ('1', '2026-01-01', 3.0, x'00ff'), (2, null, 1.5, null)",
    "create table other (a)",
)


def parse(data: bytes, **options: str | int | bool) -> Parsed:
    return read([SourceFile("f.sqlite", data)], MAPPING, options=options)


def test_all_values_come_as_text() -> None:
    parsed = parse(BEDS, table="cw")
    assert parsed.tables["bed"].rows() == [("1", "2026-01-01", 0, 1, 1), ("2", None, 0, 2, 1)]
    assert parsed.records == [2] and not parsed.problems


@pytest.mark.parametrize(
    ("data", "table", "code"),
    [
        (b"", "cw", "empty_file"),
        (b"\0" * 512, "cw", "empty_file"),
        (b"not a database at all", "cw", "malformed_database"),
        (BEDS[:100] + b"\0" * 412, "cw", "malformed_database"),
        (BEDS[: len(BEDS) // 2], "cw", "malformed_database"),
        (BEDS[:100] + b"\xff" * (len(BEDS) - 100), "cw", "malformed_database"),
        (BEDS, "bah_sy", "missing_table"),
        (BEDS, "other", "missing_column"),
        (BEDS, "cw; drop table cw", "missing_table"),
    ],
)
def test_what_cannot_be_read_is_named(data: bytes, table: str, code: str) -> None:
    assert [problem.code for problem in parse(data, table=table).problems] == [code]


def test_a_damaged_page_never_crashes() -> None:
    rows = [f"insert into cw values ('{n}', '2026-01-01')" for n in range(2000)]
    data = database("create table cw (CWH text, KFRQ text)", *rows)
    for at in range(100, len(data), 997):
        broken = data[:at] + b"\xa5" * 64 + data[at + 64 :]
        parsed = parse(broken, table="cw")
        assert parsed.records[0] > 0 or parsed.problems
