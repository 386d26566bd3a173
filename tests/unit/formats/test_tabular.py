"""Rules of reading tables. All people are invented."""

import zipfile
from datetime import date, datetime
from io import BytesIO
from pathlib import Path

import pytest
import xlsxwriter

from ingestion.contract import FieldMap, Mapping, RecordMap
from ingestion.formats.source import Parsed, SourceFile
from ingestion.formats.tabular import read
from ingestion.formats.workbook import _far_cell

pytestmark = pytest.mark.usefixtures("no_hang")


HEADER = "床号,开放日期,病区"
FIELDS = {
    "bed_id": FieldMap(**{"from": "床号"}),
    "opened_date": FieldMap(**{"from": "开放日期"}),
    "ward_name": FieldMap(**{"from": ["病区", "病区名称"]}),
}
MAPPING = Mapping(records={"bed": RecordMap(fields=FIELDS)})


def parse(data: bytes | str, encoding: str | None = None, **options: str | int | bool) -> Parsed:
    raw = data.encode() if isinstance(data, str) else data
    return read([SourceFile("f", raw)], MAPPING, encoding=encoding, options=options)


def rows(parsed: Parsed) -> list[tuple]:
    table = parsed.tables["bed"]
    return table.select("床号", "开放日期", "病区", "_record").rows()


def codes(parsed: Parsed) -> list[str]:
    return [problem.code for problem in parsed.problems]


def workbook(*lines: list, sheet: str = "床位") -> bytes:
    buffer = BytesIO()
    book = xlsxwriter.Workbook(buffer, {"in_memory": True, "default_date_format": "yyyy/m/d"})
    page = book.add_worksheet(sheet)
    for number, line in enumerate(lines):
        page.write_row(number, 0, line)
    book.close()
    return buffer.getvalue()


def archive(**members: bytes) -> bytes:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, data in members.items():
            packed.writestr(name.replace("_", "."), data)
    return buffer.getvalue()


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", [",", "\t", ";"])
def test_delimiter_and_line_end_are_found(end: str, mark: str) -> None:
    text = f"{HEADER}\n1,2026-01-01,内科\n2,,外科\n".replace(",", mark).replace("\n", end)
    assert rows(parse(text)) == [("1", "2026-01-01", "内科", 1), ("2", "", "外科", 2)]


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "gb18030"])
def test_encodings_of_chinese_systems_are_read(codec: str) -> None:
    data = f"{HEADER}\n1,2026-01-01,内科\n".encode(codec)
    assert rows(parse(data, codec)) == rows(parse(data)) == [("1", "2026-01-01", "内科", 1)]


@pytest.mark.parametrize(
    ("agreed", "sent"),
    [("utf-8", "gb18030"), ("gb18030", "utf-8"), ("gb18030", "utf-16"), ("utf-8", "utf-16")],
)
def test_another_encoding_than_agreed_is_refused(agreed: str, sent: str) -> None:
    parsed = parse(f"{HEADER}\n1,2026-01-01,内科\n".encode(sent), agreed)
    assert codes(parsed) == ["wrong_encoding"] and rows(parsed) == []


def test_quotes_hold_delimiters_quotes_and_line_ends() -> None:
    parsed = parse(f'{HEADER}\n"1,a",2026-01-01,"内""科\n东"\n2,,b\n')
    assert rows(parsed) == [("1,a", "2026-01-01", '内"科\n东', 1), ("2", "", "b", 2)]


@pytest.mark.parametrize("quote", ["", '"'])
def test_a_row_of_another_width_is_refused_alone(quote: str) -> None:
    parsed = parse(f"{HEADER}\n1,a,b\n2,a\n3,a,b,c\n{quote}4{quote},a,b\n")
    assert [row[0] for row in rows(parsed)] == ["1", "4"]
    assert [(p.record, p.code) for p in parsed.problems] == [
        (2, "malformed_table"),
        (3, "malformed_table"),
    ]
    assert parsed.records == [4]


def test_a_broken_quote_does_not_swallow_the_rows_after_it() -> None:
    parsed = parse(f'{HEADER}\n1,a,b\n"2,a,b\n3,a,b\n')
    assert [row[0] for row in rows(parsed)] == ["1", "3"]
    assert codes(parsed) == ["malformed_table"]


