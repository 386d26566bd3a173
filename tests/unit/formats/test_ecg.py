"""Rules of electrocardiograms, aECG and DICOM. All people are invented."""

from io import BytesIO

import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, TwelveLeadECGWaveformStorage

from ingestion.contract import FieldMap, Mapping, RecordMap, profile
from ingestion.formats import ecg
from ingestion.formats.source import Parsed, SourceFile
from ingestion.inspect import inspect_bytes

AECG = """<?xml version="1.0" encoding="UTF-8"?>
<AnnotatedECG xmlns="urn:hl7-org:v3" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
<id root="2.25.1" extension="R1"/><effectiveTime><low value="20260301083000"/></effectiveTime>
<componentOf><timepointEvent><componentOf><subjectAssignment><subject><trialSubject>
<id root="2.16.156.10011.1.3" extension="653999198001010011"/><id root="2.25.2" extension="M1"/>
<subjectDemographicPerson><name>张三</name><administrativeGenderCode code="M"/>
<birthTime value="19800101"/></subjectDemographicPerson></trialSubject></subject>
</subjectAssignment></componentOf></timepointEvent></componentOf>
<component><series><code code="RHYTHM"/><component><sequenceSet>
<component><sequence><code code="TIME_ABSOLUTE"/><value><head value="20260301083000"/>
<increment value="{step}" unit="{unit}"/></value></sequence></component>
<component><sequence><code code="MDC_ECG_LEAD_II"/><value><digits>1 2 3 4 5</digits></value>
</sequence></component>
<component><sequence><code code="MDC_ECG_LEAD_AVR"/><value><digits>1 2 3 4 5</digits></value>
</sequence></component></sequenceSet></component>
<subjectOf><annotationSet>
<component><annotation><code code="MDC_ECG_BEAT"/><component><annotation>
<code code="MDC_ECG_TIME_PD_PR"/><value xsi:type="PQ" value="150" unit="ms"/></annotation>
</component></annotation></component>
<component><annotation><code code="MDC_ECG_TIME_PD_PR"/>
<value xsi:type="PQ" value="0.16" unit="s"/></annotation></component>
<component><annotation><code code="MDC_ECG_INTERPRETATION_STATEMENT"/>
<value xsi:type="ST">窦性心律</value></annotation></component>
</annotationSet></subjectOf></series></component></AnnotatedECG>"""


def aecg(step: str = "0.002", unit: str = "s") -> bytes:
    return AECG.format(step=step, unit=unit).encode()


def item(**values: object) -> Dataset:
    found = Dataset()
    for keyword, value in values.items():
        setattr(found, keyword, value)
    return found


def dicom(*, samples: int = 5) -> bytes:
    channel = item(ChannelSourceSequence=[item(CodeMeaning="Lead I (Einthoven)")])
    group = item(
        NumberOfWaveformChannels=1, NumberOfWaveformSamples=5, SamplingFrequency=500,
        WaveformBitsAllocated=16, WaveformSampleInterpretation="SS", MultiplexGroupLabel="RHYTHM",
        ChannelDefinitionSequence=[channel], WaveformData=bytes(2 * samples),
    )  # fmt: skip
    note = item(ConceptNameCodeSequence=[item(CodeValue="5.13.5-9")], NumericValue="96",
                MeasurementUnitsCodeSequence=[item(CodeValue="ms")])  # fmt: skip
    trace = item(
        SpecificCharacterSet="GB18030", SOPClassUID=TwelveLeadECGWaveformStorage,
        SOPInstanceUID="2.25.653999.9", AccessionNumber="R2", PatientName="李四", PatientID="M2",
        AcquisitionDateTime="20260301083000", WaveformSequence=[group],
        WaveformAnnotationSequence=[item(UnformattedTextValue="窦性心律"), note],
    )  # fmt: skip
    trace.file_meta = FileMetaDataset()
    trace.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    trace.file_meta.MediaStorageSOPClassUID = trace.SOPClassUID
    trace.file_meta.MediaStorageSOPInstanceUID = trace.SOPInstanceUID
    buffer = BytesIO()
    trace.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def read(*data: bytes) -> Parsed:
    return ecg.read([SourceFile("f", one) for one in data], profile("ecg", "trace"))


