"""Rules of reading DICOM headers. All people are invented."""

from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import polars as pl
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from ingestion.contract import FieldMap, Mapping, RecordMap, profile
from ingestion.formats.dicom import read
from ingestion.formats.source import Parsed, SourceFile


def image(charset: str = "ISO_IR 192", name: str = "张三", *, marked: bool = True) -> bytes:
    data = Dataset()
    data.SpecificCharacterSet = charset
    data.SOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    data.SOPInstanceUID = "2.25.1"
    data.StudyDate, data.StudyTime = "20260301", "083000"
    data.PatientName, data.PatientID = name, "P1"
    data.Rows = data.Columns = 4
    data.BitsAllocated = 8
    data.PixelData = bytes(16)
    buffer = BytesIO()
    if marked:
        data.file_meta = FileMetaDataset()
        data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID
        data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
        data.save_as(buffer, enforce_file_format=True)
    else:
        data.save_as(buffer, implicit_vr=ImplicitVRLittleEndian.is_implicit_VR, little_endian=True)
    return buffer.getvalue()


def parse(data: bytes) -> Parsed:
    return read([SourceFile("f.dcm", data)], profile("dicom", "image"))


def row(parsed: Parsed) -> dict[str, object]:
    return parsed.tables["imaging_instance"].row(0, named=True)


@pytest.mark.parametrize(
    ("charset", "name", "expected"),
    [
        ("GB18030", "张三", "张三"),
        ("ISO_IR 192", "Zhang^San=张^三", "张 三"),
        ("ISO_IR 192", "Zhang^San", "Zhang San"),
        ("ISO_IR 192", "阿依努尔·麦麦提", "阿依努尔·麦麦提"),
    ],
)
def test_chinese_names_come_from_the_named_character_set(
    charset: str, name: str, expected: str
) -> None:
    assert row(parse(image(charset, name)))["PatientName"] == expected


def test_header_fields_come_as_text_and_joined_ones_together() -> None:
    got = row(parse(image()))
    assert (got["StudyDate&StudyTime"], got["Rows"]) == ("20260301083000", "4")
    assert got["BodyPartExamined"] is None


def test_a_file_without_preamble_is_read() -> None:
    parsed = parse(image(marked=False))
    assert row(parsed)["PatientID"] == "P1" and not parsed.problems


def test_a_truncated_image_is_named_and_its_header_kept() -> None:
    parsed = parse(image()[:-8])
    assert [problem.code for problem in parsed.problems] == ["truncated"]
    assert row(parsed)["PatientID"] == "P1"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty_file"),
        (b"\0" * 132, "empty_file"),
        (b"\0" * 128 + b"DICM" + b"?" * 40, "malformed_dicom"),
        (b"\0" * 128 + b"DIC" + b"?" * 40, "malformed_dicom"),
        (b"some text that is no image", "malformed_dicom"),
        (b"%PDF-1.4", "wrong_format"),
    ],
)
def test_what_is_no_image_is_named(data: bytes, code: str) -> None:
    parsed = parse(data)
    assert [problem.code for problem in parsed.problems] == [code]
    assert parsed.tables["imaging_instance"].is_empty()


def test_an_unknown_keyword_is_an_error_of_the_contract() -> None:
    fields = {"sop_instance_uid": FieldMap(**{"from": "NoSuchKeyword"})}
    mapping = Mapping(records={"imaging_instance": RecordMap(fields=fields)})
    with pytest.raises(ValueError, match="NoSuchKeyword"):
        read([SourceFile("f", image())], mapping)


def test_a_directory_gives_a_row_for_each_instance(samples: Callable[..., Path]) -> None:
    path = samples("dicom", "pydicom") / "dicomdirtests_DICOMDIR.dcm"
    if not path.exists():
        path = next(samples("dicom", "pydicom").glob("dicomdirtests_DICOMDIR*"))
    table = parse(path.read_bytes()).tables["imaging_instance"]
    assert table.height > 10
    for keyword in ("SOPInstanceUID", "StudyInstanceUID", "PatientName", "Modality"):
        assert table[keyword].null_count() == 0


def item(concept: str, text: str | None = None, *, coded: tuple[str, str] | None = None) -> Dataset:
    found = Dataset()
    found.ConceptNameCodeSequence = [Dataset()]
    found.ConceptNameCodeSequence[0].CodeValue = concept
    if coded:
        code = Dataset()
        code.CodeValue, code.CodeMeaning = coded
        found.ConceptCodeSequence = [code]
    elif text is not None:
        found.TextValue = text
    return found


def report(*items: Dataset, modality: str = "SR") -> bytes:
    data = Dataset()
    data.SpecificCharacterSet = "GB18030"
    data.SOPClassUID = "1.2.840.10008.5.1.4.1.1.88.11"
    data.SOPInstanceUID = "2.25.2"
    data.StudyDate, data.StudyTime = "20260301", "083000"
    data.ContentDate, data.ContentTime = "20260301", "091500"
    data.Modality, data.AccessionNumber = modality, "JC1"
    data.PatientName, data.PatientID = "张三", "P1"
    data.ContentSequence = list(items)
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
    buffer = BytesIO()
    data.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def reported(data: bytes) -> pl.DataFrame:
    found = read([SourceFile("f.dcm", data)], profile("dicom", "report"))
    assert not found.problems
    return found.tables["examination_report"]


def test_a_structured_report_tells_its_conclusion_wherever_it_is_nested() -> None:
    inner = item("121076")
    inner.ContentSequence = [item("121077", "脂肪肝声像。"), item("121077", "建议随访。")]
    got = reported(report(item("121139", coded=("US", "超声")), inner)).row(0, named=True)
    assert got["ContentSequence:121077"] == "脂肪肝声像。\n建议随访。"
    assert got["ContentSequence:121139:CodeValue"] == "US"
    assert got["ContentSequence:121073"] is None
    assert got["ContentDate&ContentTime"] == "20260301091500"


def test_a_coded_item_gives_its_meaning() -> None:
    got = reported(report(item("363698007", coded=("ABDOMEN", "腹部")))).row(0, named=True)
    assert got["ContentSequence:363698007"] == "腹部"


def test_an_image_among_reports_is_no_report() -> None:
    assert reported(report(item("121077", "无"), modality="CT")).is_empty()


def test_a_report_cut_anywhere_never_crashes() -> None:
    data = report(item("121077", "脂肪肝声像。"))
    for length in range(0, len(data), 7):
        parsed = read([SourceFile("f.dcm", data[:length])], profile("dicom", "report"))
        assert parsed.problems or parsed.records == [1]


def test_a_cut_anywhere_never_crashes() -> None:
    data = image("GB18030")
    for length in range(0, len(data), 7):
        parsed = parse(data[:length])
        assert parsed.problems or parsed.records == [1]
