"""Rules of FHIR resources: references, whom they are about, bundles. All people are invented."""

import json
from typing import Any

import pytest

from ingestion.contract import FieldMap, Mapping, RecordMap, profile
from ingestion.formats import fhir
from ingestion.formats.source import Parsed, SourceFile

Json = dict[str, Any]
PERSON = "urn:uuid:11111111-1111-4111-8111-111111111111"
PATIENT: Json = {
    "resourceType": "Patient", "id": "p1", "gender": "male", "birthDate": "1980-01-01",
    "name": [{"use": "nickname"}, {"text": "张三"}],
    "identifier": [
        {"system": "urn:oid:2.16.156.10011.1.3", "value": "653999198001010011"},
        {"type": {"coding": [{"code": "MR"}]}, "value": "M1"},
    ],
}  # fmt: skip
ENCOUNTER: Json = {
    "resourceType": "Encounter", "id": "e1", "status": "finished", "class": {"code": "VR"},
    "identifier": [{"value": "V1"}], "subject": {"reference": PERSON},
    "period": {"start": "2026-03-01T08:30:00+08:00"},
    "serviceProvider": {"identifier": {"value": "653999H01"}},
}  # fmt: skip
REQUEST: Json = {
    "resourceType": "MedicationRequest", "id": "m1", "subject": {"reference": "Patient/p1"},
    "encounter": {"reference": "Encounter/e1"}, "medicationReference": {"reference": "#d"},
    "contained": [{"resourceType": "Medication", "id": "d", "code": {"text": "氨氯地平片"}}],
    "requester": {"reference": "Practitioner?identifier=urn:x|S1"},
    "dosageInstruction": [{"doseAndRate": [{"doseQuantity": {"value": 5.0, "unit": "mg"}}]}],
}  # fmt: skip


def bundle(*resources: Json) -> bytes:
    entries = [{"resource": r} for r in resources]
    entries[0]["fullUrl"] = PERSON
    return json.dumps({"resourceType": "Bundle", "type": "message", "entry": entries}).encode()


def read(data: bytes, mapping: Mapping | None = None) -> Parsed:
    return fhir.read([SourceFile("f", data)], mapping or profile("fhir", "core"))


def row(parsed: Parsed, entity: str) -> Json:
    return parsed.tables[entity].row(0, named=True)


def test_a_bundle_gives_rows_whose_person_stands_elsewhere_in_it() -> None:
    parsed = read(bundle(PATIENT, ENCOUNTER, REQUEST))
    assert (parsed.records, parsed.problems) == ([1], [])
    encounter = row(parsed, "encounter")
    assert encounter["@patient.name.text"] == "张三"
    assert encounter["@patient.identifier[type.coding.code=MR].value"] == "M1"
    assert encounter["serviceProvider>identifier.value"] == "653999H01"
    drug = row(parsed, "prescription")
    assert drug["encounter>identifier.value"] == "V1"
    assert drug["encounter>serviceProvider>identifier.value"] == "653999H01"
    assert drug["medicationReference>code.text"] == "氨氯地平片"
    assert drug["requester>identifier.value"] == "S1"
    dose = "dosageInstruction.doseAndRate.doseQuantity.value"
    assert drug[f"{dose}&{dose.replace('value', 'unit')}"] == "5.0 mg"


def test_one_resource_a_line_reads_like_a_bundle() -> None:
    lines = b"\n".join(json.dumps(r).encode() for r in (PATIENT, ENCOUNTER, REQUEST))
    parsed = read(lines)
    assert parsed.records == [3]
    assert row(parsed, "prescription")["@patient.name.text"] == "张三"
    assert parsed.tables["prescription"]["_record"].to_list() == [3]


def test_a_reference_to_a_resource_elsewhere_stands_for_its_id() -> None:
    parsed = read(json.dumps(REQUEST).encode())
    drug = row(parsed, "prescription")
    assert (drug["@patient.id"], drug["encounter>id"]) == ("p1", "e1")
    assert drug["@patient.name.text"] is None


def test_an_observation_knows_the_report_that_lists_it() -> None:
    observation: Json = {
        "resourceType": "Observation", "id": "o1",
        "category": [{"coding": [{"code": "laboratory"}]}],
    }  # fmt: skip
    vital = observation | {"id": "o2", "category": [{"coding": [{"code": "vital-signs"}]}]}
    report = {"resourceType": "DiagnosticReport", "id": "r1",
              "result": [{"reference": "Observation/o1"}]}  # fmt: skip
    parsed = read(bundle(PATIENT, observation, vital, report))
    assert parsed.tables["laboratory_result"]["@report.id"].to_list() == ["r1"]


def test_rows_may_be_parts_of_a_resource() -> None:
    pressure = {"resourceType": "Observation", "id": "o1",
                "component": [{"code": {"text": "a"}}, {"code": {"text": "b"}}]}  # fmt: skip
    fields = {"bed_id": FieldMap(**{"from": "/id"}), "ward_name": FieldMap(**{"from": "code.text"})}
    parts = Mapping(records={"bed": RecordMap(each="Observation.component", fields=fields)})
    parsed = read(json.dumps(pressure).encode(), parts)
    assert parsed.tables["bed"].rows() == [("o1", "a", 0, 1, 1), ("o1", "b", 0, 1, 2)]


@pytest.mark.parametrize(
    ("data", "place", "code"),
    [
        (bundle(PATIENT, ENCOUNTER)[:-20], (0, 0), "truncated"),
        (bundle(PATIENT, {"id": "x"}), (1, 2), "unsupported_document"),
        (bundle(PATIENT, {"resourceType": "Bundle"}), (1, 2), "unsupported_document"),
        (json.dumps(PATIENT).encode() + b"\n{}", (2, 0), "unsupported_document"),
        (b'{"resourceType": "Bundle", "entry": 1}', (1, 0), "malformed_json"),
        (json.dumps(PATIENT, ensure_ascii=False).encode("gb18030"), (0, 0), "wrong_encoding"),
        (b"<Patient/>", (0, 0), "wrong_format"),
        (b"", (0, 0), "empty_file"),
    ],
)
def test_what_cannot_be_read_is_named_with_its_place(
    data: bytes, place: tuple[int, int], code: str
) -> None:
    (problem,) = read(data).problems
    assert ((problem.record, problem.item), problem.code) == (place, code)


def test_references_in_a_circle_end() -> None:
    a = {"resourceType": "Encounter", "id": "a", "partOf": {"reference": "Encounter/a"}}
    fields = {"bed_id": FieldMap(**{"from": "partOf>partOf>partOf>id"})}
    what = Mapping(records={"bed": RecordMap(each="Encounter", fields=fields)})
    parsed = read(json.dumps(a).encode(), what)
    assert parsed.tables["bed"]["partOf>partOf>partOf>id"].to_list() == ["a"]
