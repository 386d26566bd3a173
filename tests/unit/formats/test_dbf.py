"""Rules of dBASE and FoxPro tables. All people are invented."""

import struct

import pytest

from ingestion.contract import FieldMap, Mapping, RecordMap
from ingestion.formats import tabular
from ingestion.formats.detect import detect
from ingestion.formats.source import Parsed, SourceFile
from ingestion.inspect import inspect_bytes

Field = tuple[str, bytes, int]
FIELDS: tuple[Field, ...] = (
    ("床号", b"N", 6),
    ("姓名", b"C", 8),
    ("日期", b"D", 8),
    ("在用", b"L", 1),
)
ROW = (b" ", b"  1.50", "张三".encode("gb18030"), b"20260301", b"T")
GBK, UNKNOWN = 0x4D, 0


def table(*rows: tuple[bytes, ...], fields: tuple[Field, ...] = FIELDS, mark: int = GBK) -> bytes:
    width = 1 + sum(length for _, _, length in fields)
    end = 33 + 32 * len(fields)
    data = struct.pack("<B3BIHH17xB2x", 0x03, 126, 3, 1, len(rows), end, width, mark)
    for name, kind, length in fields:
        data += struct.pack("<11sc4xBB14x", name.encode("gb18030"), kind, length, 0)
    data += b"\r"
    for flag, *cells in rows:
        sized = zip(cells, fields, strict=True)
        data += flag + b"".join(cell.ljust(length) for cell, (_, _, length) in sized)
    return data + b"\x1a"


def read(data: bytes, encoding: str | None = None, *names: str) -> Parsed:
    targets = ("bed_id", "ward_name", "opened_date", "closed_date")
    wanted = names or tuple(name for name, _, _ in FIELDS)
    fields = {t: FieldMap(**{"from": n}) for t, n in zip(targets, wanted, strict=False)}
    what = Mapping(records={"bed": RecordMap(fields=fields)})
    return tabular.read([SourceFile("f", data)], what, encoding=encoding, options={})


def test_a_table_is_told_by_its_header_and_read_by_type() -> None:
    data = table(ROW, (b" ", b"", b"", b"        ", b"?"))
    assert detect(data) == "dbf"
    assert read(data).tables["bed"].rows() == [
        ("1.50", "张三", "20260301", "true", 0, 1, 1),
        (None, None, None, None, 0, 2, 1),
    ]


def test_deleted_rows_are_no_rows_and_the_others_keep_their_numbers() -> None:
    parsed = read(table((b"*", *ROW[1:]), ROW))
    assert parsed.tables["bed"]["_record"].to_list() == [2]
    assert (parsed.records, parsed.problems) == ([1], [])


@pytest.mark.parametrize(("mark", "encoding"), [(GBK, None), (UNKNOWN, None), (3, "gb18030")])
def test_the_contract_outranks_the_code_page_mark(mark: int, encoding: str | None) -> None:
    assert read(table(ROW, mark=mark), encoding).tables["bed"]["姓名"].to_list() == ["张三"]


def test_a_cell_in_another_character_set_refuses_its_row_only() -> None:
    parsed = read(table(ROW, (b" ", b"2", b"\xff\xfe", b"20260301", b"T")), "gb18030")
    assert parsed.tables["bed"].height == 1
    assert [(p.record, p.code, p.detail) for p in parsed.problems] == [
        (2, "wrong_encoding", "姓名")
    ]


@pytest.mark.parametrize("cut", [30, 100, 165, 190])
def test_a_cut_table_is_refused_whole(cut: int) -> None:
    parsed = read(table(ROW, ROW)[:cut])
    assert parsed.tables["bed"].is_empty()
    assert len(parsed.problems) == 1


def test_memo_columns_are_refused_only_when_they_are_wanted() -> None:
    fields: tuple[Field, ...] = (("床号", b"N", 6), ("备注", b"M", 10))
    data = table((b" ", b"1", b"         7"), fields=fields)
    assert read(data, None, "床号").tables["bed"].height == 1
    parsed = read(data, None, "床号", "备注")
    assert [(p.code, p.record) for p in parsed.problems] == [("wrong_format", 0)]
    assert inspect_bytes("f", data).outcome == "partly"


def test_foxpro_types_are_numbers_and_times() -> None:
    fields: tuple[Field, ...] = (
        ("整数", b"I", 4),
        ("货币", b"Y", 8),
        ("时刻", b"T", 8),
        ("双精", b"B", 8),
    )
    moment = struct.pack("<ii", 2461101, (8 * 3600 + 1800) * 1000)
    data = table(
        (b" ", struct.pack("<i", -5), struct.pack("<q", -15000), moment, struct.pack("<d", 1.25)),
        fields=fields,
    )
    parsed = read(data, None, *(name for name, _, _ in fields))
    assert parsed.tables["bed"].row(0)[:4] == ("-5", "-1.5000", "2026-03-01 08:30:00", "1.25")
