"""Rules of looking at files of unknown origin. All people are invented."""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from ingestion.conformance import write_report
from ingestion.errors import REASONS
from ingestion.formats.value_shape import impossible_times, not_numbers
from ingestion.inspect import inspect_bytes, inspect_paths

HL7 = "MSH|^~\\&|a|b|c|d|20260301||{kind}|M1|P|2.5\rPID|1||7||李四||{birth}|M\r{more}"
FHIR = b'{"resourceType": "Patient"}'


def hl7(kind: str = "ADT^A01", birth: str = "19800101", more: str = "") -> bytes:
    return HL7.format(kind=kind, birth=birth, more=more).encode()


@pytest.mark.parametrize(
    ("data", "format_name", "outcome"),
    [
        (hl7(), "hl7v2", "parsed"),
        (b"\x0b" + hl7() + b"\x1c\r", "hl7v2", "parsed"),
        (b"PID|1||7\r", "hl7v2", "refused"),
        (b"a,b\n1,2\n", "tabular", "parsed"),
        (b"one line of prose", "tabular", "refused"),
        (b'<ClinicalDocument xmlns="urn:hl7-org:v3"/>', "cda", "parsed"),
        (b'<PRPA_IN201311UV02 xmlns="urn:hl7-org:v3"/>', "hl7v3", "refused"),
        (b'<Bundle xmlns="http://hl7.org/fhir"/>', "fhir-xml", "refused"),
        (b'<AnnotatedECG xmlns="urn:hl7-org:v3"/>', "aecg", "refused"),
        (b"<a><b></a>", "xml", "refused"),
        ("<通知><标题>停电</标题></通知>".encode(), "xml", "refused"),
        (FHIR, "fhir", "parsed"),
        (FHIR + b"\n" + FHIR, "fhir", "parsed"),
        (FHIR + b"\n{}", "fhir", "partly"),
        (b'{"a": 1}\n{"a": 2}', "jsonlines", "parsed"),
        (b'{"a": 1}\n{"a": ', "jsonlines", "partly"),
        (b'{"a": ', "json", "refused"),
        (b"%PDF-1.4", "pdf", "refused"),
        (b"\x00\x01\x02\x03\x04", "unknown", "refused"),
        (b"", "unknown", "refused"),
    ],
)
def test_the_format_is_told_by_content(data: bytes, format_name: str, outcome: str) -> None:
    report = inspect_bytes("misleading.jpg", data)
    assert (report.format, report.outcome) == (format_name, outcome)
    assert bool(report.problems) == (outcome != "parsed")
    assert all(problem.code in REASONS for problem in report.problems)


def test_entities_are_counted_and_messages_without_any_still_are_records() -> None:
    more = "OBR|1||R1|x\rOBX|1|NM|a||1\rOBX|2|ST|b||neg\r"
    report = inspect_bytes("f", hl7("ORU^R01", more=more) + hl7("QRY^A19"))
    assert (report.records, report.entities) == (2, {"laboratory_result": 2})


def test_an_impossible_date_is_named_with_its_place() -> None:
    report = inspect_bytes("f", hl7("QRY^A19") + hl7("QRY^A19", birth="198298313000"))
    assert report.outcome == "partly"
    assert report.as_dict()["problems"] == [
        {"code": "impossible_date", "record": 2, "item": 1, "detail": "birth_date from PID-7.1"}
    ]


def test_a_report_carries_no_content_and_is_json() -> None:
    report = inspect_bytes("f", hl7(birth="1980-13-45", more="李四的备注\r"))
    assert "李四" not in json.dumps(report.as_dict(), ensure_ascii=False)


def test_a_folder_is_read_in_order_and_progress_told(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "x.bin").write_bytes(hl7())
    (tmp_path / "a.txt").write_bytes(b"")
    seen: list[tuple[int, int]] = []
    reports = list(inspect_paths(tmp_path, lambda done, total: seen.append((done, total))))
    assert [r.path for r in reports] == ["a.txt", "b/x.bin"]
    assert seen == [(1, 2), (2, 2)]
    assert [r.path for r in inspect_paths(tmp_path / "a.txt")] == ["a.txt"]


def test_partial_times_are_times_and_impossible_ones_are_not() -> None:
    good = ["2026", "202602", "20260228", "2026022823", "20260228235959.123+0800", "2026-02-28",
            "2026-02-28T08:30:00Z", "", None]  # fmt: skip
    bad = ["20260230", "202613", "199101010", "198298313000", "Aug 15, 1942", "2026-02-30", "63"]
    assert impossible_times(pl.Series([*good, *bad])).to_list() == [False] * 9 + [True] * 7
    assert not_numbers(pl.Series(["1", "-1.5", ".5", "", None, "1e3", "<3", "a"])).to_list() == (
        [False] * 6 + [True] * 2
    )


@pytest.mark.slow
def test_every_shared_sample_is_read_or_its_defect_named(
    samples: Callable[..., Path], tmp_path: Path
) -> None:
    outcomes = write_report(samples(), tmp_path / "conformance.md")
    assert outcomes["parsed"] > 0.9 * outcomes.total()
    for corpus in ("fhir", "ecg", "hl7v3-cn", "cda-intl", "codes-cn", "ehr-cn-schemas"):
        folder = samples() / corpus
        if folder.is_dir():
            counted = Counter(bool(r.problems) == (r.outcome != "parsed")
                              for r in inspect_paths(folder))  # fmt: skip
            assert set(counted) == {True}, corpus


@pytest.mark.slow
def test_the_conformance_page_is_up_to_date(samples: Callable[..., Path], tmp_path: Path) -> None:
    write_report(samples(), tmp_path / "conformance.md")
    page = Path(__file__).parents[3] / "docs" / "conformance.md"
    assert page.read_text("utf-8") == (tmp_path / "conformance.md").read_text("utf-8")