def test_any_of_several_source_headers_is_enough_and_none_is_a_problem() -> None:
    assert rows(parse("床号,开放日期,病区名称\n1,2,3\n"))[0][2] is None
    parsed = parse("床号,开放日期\n1,2\n")
    assert [(p.code, p.detail) for p in parsed.problems] == [("missing_column", "病区")]
    assert rows(parsed) == []


def test_the_header_is_found_below_a_title() -> None:
    lines = [["云泉县床位表"], HEADER.split(","), ["1", "2026-01-01", "内科"]]
    assert rows(parse(workbook(*lines))) == [("1", "2026-01-01", "内科", 1)]
    assert rows(parse(workbook(*lines), header_row=2))[0][0] == "1"


def test_workbook_cells_come_as_text_and_dates_in_iso_form() -> None:
    day = datetime.combine(date(2026, 1, 31), datetime.min.time())
    parsed = parse(workbook(HEADER.split(","), ["001", day, 12], [], [7, day, 1.5]))
    assert rows(parsed) == [
        ("001", "2026-01-31 00:00:00", "12", 1),
        ("7", "2026-01-31 00:00:00", "1.5", 3),
    ]


def test_a_template_without_rows_is_read_as_no_records() -> None:
    for data in (workbook(HEADER.split(",")), HEADER.encode()):
        parsed = parse(data)
        assert (rows(parsed), codes(parsed), parsed.records) == ([], [], [0])


def test_a_damaged_workbook_is_refused() -> None:
    data = workbook(HEADER.split(","), ["1", "2", "3"])
    assert codes(parse(data[: len(data) // 3])) == ["malformed_table"]
    assert codes(parse(data, sheet="无此表")) == ["missing_table"]


def test_an_archive_of_tables_is_read_once_and_not_deeper() -> None:
    one = f"{HEADER}\n1,a,b\n".encode()
    two = f"{HEADER}\n2,a,b\n".encode()
    parsed = parse(archive(a_csv=one, b_csv=two))
    assert [(row[0], row[3]) for row in rows(parsed)] == [("1", 1), ("2", 2)]
    assert codes(parse(archive(a_zip=archive(a_csv=one)))) == ["nested_archive"]
    assert codes(parse(archive(a_csv=archive(a_csv=one)))) == ["nested_archive"]
    assert codes(parse(archive(a_csv=b"0" * (100 << 20)))) == ["nested_archive"]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty_file"),
        (b"\xef\xbb\xbf \n", "empty_file"),
        (b"MSH|^~\\&|a", "wrong_format"),
        (b"<?xml version='1.0'?><a/>", "wrong_format"),
        (b"%PDF-1.4", "wrong_format"),
        (b"\x00\x01\x02\x03", "wrong_format"),
    ],
)
def test_what_is_no_table_is_named(data: bytes, code: str) -> None:
    assert codes(parse(data)) == [code]


def test_a_line_of_100_megabytes_is_refused_at_once() -> None:
    data = f"{HEADER}\n".encode() + b"1" * (100 << 20)
    assert codes(parse(data)) == ["line_too_long"]


def test_when_keeps_matching_rows_only() -> None:
    record = RecordMap(fields=FIELDS, when={"病区": ["内科"]})
    file = SourceFile("f", f"{HEADER}\n1,a,内科\n2,a,外科\n".encode())
    parsed = read([file], Mapping(records={"bed": record}))
    assert parsed.tables["bed"]["床号"].to_list() == ["1"]
    assert parsed.records == [2]


def test_two_thousand_small_files_are_read_as_one_batch() -> None:
    files = [SourceFile(str(n), f"{HEADER}\n{n},a,b\n".encode()) for n in range(2000)]
    parsed = read(files, MAPPING)
    assert parsed.tables["bed"].height == 2000


def test_a_far_cell_is_found_whether_the_sheet_names_its_range_or_not() -> None:
    folder = Path(__file__).resolve().parents[2] / "samples" / "field_faults"
    data = (folder / "xlsx-one-stray-cell-at-the-far-corner.xlsx").read_bytes()
    assert _far_cell(data) == "XFD1048576"
    for said in (b"", b'<dimension ref="A1"/>'):
        silent = BytesIO()
        with zipfile.ZipFile(BytesIO(data)) as old, zipfile.ZipFile(silent, "w") as new:
            for info in old.infolist():
                content = old.read(info)
                new.writestr(
                    info.filename, content.replace(b'<dimension ref="A1:XFD1048576"/>', said)
                )
        assert _far_cell(silent.getvalue()) == "XFD1048576"
    assert _far_cell(b"PK\x03\x04 no archive") is None
