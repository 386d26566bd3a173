"""Rules of XML tables. All people are invented."""

import pytest

from ingestion.contract import FieldMap, Mapping, RecordMap
from ingestion.formats import xml_table
from ingestion.formats.source import Parsed, SourceFile
from ingestion.formats.xml_table import compile_path
from ingestion.inspect import inspect_bytes

ROWS = (
    '<?xml version="1.0" encoding="{codec}"?><表 xmlns="urn:x" 批次="9">'
    "<头><机构>653999H01</机构></头>"
    '<患者 号="P1"><姓名>张三</姓名><次 id="a"><日>2026-03-01</日></次><次 id="b"/></患者></表>'
)


def read(data: bytes, *, encoding: str | None = None, row: str = "次", **fields: str) -> Parsed:
    maps = {name: FieldMap(**{"from": path}) for name, path in fields.items()}
    what = Mapping(records={"bed": RecordMap(fields=maps)})
    return xml_table.read([SourceFile("f", data)], what, encoding=encoding, options={"row": row})


def rows(codec: str = "UTF-8", declared: str | None = None) -> bytes:
    return ROWS.format(codec=declared or codec).encode(codec)


def test_a_row_reads_children_attributes_and_what_is_around_it() -> None:
    parsed = read(rows(), bed_id="@id", ward_name="../姓名", organization_id="/头/机构",
                  opened_date="日", closed_date="../@号")  # fmt: skip
    assert parsed.tables["bed"].rows() == [
        ("a", "张三", "653999H01", "2026-03-01", "P1", 0, 1, 1),
        ("b", "张三", "653999H01", None, "P1", 0, 2, 1),
    ]
    assert parsed.records == [2]


@pytest.mark.parametrize("path", ["a//b", "a[1]", "@", "a/", "//a", "x:y", "{urn}a", "*"])
def test_what_is_no_path_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="not a path"):
        compile_path(path)


def test_a_contract_must_name_the_row() -> None:
    what = Mapping(records={"bed": RecordMap(fields={"bed_id": FieldMap(**{"from": "a"})})})
    with pytest.raises(ValueError, match=r"options\.row"):
        xml_table.read([SourceFile("f", rows())], what, encoding=None, options={})


@pytest.mark.parametrize(
    ("data", "encoding", "codes"),
    [
        (rows("GB18030"), None, []),
        (rows("gb18030", "UTF-8"), "gb18030", []),
        (rows("gb18030", "UTF-8"), "utf-8", ["wrong_encoding"]),
        (rows("gb18030", "UTF-8"), None, ["wrong_encoding"]),
        (rows()[:-9], None, ["malformed_xml"]),
        (b"<t/>", None, []),
        (b"<t><u/></t>", None, ["missing_table"]),
        (b'{"a": 1}', None, ["wrong_format"]),
        (b"", None, ["empty_file"]),
    ],
)
def test_each_defect_has_its_reason(data: bytes, encoding: str | None, codes: list[str]) -> None:
    assert [p.code for p in read(data, encoding=encoding, bed_id="@id").problems] == codes


def test_inspecting_finds_the_rows_by_itself() -> None:
    report = inspect_bytes("f", b"<t><head/><r><a>1</a></r><r><a>2</a></r></t>")
    assert (report.format, report.outcome, report.records) == ("xml_table", "parsed", 2)
