"""Rules of the document types that fill entities of their own, and of documents from abroad."""

from collections.abc import Callable
from pathlib import Path

import pytest

from ingestion.contract import profile
from ingestion.formats.cda import read
from ingestion.formats.source import Parsed, SourceFile


def parse(path: Path, name: str = "emr") -> Parsed:
    return read([SourceFile(path.name, path.read_bytes())], profile("cda", name))


def row(parsed: Parsed, entity: str, name: str = "emr") -> dict[str, str | None]:
    """The only row of an entity, by column."""
    (found,) = parsed.tables[entity].iter_rows(named=True)
    fields = profile("cda", name).records[entity].fields
    return {c: next((found[s] for s in f.sources if found[s]), None) for c, f in fields.items()}


def test_an_operation_record_becomes_an_operation(samples: Callable[..., Path]) -> None:
    (path,) = samples("cda-cn", "ws500-emr").glob("EMR-SD-09-*.xml")
    found = row(parse(path), "operation")
    assert found["operation_name"] == "胃大部切除术"
    assert (found["surgery_level_code"], found["anesthesia_method_code"]) == ("1", "1")
    assert (found["blood_loss_ml"], found["transfused_ml"]) == ("100", "100")
    assert found["preoperative_diagnosis_code"] == "S06.902"
    assert (found["operation_id"] or "").endswith("-1")


def test_an_examination_report_becomes_a_report(samples: Callable[..., Path]) -> None:
    (path,) = samples("cda-cn", "ws500-emr").glob("EMR-SD-06-*.xml")
    found = row(parse(path), "examination_report")
    assert found["report_id"] == "HA201102113366666"
    assert found["reported_at"] == "20110404"
    assert found["conclusion"] == "检查报告结果-主观提示"


@pytest.mark.parametrize("pattern", ["EMR-SD-34-*.xml", "EMR-SD-37-*.xml", "EMR-SD-31-*.xml"])
def test_other_types_hold_no_operation_and_no_report(
    samples: Callable[..., Path], pattern: str
) -> None:
    (path,) = samples("cda-cn", "ws500-emr").glob(pattern)
    parsed = parse(path)
    assert parsed.tables["clinical_document"].height == 1
    assert parsed.tables["operation"].is_empty()
    assert parsed.tables["examination_report"].is_empty()


def test_a_document_from_abroad_is_read_by_its_header(samples: Callable[..., Path]) -> None:
    for path in samples("cda-intl", "c-cda-examples").glob("*.[xX][mM][lL]"):
        parsed = parse(path, "intl")
        if parsed.problems:
            (problem,) = parsed.problems
            assert problem.code in ("unsupported_document", "malformed_xml")
            continue
        found = row(parsed, "clinical_document", "intl")
        assert found["document_id"]
        assert found["document_type_code"]
        assert found["authored_at"]
