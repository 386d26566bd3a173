"""Rules of reading HL7 V3 service messages. All people are invented."""

from collections.abc import Callable
from pathlib import Path

import pytest

from ingestion.contract import profile
from ingestion.formats.hl7v3 import read
from ingestion.formats.source import Parsed, SourceFile

SPACE = 'xmlns="urn:hl7-org:v3"'
HEAD = '<id root="1" extension="M{n}"/><creationTime value="20260301080000"/>'
PATIENT = (
    '<patient><id><item root="2.16.156.10011.0.2.2" extension="L{n}"/></id>'
    '<patientPerson><name><item><part value="{name}"/></item></name></patientPerson></patient>'
)


def interaction(name: str, body: str = "", number: int = 1) -> str:
    return f"<{name} {SPACE}>{HEAD.format(n=number)}{body}</{name}>"


def batch(*messages: str, count: int | None = None) -> str:
    said = len(messages) if count is None else count
    inner = f'<transmissionQuantity value="{said}"/>' + "".join(messages)
    return f"<MCCI_IN200100UV01 {SPACE}>{inner}</MCCI_IN200100UV01>"


def parse(data: str | bytes) -> Parsed:
    raw = data.encode() if isinstance(data, str) else data
    return read([SourceFile("f.xml", raw)], profile("hl7v3", "services"))


def register(name: str, number: int = 1, interaction_name: str = "PRPA_IN201311UV02") -> str:
    patient = PATIENT.format(n=number, name=name)
    body = (
        "<controlActProcess><subject><registrationRequest><subject1>"
        f"{patient}</subject1></registrationRequest></subject></controlActProcess>"
    )
    return interaction(interaction_name, body, number)


def values(parsed: Parsed, entity: str, column: str) -> list[str | None]:
    mapping = profile("hl7v3", "services")
    fields = mapping.records[entity].fields | mapping.person
    return [
        next((row[s] for s in fields[column].sources if row[s]), None)
        for row in parsed.tables[entity].iter_rows(named=True)
    ]


def test_every_interaction_of_a_batch_is_a_record_of_its_own() -> None:
    parsed = parse(
        batch(register("张三", 1), register("李四", 2), interaction("QUMT_IN020030UV01"))
    )
    assert parsed.records == [3]
    assert parsed.problems == []
    assert values(parsed, "service_message", "message_id") == ["M1", "M2", "M1"]
    assert values(parsed, "person_index_message", "person_name") == ["张三", "李四"]
    assert parsed.tables["person_index_message"]["_record"].to_list() == [1, 2]


def test_a_batch_that_lost_messages_is_told() -> None:
    parsed = parse(batch(register("张三"), count=3))
    assert [(p.code, p.detail) for p in parsed.problems] == [("truncated", "2 messages missing")]
    assert parsed.records == [1]


def test_a_merge_gives_the_kept_and_the_void_number() -> None:
    old = (
        "<replacementOf><priorRegistration><subject1><priorRegisteredRole><id>"
        '<item root="2.16.156.10011.0.2.2" extension="L9"/></id></priorRegisteredRole>'
        "</subject1></priorRegistration></replacementOf>"
    )
    body = PATIENT.format(n=1, name="张三")
    act = (
        "<controlActProcess><subject><registrationEvent><subject1>"
        f"{body}</subject1>{old}</registrationEvent></subject></controlActProcess>"
    )
    parsed = parse(interaction("PRPA_IN201304UV02", act))
    assert values(parsed, "person_index_message", "local_id") == ["L1", "L9"]
    assert values(parsed, "person_index_message", "person_name") == ["张三", None]
    assert values(parsed, "person_index_message", "message_item_number") == ["1", "2"]


def test_a_soap_envelope_is_opened() -> None:
    inner = register("张三")
    parsed = parse(f'<s:Envelope xmlns:s="urn:x"><s:Body>{inner}</s:Body></s:Envelope>')
    assert values(parsed, "service_message", "interaction") == ["PRPA_IN201311UV02"]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty_file"),
        (b"MSH|^~\\&|", "wrong_format"),
        (b"<a/>", "unsupported_document"),
        (b'<s:Envelope xmlns:s="urn:x"/>', "unsupported_document"),
        (b"<PRPA_IN201311UV02><id/>", "malformed_xml"),
        (b"<PRPA_IN201311UV02/>", "missing_required"),
        (b'<!DOCTYPE a [<!ENTITY x "y">]><PRPA_IN201311UV02/>', "forbidden_xml"),
    ],
)
def test_what_is_no_message_is_refused_by_name(data: bytes, code: str) -> None:
    parsed = parse(data)
    assert [problem.code for problem in parsed.problems] == [code]
    assert all(table.is_empty() for table in parsed.tables.values())


def test_another_character_set_is_named_and_read() -> None:
    data = b'<?xml version="1.0" encoding="UTF-8"?>' + register("张三").encode("gb18030")
    parsed = parse(data)
    assert [problem.code for problem in parsed.problems] == ["wrong_encoding"]
    assert values(parsed, "person_index_message", "person_name") == ["张三"]


def test_every_shared_sample_becomes_a_message_or_is_refused_by_name(
    samples: Callable[..., Path],
) -> None:
    for path in sorted(samples("hl7v3-cn").rglob("*.xml")):
        parsed = parse(path.read_bytes())
        found = parsed.tables["service_message"].height
        assert found == 1 or parsed.problems, path.name
