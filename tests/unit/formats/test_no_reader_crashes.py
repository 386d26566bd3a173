"""Damaged bytes give problems, never exceptions: every reader, cut and flipped everywhere."""

import sys
from importlib import import_module
from pathlib import Path
from random import Random

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import bad_samples

from ingestion.contract import FieldMap, Mapping, RecordMap, profile
from ingestion.formats.source import SourceFile
from ingestion.inspect import inspect_bytes

TABLE = Mapping(records={"bed": RecordMap(fields={"bed_id": FieldMap(**{"from": "就诊流水号"})})})
CASES = {
    "hl7v2": ("duplicate_message.hl7", profile("hl7v2", "any")),
    "cda": ("wrong_encoding.xml", profile("cda", "emr")),
    "dicom": ("truncated.dcm", profile("dicom", "image")),
    "tabular": ("broken_quote.csv", TABLE),
    "database": ("truncated.sqlite", TABLE),
    "jsonlines": ("wrong_encoding_line.jsonl", TABLE),
    "fhir": ("truncated_bundle.json", profile("fhir", "core")),
    "ecg": ("impossible_date_aecg.xml", profile("ecg", "trace")),
    "xml_table": ("duplicate_rows.xml", TABLE),
}
ROUNDS = 60
SEED = 7


def damaged(data: bytes, random: Random) -> bytes:
    """Cut, flip, double or drop something."""
    broken = bytearray(data)
    for _ in range(random.randint(1, 6)):
        at = random.randrange(max(len(broken), 1))
        kind = random.randrange(4)
        if kind == 0 and broken:
            broken[at % len(broken)] = random.randrange(256)
        elif kind == 1:
            broken = broken[:at] or bytearray(b"\n")
        elif kind == 2:
            broken[at:at] = broken[at : at + 40] * 2
        else:
            del broken[at : at + random.randint(1, 30)]
    return bytes(broken)


@pytest.mark.parametrize("name", sorted(CASES))
def test_damaged_bytes_never_raise(name: str) -> None:
    module = import_module(f"ingestion.formats.{name}")
    sample, mapping = CASES[name]
    random = Random(SEED)
    for _ in range(ROUNDS):
        data = damaged(bad_samples.content(sample), random)
        options = bad_samples.OPTIONS.get(name, {})
        parsed = module.read([SourceFile("f", data)], mapping, encoding=None, options=options)
        assert len(parsed.records) == 1
        inspect_bytes("f", data)


@pytest.mark.parametrize("name", sorted(CASES))
def test_any_bytes_never_raise(name: str) -> None:
    module = import_module(f"ingestion.formats.{name}")
    random = Random(SEED)
    marks = [
        b"",
        b"{",
        b"[{",
        b"\x03\x7e\x01\x01",
        b"MSH|",
        b"\0" * 128 + b"DICM",
        b"SQLite format 3\0",
        b"PK\x03\x04",
        b"<a",
    ]
    files = [
        SourceFile(str(n), random.choice(marks) + random.randbytes(random.randrange(400)))
        for n in range(ROUNDS)
    ]
    options = bad_samples.OPTIONS.get(name, {})
    parsed = module.read(files, CASES[name][1], encoding=None, options=options)
    assert len(parsed.records) == len(files)
