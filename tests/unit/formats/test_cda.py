"""Rules of reading shared documents. All people are invented."""

from collections.abc import Callable
from pathlib import Path

import pytest

from ingestion.contract import FieldMap, Mapping, RecordMap, profile
from ingestion.formats.cda import read
from ingestion.formats.source import Parsed, SourceFile

HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n<ClinicalDocument xmlns="urn:hl7-org:v3">'
LONG_COMMENT = b"<!--" + b" " * 70_000 + b"-->"
TAIL = "</ClinicalDocument>"
BODY = """
<id root="1.2" extension="D1"/><code code="{code}"/><title>检验记录</title>
<component><structuredBody><component><section>{entries}</section></component></structuredBody>
</component>"""


def entry(code: str, value: str, inner: str = "") -> str:
    return f'<entry><observation><code code="{code}"/>{value}{inner}</observation></entry>'


def document(entries: str = "", code: str = "C0007") -> str:
    return HEAD + BODY.format(code=code, entries=entries) + TAIL


def parse(data: bytes | str, name: str = "emr", **options: str) -> Parsed:
    raw = data.encode() if isinstance(data, str) else data
    return read([SourceFile("f.xml", raw)], profile("cda", name), options=options)


def values(parsed: Parsed, entity: str, column: str, name: str = "emr") -> list[str | None]:
    """What the first filled source of a column gives, row by row."""
    sources = profile("cda", name).records[entity].fields[column].sources
    rows = parsed.tables[entity].select(sources).rows()
    return [next((value for value in row if value), None) for row in rows]


def test_a_result_belongs_to_the_item_before_it_and_to_no_other() -> None:
    entries = (
        entry("DE04.30.019.00", "<value>A</value>")
        + entry("DE04.30.015.00", '<value value="1.5" unit="g"/>')
        + entry("DE04.30.019.00", "<value>B</value>")
        + entry("DE04.30.019.00", "<value>C</value>")
        + entry("DE04.30.015.00", '<value value="&lt;3"/>')
    )
    parsed = parse(document(entries))
    assert values(parsed, "laboratory_result", "test_code") == ["A", "B", "C"]
    assert values(parsed, "laboratory_result", "value_text") == ["1.5", None, "<3"]
    assert values(parsed, "laboratory_result", "value_number") == ["1.5", None, None]
    assert parsed.tables["laboratory_result"]["_item"].to_list() == [1, 2, 3]


def test_when_keeps_document_types_apart() -> None:
    parsed = parse(document(entry("DE04.30.019.00", "<value>A</value>"), code="C0002"))
    assert parsed.tables["laboratory_result"].is_empty()
    assert parsed.tables["clinical_document"].height == 1


def test_namespace_prefixes_make_no_difference() -> None:
    plain = document(entry("DE04.30.019.00", "<value>A</value>"))
    prefixed = plain.replace("xmlns=", "xmlns:h=").replace("<?xml", "<!xml")
    prefixed = prefixed.replace("</", "</h:").replace("<", "<h:").replace("<h:/h:", "</h:")
    prefixed = prefixed.replace("<h:!xml", "<?xml")
    assert parse(prefixed).tables["laboratory_result"].rows() == (
        parse(plain).tables["laboratory_result"].rows()
    )


def test_a_sum_of_absent_fees_is_absent_and_not_zero() -> None:
    assert values(parse(document(code="C0032")), "front_page", "drug_fee_yuan") == [None]
    fees = entry("HDSD00.11.098", '<value value="10.50"/>') + entry(
        "HDSD00.11.135", '<value value="0.05"/>'
    )
    assert values(parse(document(fees, "C0032")), "front_page", "drug_fee_yuan") == ["10.55"]


def test_a_wrong_encoding_is_named_and_the_rows_still_come() -> None:
    parsed = parse(document().encode("gb18030"))
    assert [problem.code for problem in parsed.problems] == ["wrong_encoding"]
    assert values(parsed, "clinical_document", "title") == ["检验记录"]
    declared = document().replace("UTF-8", "GB18030").encode("gb18030")
    assert not parse(declared).problems


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty_file"),
        (HEAD.encode(), "malformed_xml"),
        (b"<a>&x;</a>", "forbidden_xml"),
        (
            b'<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>',
            "forbidden_xml",
        ),
        (b'<!DOCTYPE a [<!ENTITY % x SYSTEM "http://x.invalid/">%x;]><a/>', "forbidden_xml"),
        ('<!DOCTYPE a [<!ENTITY x "y">]><a/>'.encode("utf-16"), "forbidden_xml"),
        (LONG_COMMENT + b'<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>', "forbidden_xml"),
        (b"<note/>", "unsupported_document"),
        (b"MSH|^~\\&|a", "wrong_format"),
        (b"name,age", "malformed_xml"),
        (b"<a>" * 10_000, "malformed_xml"),
    ],
)
def test_what_is_no_document_is_named(data: bytes, code: str) -> None:
    parsed = parse(data)
    assert [problem.code for problem in parsed.problems] == [code]
    assert parsed.tables["clinical_document"].is_empty()


def test_a_path_that_is_none_is_an_error_of_the_contract() -> None:
    fields = {"document_id": FieldMap(**{"from": "///"})}
    mapping = Mapping(records={"clinical_document": RecordMap(each="document", fields=fields)})
    with pytest.raises(ValueError, match="not a path"):
        read([SourceFile("f", document().encode())], mapping)


@pytest.mark.parametrize(("folder", "name"), [("ws500-emr", "emr"), ("ws483-ehr", "ehr")])
def test_every_example_of_the_standards_is_read(
    samples: Callable[..., Path], folder: str, name: str
) -> None:
    paths = sorted(samples("cda-cn", folder).glob("*.xml"))
    parsed = read([SourceFile(p.name, p.read_bytes()) for p in paths], profile("cda", name))
    assert not parsed.problems
    for column in ("document_id", "document_type_code", "title", "authored_at"):
        assert all(values(parsed, "clinical_document", column, name))


def test_the_follow_up_example_takes_weight_from_vital_signs(
    samples: Callable[..., Path],
) -> None:
    path = next(samples("cda-cn", "ws483-ehr").glob("EHR-HSD-12*.xml"))
    parsed = parse(path.read_bytes(), "ehr")
    wanted = {"visited_date": "20110212", "systolic_mmhg": "120", "weight_kg": "60"}
    for column, expected in wanted.items():
        assert values(parsed, "hypertension_visit", column, "ehr") == [expected]


def test_the_front_page_example_gives_its_stay(samples: Callable[..., Path]) -> None:
    path = next(samples("cda-cn", "ws500-emr").glob("EMR-SD-32*.xml"))
    parsed = parse(path.read_bytes())
    wanted = {
        "encounter_id": "HA201102113366666", "admitted_at": "20090401142335", "stay_days": "3",
        "total_fee_yuan": "8000", "drug_fee_yuan": "11000", "main_operation_code": "1",
    }  # fmt: skip
    for column, expected in wanted.items():
        assert values(parsed, "front_page", column) == [expected]
