"""Every broken file gives the reason `tests/samples/bad/expected.yml` names; nothing crashes."""

import sys
from importlib import import_module
from pathlib import Path

import pytest
import yaml

sys.path.insert(0, str(Path(__file__).parent))
import bad_samples

from ingestion.contract import FieldMap, Mapping, RecordMap, profile
from ingestion.errors import REASONS
from ingestion.formats.source import SourceFile
from ingestion.inspect import inspect_bytes

pytestmark = pytest.mark.usefixtures("no_hang")


EXPECTED = yaml.safe_load((bad_samples.FOLDER / "expected.yml").read_text("utf-8"))
VISITS = Mapping(
    person={"person_name": FieldMap(**{"from": "姓名"})},
    records={
        "encounter": RecordMap(
            fields={
                "encounter_id": FieldMap(**{"from": "就诊流水号"}),
                "encounter_class_code": FieldMap(**{"from": "就诊类型"}),
                "started_at": FieldMap(**{"from": "就诊时间"}),
            }
        )
    },
)
MAPPINGS = {
    "hl7v2": (profile("hl7v2", "adt"), "encounter"),
    "cda": (profile("cda", "emr"), "clinical_document"),
    "hl7v3": (profile("hl7v3", "services"), "service_message"),
    "dicom": (profile("dicom", "image"), "imaging_instance"),
    "tabular": (VISITS, "encounter"),
    "database": (VISITS, "encounter"),
    "jsonlines": (VISITS, "encounter"),
    "xml_table": (VISITS, "encounter"),
    "fhir": (profile("fhir", "core"), "encounter"),
    "ecg": (profile("ecg", "trace"), "ecg_trace"),
}


def test_every_sample_has_an_expectation_and_every_code_exists() -> None:
    on_disk = {path.name for path in bad_samples.FOLDER.iterdir()} - {"expected.yml"}
    assert on_disk | set(bad_samples.BIG) == set(EXPECTED)
    assert on_disk == set(bad_samples.SMALL)
    assert {code for wanted in EXPECTED.values() for code in wanted["codes"]} <= set(REASONS)


def test_samples_on_disk_are_what_the_generator_makes() -> None:
    for name, make in bad_samples.SMALL.items():
        assert (bad_samples.FOLDER / name).read_bytes() == make(), name


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_a_broken_file_names_its_reason_and_keeps_the_rest(name: str) -> None:
    wanted = EXPECTED[name]
    module = import_module(f"ingestion.formats.{wanted['format']}")
    mapping, entity = MAPPINGS[wanted["format"]]
    file = SourceFile(name, bad_samples.content(name))
    options = bad_samples.OPTIONS.get(wanted["format"], {})
    parsed = module.read([file], mapping, encoding="utf-8", options=options)
    if wanted.get("stage") == "conform":
        assert not parsed.problems, "reads well; conforming refuses it"
        return
    assert sorted({problem.code for problem in parsed.problems}) == sorted(wanted["codes"])
    assert parsed.tables[entity].height == wanted["kept"]


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_inspecting_a_broken_file_never_crashes(name: str) -> None:
    report = inspect_bytes(name, bad_samples.content(name))
    if EXPECTED[name].get("stage") != "conform" and name not in UNTOLD:
        assert report.outcome != "parsed"
        assert all(problem.code in REASONS for problem in report.problems)


UNTOLD = {
    "wrong_encoding.csv", "missing_column.csv", "wrong_type.csv", "wrong_encoding.jsonl",
    "wrong_type_rows.xml", "image_for_ecg.dcm",
}  # fmt: skip
"""Wrong only against a contract: as files of their own they are fine."""