def test_an_annotated_ecg_gives_its_header_and_no_samples() -> None:
    parsed = read(aecg())
    row = parsed.tables["ecg_trace"].row(0, named=True)
    wanted = {
        "trace_id": "2.25.1.R1", "request_id": "R1", "recorded_at": "20260301083000",
        "local_id": "M1", "id_number": "653999198001010011", "person_name": "张三",
        "leads": "II aVR", "lead_count": "2", "sampling_frequency": "500", "sample_count": "5",
        "duration": "0.01", "interpretation": "窦性心律",
    }  # fmt: skip
    assert {name: row[name] for name in wanted} == wanted
    assert "1 2 3" not in str(parsed.tables)


def test_the_whole_trace_outranks_a_beat_and_times_are_milliseconds() -> None:
    parsed = read(aecg())
    assert parsed.tables["ecg_trace"]["measurement[MDC_ECG_TIME_PD_PR]"].to_list() == ["160"]
    found = parsed.tables["ecg_measurement"].select("value", "unit", "beat", "item()").rows()
    assert found == [("150", "ms", "1", "1"), ("160", "ms", None, "2")]


@pytest.mark.parametrize(("step", "unit"), [("2", "ms"), ("2000", "us")])
def test_the_sampling_interval_may_have_any_unit(step: str, unit: str) -> None:
    table = read(aecg(step, unit)).tables["ecg_trace"]
    assert table["sampling_frequency"].to_list() == ["500"]


def test_a_dicom_waveform_gives_the_same_fields() -> None:
    parsed = read(dicom())
    row = parsed.tables["ecg_trace"].row(0, named=True)
    wanted = {
        "trace_id": "2.25.653999.9", "request_id": "R2", "person_name": "李四", "leads": "I",
        "sampling_frequency": "500", "duration": "0.01", "interpretation": "窦性心律",
        "measurement[5.13.5-9]": "96",
    }  # fmt: skip
    assert {name: row[name] for name in wanted} == wanted
    assert parsed.tables["ecg_measurement"].height == 1


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (aecg()[:-40], "malformed_xml"),
        (aecg().replace("张三".encode(), "张三".encode("gb18030")), "wrong_encoding"),
        (b'<AnnotatedECG xmlns="urn:hl7-org:v3"/>', "malformed_xml"),
        (b'<ClinicalDocument xmlns="urn:hl7-org:v3"/>', "unsupported_document"),
        (dicom(samples=3), "truncated"),
        (dicom()[:-60], "truncated"),
        (dicom()[:400], "truncated"),
        (b"\0" * 128 + b"DICM" + b"?" * 64, "truncated"),
        (b'{"a": 1}', "wrong_format"),
        (b"", "empty_file"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_reason(data: bytes, code: str) -> None:
    parsed = read(data)
    assert parsed.tables["ecg_trace"].is_empty()
    assert [p.code for p in parsed.problems] == [code]


def test_a_mapping_may_only_name_what_a_trace_has() -> None:
    fields = {"bed_id": FieldMap(**{"from": "samples"})}
    with pytest.raises(ValueError, match="samples"):
        ecg.read([], Mapping(records={"bed": RecordMap(fields=fields)}))


def test_inspecting_tells_them_from_images_and_documents() -> None:
    assert [(r.format, r.outcome, r.entities["ecg_trace"]) for r in
            (inspect_bytes("f", aecg()), inspect_bytes("f", dicom()))] == [
        ("aecg", "parsed", 1), ("dicom-ecg", "parsed", 1)
    ]  # fmt: skip
