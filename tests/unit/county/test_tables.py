"""What the county writes in each table format is what the readers find there."""

import polars as pl
import pytest

from county.systems.dbf import as_dbf
from county.systems.encode import as_csv, as_database, as_json_lines, as_xml
from county.systems.layouts import Layout, layouts
from county.systems.rows import rendered
from county.systems.tables import _cut
from county.systems.workbook import as_workbook
from ingestion.contract import FieldMap, Format, Mapping, RecordMap
from ingestion.formats import database, jsonlines, tabular, xml_table
from ingestion.formats.source import SourceFile

ROWS = pl.DataFrame(
    {
        "staff_id": ["A<1>", 'B"2"', "C,3\\"],
        "amount_fen": [-305, 1_200, None],
        "is_tcm": [True, False, None],
        "department_name": ["内科 & 外科", "儿科", None],
    }
)
COLUMNS = {
    "GH": "staff_id",
    "JE": {"field": "amount_fen", "number": True},
    "ZY": {"field": "is_tcm", "codes": {"true": "是", "false": "否"}},
    "KS": "department_name",
}
EXPECTED = [
    ("A<1>", "-3.05", "是", "内科 & 外科"),
    ('B"2"', "12", "否", "儿科"),
    ("C,3\\", None, None, None),
]


def layout(**more: str) -> Layout:
    return Layout.model_validate({"key": "GH", "columns": COLUMNS, **more})


def found(kind: Format, data: bytes, **options: str) -> list[tuple[str | None, ...]]:
    fields = {
        "staff_id": "GH", "amount_yuan": "JE", "is_tcm": "ZY", "drug_name": "KS",
    }  # fmt: skip
    maps = {name: FieldMap.model_validate({"from": header}) for name, header in fields.items()}
    mapping = Mapping(records={"prescription": RecordMap(fields=maps)})
    readers = {
        "tabular": tabular, "database": database, "jsonlines": jsonlines, "xml_table": xml_table,
    }  # fmt: skip
    parsed = readers[kind].read([SourceFile("a", data)], mapping, options=options or None)
    assert not parsed.problems
    table = parsed.tables["prescription"].select("GH", "JE", "ZY", "KS")
    empty = pl.col(pl.String) != ""
    cleaned = table.with_columns(pl.when(empty).then(pl.col(pl.String)))
    return [
        (row[0], None if row[1] is None else f"{float(row[1]):g}", row[2], row[3])
        for row in cleaned.iter_rows()
    ]


CASES = [
    ("tabular", as_csv, {"file": "a.csv", "encoding": "gb18030"}, {}),
    ("tabular", as_workbook, {"file": "a.xlsx", "sheet": "表", "title": "标题"}, {}),
    ("tabular", as_dbf, {"file": "a.dbf", "encoding": "gb18030"}, {}),
    ("jsonlines", as_json_lines, {"file": "a.jsonl"}, {}),
    ("xml_table", as_xml, {"file": "a.xml", "root": "BS", "row": "B"}, {"row": "B"}),
]


@pytest.mark.parametrize(("kind", "encode", "more", "options"), CASES)
def test_the_reader_finds_what_was_written(kind, encode, more, options) -> None:
    sheet = layout(**more)
    data = encode(sheet, rendered("feed", sheet, ROWS))
    assert found(kind, data, **options) == EXPECTED


def test_a_database_holds_what_was_written() -> None:
    sheet = layout(file="a.sqlite", table="t")
    data = as_database([(sheet, rendered("feed", sheet, ROWS))])
    assert found("database", data, table="t") == EXPECTED


def test_dotted_headers_become_objects() -> None:
    sheet = Layout.model_validate(
        {"file": "a.jsonl", "key": "id", "columns": {"id": "a", "device.sn": "b", "device.on": "c"}}
    )
    rows = pl.DataFrame({"a": ["1"], "b": ["S"], "c": [None]}, schema_overrides={"c": pl.String})
    assert as_json_lines(sheet, rendered("feed", sheet, rows)) == (
        b'{"id": "1", "device": {"sn": "S", "on": null}}\n'
    )


def test_a_missing_field_is_an_error() -> None:
    with pytest.raises(ValueError, match="has no such field"):
        rendered("feed", layout(file="a.csv"), ROWS.drop("is_tcm"))


def test_every_layout_is_sound() -> None:
    assert len(layouts()) >= 20


def test_a_cut_xml_file_ends_between_two_characters() -> None:
    chosen = layout(file="a_{month}.xml", root="BB", row="JL")
    data = as_xml(
        chosen, rendered("a", chosen, ROWS.with_columns(department_name=pl.lit("儿科" * 99)))
    )
    for length in range(len(data) - 12, len(data)):
        assert len(_cut(chosen, data[:length]).decode("utf-8")) > 0
