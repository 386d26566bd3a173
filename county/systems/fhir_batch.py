"""FHIR bundles of an internet hospital: one a line, one file a day, and the spoiled ones.

Belongs here: what a bundle looks like (R4) and how one is broken. Not here: who consults
(`county/domains/online.py`), counting (`message_files.py`).
"""

import json
import re
from collections.abc import Callable
from typing import Any

import polars as pl

from county.systems.filled import filled
from county.systems.message_files import MessageFiles, Spoiled, WholeFile

_ROOT = "urn:oid:2.16.156.10011.1"  # identifier roots of WS/T 482-2016
_KIND = "http://terminology.hl7.org/CodeSystem/v2-0203"
_CLASS = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
_ICD10 = "urn:oid:2.16.156.10011.2.3.3.11"
_NUMBER = re.compile(r'("(?:identifier|groupIdentifier)": ?\[?\{"value": ?")([^"]+)(")')
Json = dict[str, Any]


def bundle() -> pl.Expr:
    """One consultation: patient, encounter, diagnosis and the `requests` given as a column."""
    text = json.dumps(_bundle(), ensure_ascii=False, separators=(",", ":"))
    return filled(text.replace(',"«requests»"', "«requests»"))


def request() -> pl.Expr:
    """One drug of a prescription, as an entry with a comma before it."""
    entry = {"fullUrl": "urn:x:drug:«line»", "resource": _request()}
    text = json.dumps(entry, ensure_ascii=False, separators=(",", ":"))
    for name in ("quantity", "dose"):
        text = text.replace(f'"«{name}»"', f"«{name}»")
    return filled("," + text)


def _bundle() -> Json:
    resources = {"patient": _patient(), "visit": _encounter(), "diagnosis": _condition()}
    entries: list[Any] = [
        {"fullUrl": f"urn:x:{name}:«encounter_id»", "resource": resource}
        for name, resource in resources.items()
    ]
    return {
        "resourceType": "Bundle", "type": "message", "timestamp": "«ended»",
        "entry": [*entries, "«requests»"],
    }  # fmt: skip


def _patient() -> Json:
    def typed(code: str, value: str) -> Json:
        return {"type": {"coding": [{"system": _KIND, "code": code}]}, "value": value}

    return {
        "resourceType": "Patient", "id": "«local_id»",
        "identifier": [
            typed("MR", "«local_id»"),
            {"system": f"{_ROOT}.3", "value": "«id_number»"},
            {"system": f"{_ROOT}.19", "value": "«health_card»"},
            typed("SB", "«insurance_number»"),
        ],
        "name": [{"text": "«name»"}], "gender": "«gender»", "birthDate": "«birth_day»",
        "telecom": [{"system": "phone", "value": "«phone»"}], "address": [{"text": "«address»"}],
    }  # fmt: skip


def _encounter() -> Json:
    return {
        "resourceType": "Encounter", "id": "«encounter_id»",
        "identifier": [{"value": "«encounter_id»"}], "status": "finished",
        "class": {"system": _CLASS, "code": "VR"}, "subject": _about("patient"),
        "serviceType": {"coding": [{"code": "«department_code»"}], "text": "«department_name»"},
        "participant": [
            {"individual": {"type": "Practitioner", "identifier": {"value": "«staff_id»"}}}
        ],
        "period": {"start": "«started»", "end": "«ended»"},
        "serviceProvider": {"type": "Organization", "identifier": {"value": "«organization_id»"}},
    }  # fmt: skip


def _condition() -> Json:
    return {
        "resourceType": "Condition", "id": "ZD«encounter_id»",
        "identifier": [{"value": "ZD«encounter_id»"}], "subject": _about("patient"),
        "encounter": _about("visit"), "recordedDate": "«ended»",
        "code": {"coding": [{"system": _ICD10, "code": "«diagnosis_code»"}],
                 "text": "«diagnosis_name»"},
    }  # fmt: skip


def _request() -> Json:
    return {
        "resourceType": "MedicationRequest", "id": "«line»", "identifier": [{"value": "«line»"}],
        "groupIdentifier": {"value": "CF«encounter_id»"}, "status": "active", "intent": "order",
        "medicationCodeableConcept": {"coding": [{"code": "«drug_code»"}], "text": "«drug_name»"},
        "subject": _about("patient"), "encounter": _about("visit"), "authoredOn": "«ended»",
        "requester": {"type": "Practitioner", "identifier": {"value": "«staff_id»"}},
        "dosageInstruction": [{
            "timing": {"code": {"text": "每日«per_day»次"}},
            "doseAndRate": [{"doseQuantity": {"value": "«dose»", "unit": "«dose_unit»"}}],
        }],
        "dispenseRequest": {"quantity": {"value": "«quantity»"}},
    }  # fmt: skip


def _about(what: str) -> Json:
    return {"reference": f"urn:x:{what}:«encounter_id»"}


def _cut(text: str) -> str:
    """The line breaks off inside a string."""
    return text[: text.index('"period"') + 20]


class BundleFiles(MessageFiles):
    """Bundles by day, one a line."""

    def __init__(self, feed: str, folder: str) -> None:
        super().__init__(feed, folder, "bundle", ".json", ("truncated", "charset", "empty", "type"))

    def joined(self, texts: list[str]) -> bytes:
        return "".join(f"{text}\n" for text in texts).encode()

    def spoiled(self, text: str, rows: int) -> Spoiled:
        fresh = _NUMBER.sub(rf"\g<1>\g<2>X{self.turn}\g<3>", text)
        edits: list[tuple[str, str, Callable[[str], str], int]] = [
            ("impossible_date", "impossible_date", _impossible_start, rows - 1),
            ("unknown_class", "unknown_code", _unknown_class, rows - 1),
            ("ended_before_started", "rule_failed", _early_end, rows - 1),
            ("cut_line", "truncated", _cut, 0),
        ]
        kind, reason, edit, sound = edits[self.turn % len(edits)]
        return Spoiled(edit(fresh), kind, reason, "Encounter", sound)

    def unmapped(self, text: str) -> str | None:
        return text.replace('"status":"finished"', '"status":"closed"', 1)

    def wrong_file(self, kind: str, text: str) -> WholeFile:
        match kind:
            case "truncated":
                return WholeFile(_cut(text).encode(), "truncated_file", "truncated")
            case "charset":
                data = text.encode("gb18030")
                return WholeFile(data, "wrong_encoding_file", "wrong_encoding")
            case "type":
                return WholeFile(
                    b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "wrong_type_file", "wrong_format"
                )
            case _:
                return WholeFile(b"", "empty_file", "empty_file")


def _impossible_start(text: str) -> str:
    return re.sub(r'"start":"[\d-]+T', '"start":"2026-02-30T', text, count=1)


def _unknown_class(text: str) -> str:
    return text.replace('"code":"VR"', '"code":"ONLINE"', 1)


def _early_end(text: str) -> str:
    return re.sub(r'"end":"[\d-]+T', '"end":"2019-05-01T', text, count=1)
