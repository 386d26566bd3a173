"""Every record of every file gives a row or a problem, or is declared to carry nothing."""

from pathlib import Path

import polars as pl
import pytest

from ingestion import parse as parsing
from ingestion.contract import Contract
from ingestion.formats.source import Parsed, Problem, SourceFile, position_schema
from ingestion.parse import parse
from tests.demo import DEMO
from tests.unit.ingestion.builders import contract

PROJECT = Path(__file__).resolve().parents[3]
FAULTS = PROJECT / "tests" / "samples" / "field_faults"
CONTRACTS = DEMO.contracts
VANISHED = {
    "damaged-vanishes-a.hl7": ("county_hospital__emr__messages", 1, "message type MDM^T02"),
    "damaged-vanishes-b.hl7": ("township_a__vaccination__messages", 1, None),
    "damaged-vanishes-c.dcm": ("county_hospital__pacs__reports", 1, ""),
    "hl7-MSH9-ORU_R01-vanishes.hl7": (
        "county_hospital__lis__results", 1, "message type ORU_R01",
    ),
    "hl7-segments-joined-by-literal-backslash-r.hl7": (
        "county_hospital__lis__results", 1, "message type ORU^R01",
    ),
    "fhir-observation-category-LAB-dropped.json": (
        "consortium__internet_hospital__encounters", 3, "Observation",
    ),
}  # fmt: skip


def read(feed: Contract, *contents: bytes) -> Parsed:
    return parse(feed, [SourceFile(f"{n}", data) for n, data in enumerate(contents)])


@pytest.mark.parametrize("name", VANISHED)
def test_a_record_that_gives_no_row_is_a_problem(name: str) -> None:
    feed, count, detail = VANISHED[name]
    whole = CONTRACTS[feed].model_copy(update={"entities": []})
    found = read(whole, (FAULTS / name).read_bytes())
    assert sum(table.height for table in found.tables.values()) == 0
    lost = [p for p in found.problems if p.code == "not_taken"]
    assert len(lost) == count
    if detail is not None:
        assert {p.detail for p in lost} == {detail}


def test_a_message_of_another_type_beside_good_ones_is_named_by_its_number() -> None:
    feed = CONTRACTS["county_hospital__his__adt"]
    (sample,) = (PROJECT / "sites" / "demo" / "samples").glob(f"{feed.feed}.*")
    good = sample.read_bytes()
    alone = read(feed, good)
    leave = (FAULTS / "hl7-ADT-A40-merge-vanishes.hl7").read_bytes().replace(b"A40", b"A21")
    both = read(feed, good, good + b"\r" + leave)
    (lost,) = both.problems[2 * len(alone.problems) :]
    assert (lost.file, lost.record, lost.code) == (1, alone.records[0] + 1, "not_taken")


def test_an_acknowledgement_carries_nothing_and_is_counted() -> None:
    feed = CONTRACTS["county_hospital__his__adt"]
    found = read(feed, b"MSH|^~\\&|A|B|C|D|20260301||ACK^A01|1|P|2.4\rMSA|AA|1\r")
    assert found.problems == []
    assert [(p.record, p.code) for p in found.empty] == [(1, "carries_nothing")]


def test_a_type_that_is_no_type_is_never_quoted() -> None:
    feed = CONTRACTS["county_hospital__his__adt"]
    found = read(feed, b"MSH|^~\\&|A|B|C|D|20260301||zhang san 6532|1|P|2.4\rPID|1\r")
    assert [p.detail for p in found.problems] == ["message type ?"]


def test_a_file_refused_whole_has_one_problem_not_one_a_row() -> None:
    found = read(contract(), "别的,列\n1,2\n3,4\n".encode())
    assert [(p.record, p.code) for p in found.problems] == [(0, "missing_column")]


def test_a_blank_row_is_no_record() -> None:
    found = read(contract(), b"\n".join([header(), row(1), b"", row(2), b""]))
    assert found.problems == []
    assert found.tables["hypertension_visit"].height == 2


def header() -> bytes:
    feed = contract()
    names = [s for f in (*feed.fields.values(), *feed.person.values()) for s in f.sources]
    return ",".join(names).encode()


def row(number: int) -> bytes:
    return ",".join([f"F{number}", *["1"] * (header().count(b","))]).encode()


def test_records_are_missing_only_where_nothing_is_known_of_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    table = pl.DataFrame([(0, 1, 1), (0, 3, 1), (0, 3, 2)], schema=position_schema(), orient="row")
    given = Parsed({"a": table}, [Problem(0, 4, 0, "truncated", "")], [5, 0, 1])
    found = parsing._silent(given)
    assert [(p.file, p.record) for p in found] == [(0, 2), (0, 5), (2, 1)]
