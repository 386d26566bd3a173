"""Electrocardiograms as HL7 aECG documents and as DICOM waveforms, one a file, and spoiled ones.

Belongs here: what a file looks like and how one is broken. Not here: who is recorded
(`county/domains/electrocardiography.py`), counting (`message_files.py`). The strips are invented
and short, so that a county's traces stay small.
"""

import json
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
from pydicom.dataset import Dataset
from pydicom.uid import TwelveLeadECGWaveformStorage

from county.systems.dicom import UID_ROOT, encoded
from county.systems.filled import filled
from county.systems.message_files import MessageFiles, Spoiled, WholeFile

HERTZ, SAMPLES = 250, 250
_LEADS = ("I", "II", "III", "AVR", "AVL", "AVF", "V1", "V2", "V3", "V4", "V5", "V6")
_MDC = "2.16.840.1.113883.6.24"
MEASUREMENTS = {
    "heart_rate": ("MDC_ECG_HEART_RATE", "8867-4", "bpm"),
    "pr": ("MDC_ECG_TIME_PD_PR", "5.13.5-7", "ms"),
    "qrs": ("MDC_ECG_TIME_PD_QRS", "5.13.5-9", "ms"),
    "qt": ("MDC_ECG_TIME_PD_QT", "5.13.5-11", "ms"),
    "qtc": ("MDC_ECG_TIME_PD_QTc", "5.10.2.5-5", "ms"),
    "p_axis": ("MDC_ECG_ANGLE_P_FRONT", "5.10.3-11", "deg"),
    "qrs_axis": ("MDC_ECG_ANGLE_QRS_FRONT", "5.10.3-13", "deg"),
    "t_axis": ("MDC_ECG_ANGLE_T_FRONT", "5.10.3-15", "deg"),
}
"""Column to MDC code, SCP-ECG or LOINC code, and unit."""
ROWS = 1 + len(MEASUREMENTS)
_NOTICE = "<通知><标题>心电系统升级通知</标题></通知>".encode()


def _strip() -> np.ndarray[Any, np.dtype[np.int16]]:
    """One invented second: P, QRS and T as three bumps."""
    at = np.arange(SAMPLES) / HERTZ
    bumps = ((0.20, 0.025, 120), (0.36, 0.012, 950), (0.62, 0.05, 260))
    total = sum(height * np.exp(-(((at - place) / width) ** 2)) for place, width, height in bumps)
    return np.round(total).astype(np.int16)


# aECG ---------------------------------------------------------------------------------------------

_PERSON = (
    '<id root="2.16.156.10011.1.3" extension="«id_number»"/>'
    '<id root="2.16.156.10011.1.19" extension="«health_card»"/>'
    '<id root="2.16.156.10011.1.13" extension="«local_id»"/>'
    "<subjectDemographicPerson><name>«name»</name>"
    '<administrativeGenderCode code="«gender»" codeSystem="2.16.840.1.113883.5.1"/>'
    '<birthTime value="«birth_day»"/></subjectDemographicPerson>'
)


def _annotation(code: str, column: str, unit: str) -> str:
    value = f'<value xsi:type="PQ" value="«{column}»" unit="{unit}"/>'
    return (
        f'<component><annotation><code code="{code}" codeSystem="{_MDC}"/>{value}'
        "</annotation></component>"
    )


def aecg() -> pl.Expr:
    """One document a row."""
    digits = " ".join(str(value) for value in _strip())
    leads = "".join(
        f'<component><sequence><code code="MDC_ECG_LEAD_{lead}" codeSystem="{_MDC}"/>'
        f'<value xsi:type="SLIST_PQ"><origin value="0" unit="uV"/><scale value="1" unit="uV"/>'
        f"<digits>{digits}</digits></value></sequence></component>"
        for lead in _LEADS
    )
    found = "".join(_annotation(m, column, unit) for column, (m, _, unit) in MEASUREMENTS.items())
    return filled(
        '<?xml version="1.0" encoding="UTF-8"?>\n<AnnotatedECG xmlns="urn:hl7-org:v3" '
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">\n'
        f'<id root="{UID_ROOT}.«number»" extension="«request_id»"/>'
        '<code code="93000" codeSystem="2.16.840.1.113883.6.12"/>\n'
        '<effectiveTime><low value="«recorded»"/></effectiveTime>\n'
        '<componentOf><timepointEvent><id root="2.16.156.10011.1.11" extension="«encounter_id»"/>'
        f"<componentOf><subjectAssignment><subject><trialSubject>{_PERSON}</trialSubject></subject>"
        "</subjectAssignment></componentOf></timepointEvent></componentOf>\n"
        '<location><testingSite><id root="2.16.156.10011.1.5" extension="«organization_id»"/>'
        "</testingSite></location>\n"
        '<component><series><code code="RHYTHM" codeSystem="2.16.840.1.113883.5.4"/>'
        "<author><seriesAuthor><manufacturedSeriesDevice><manufacturerModelName>«device»"
        "</manufacturerModelName></manufacturedSeriesDevice></seriesAuthor></author>\n"
        "<component><sequenceSet><component><sequence>"
        '<code code="TIME_ABSOLUTE" codeSystem="2.16.840.1.113883.5.4"/>'
        '<value xsi:type="GLIST_TS"><head value="«recorded»"/>'
        f'<increment value="{1 / HERTZ}" unit="s"/></value></sequence></component>\n'
        f"{leads}</sequenceSet></component>\n<subjectOf><annotationSet>{found}"
        f'<component><annotation><code code="MDC_ECG_INTERPRETATION" codeSystem="{_MDC}"/>'
        '<value xsi:type="ST">«statement»</value></annotation></component>'
        "</annotationSet></subjectOf></series></component>\n</AnnotatedECG>\n"
    )


class AnnotatedFiles(MessageFiles):
    """aECG documents."""

    def __init__(self, feed: str, folder: str) -> None:
        kinds = ("malformed", "charset", "unsupported", "empty")
        super().__init__(feed, folder, "ecg", ".xml", kinds)

    def joined(self, texts: list[str]) -> bytes:
        return texts[0].encode()

    def spoiled(self, text: str, rows: int) -> Spoiled:
        fresh = re.sub(
            rf'(<id root="{UID_ROOT}\.\d+" extension=")([^"]*)(")',
            rf"\g<1>\g<2>X{self.turn}\g<3>", text, count=1,
        )  # fmt: skip
        edits: list[tuple[str, str, Callable[[str], str], int]] = [
            ("out_of_range", "out_of_range", lambda t: _measure(t, "HEART_RATE", "999"), 1),
            ("not_a_number", "not_a_number", lambda t: _measure(t, "HEART_RATE", "七十"), 2),
            ("qrs_longer_than_qt", "rule_failed", lambda t: _measure(t, "TIME_PD_QT", "101"), 1),
        ]
        kind, reason, edit, bad = edits[self.turn % len(edits)]
        wrong = edit(fresh)
        if kind == "qrs_longer_than_qt":
            wrong = _measure(wrong, "TIME_PD_QRS", "180")
        return Spoiled(wrong, kind, reason, "series", rows - bad, bad)

    def unmapped(self, text: str) -> str | None:
        return text.replace("MDC_ECG_ANGLE_P_FRONT", "MDC_ECG_ANGLE_U_FRONT")

    def wrong_file(self, kind: str, text: str) -> WholeFile:
        match kind:
            case "malformed":
                return WholeFile(text[:-60].encode(), "malformed_file", "malformed_xml")
            case "charset":
                data = text.encode("gb18030")
                return WholeFile(data, "wrong_encoding_file", "wrong_encoding")
            case "unsupported":
                return WholeFile(_NOTICE, "unsupported_file", "unsupported_document")
            case _:
                return WholeFile(b"", "empty_file", "empty_file")


def _measure(text: str, code: str, value: str) -> str:
    """The document with another value of one measurement."""
    return re.sub(
        rf'(code="MDC_ECG_{code}" codeSystem="[\d.]+"/><value xsi:type="PQ" value=")[^"]*',
        rf"\g<1>{value}", text, count=1,
    )  # fmt: skip


# DICOM --------------------------------------------------------------------------------------------

_DICOM_FIELDS = (
    "number", "request_id", "encounter_id", "organization_id", "recorded", "device", "statement",
    "local_id", "name", "gender", "birth_day", "id_number", "phone", *MEASUREMENTS,
)  # fmt: skip


def waveform() -> pl.Expr:
    """What one DICOM object holds, as JSON that `WaveformFiles` turns into bytes."""
    values = pl.struct(pl.col(name).cast(pl.String) for name in _DICOM_FIELDS)
    return values.struct.json_encode()


class WaveformFiles(MessageFiles):
    """12-lead DICOM objects; Chinese names in GB 18030 or UTF-8."""

    def __init__(self, feed: str, folder: str) -> None:
        super().__init__(feed, folder, "ecg", ".dcm", ("cut", "type", "garbage", "empty"))

    def joined(self, texts: list[str]) -> bytes:
        return _encoded(json.loads(texts[0]))

    def spoiled(self, text: str, rows: int) -> Spoiled:
        values = json.loads(text)
        values["number"] += f".{self.turn}"
        values["request_id"] += f"X{self.turn}"
        edits: list[tuple[str, str, dict[str, str], int]] = [
            ("out_of_range", "out_of_range", {"heart_rate": "999"}, 1),
            ("slow_sampling", "out_of_range", {"hertz": "10"}, 1),
            ("qrs_longer_than_qt", "rule_failed", {"qt": "101", "qrs": "180"}, 1),
        ]
        kind, reason, edit, bad = edits[self.turn % len(edits)]
        wrong = json.dumps(values | edit, ensure_ascii=False)
        return Spoiled(wrong, kind, reason, "WaveformSequence", rows - bad, bad)

    def unmapped(self, text: str) -> str | None:
        return json.dumps(json.loads(text) | {"axis_code": "5.10.3-99"}, ensure_ascii=False)

    def wrong_file(self, kind: str, text: str) -> WholeFile:
        data = self.joined([text])
        match kind:
            case "cut":
                return WholeFile(data[: len(data) // 2], "cut_file", "truncated")
            case "type":
                return WholeFile(_NOTICE, "wrong_type_file", "unsupported_document")
            case "garbage":
                return WholeFile(data[:132] + b"?" * 40, "malformed_file", "truncated")
            case _:
                return WholeFile(b"", "empty_file", "empty_file")


def _item(**values: object) -> Dataset:
    found = Dataset()
    for keyword, value in values.items():
        setattr(found, keyword, value)
    return found


def _encoded(values: dict[str, str]) -> bytes:
    number = values["number"]
    trace = Dataset()
    trace.SpecificCharacterSet = "GB18030" if int(number[-1]) % 2 else "ISO_IR 192"
    trace.SOPClassUID = TwelveLeadECGWaveformStorage
    trace.SOPInstanceUID = f"{UID_ROOT}.{number}.1.1"
    trace.StudyDate, trace.StudyTime = values["recorded"][:8], values["recorded"][8:]
    trace.AcquisitionDateTime = values["recorded"]
    trace.AccessionNumber = values["request_id"]
    trace.Modality, trace.Manufacturer = "ECG", values["device"]
    trace.InstitutionCodeSequence = [_item(CodeValue=values["organization_id"])]
    trace.ManufacturerModelName = values["device"]
    trace.PatientName, trace.PatientID = values["name"], values["local_id"]
    trace.PatientBirthDate, trace.PatientSex = values["birth_day"], values["gender"]
    if values["id_number"]:
        trace.OtherPatientIDs = values["id_number"]
    trace.PatientTelephoneNumbers = values["phone"]
    trace.StudyInstanceUID = f"{UID_ROOT}.{number}"
    trace.SeriesInstanceUID = f"{UID_ROOT}.{number}.1"
    trace.AdmissionID = values["encounter_id"]
    trace.InstanceNumber = 1
    channels = [_item(ChannelSourceSequence=[_item(CodeMeaning=f"Lead {n}")]) for n in _LEADS]
    trace.WaveformSequence = [
        _item(
            MultiplexGroupLabel="RHYTHM", WaveformOriginality="ORIGINAL",
            NumberOfWaveformChannels=len(_LEADS), NumberOfWaveformSamples=SAMPLES,
            SamplingFrequency=values.get("hertz", HERTZ), ChannelDefinitionSequence=channels,
            WaveformBitsAllocated=16, WaveformSampleInterpretation="SS",
            WaveformData=np.repeat(_strip(), len(_LEADS)).astype("<i2").tobytes(),
        )
    ]  # fmt: skip
    notes = [_item(UnformattedTextValue=values["statement"])]
    for column, (_, code, unit) in MEASUREMENTS.items():
        own = values.get("axis_code", code) if column == "p_axis" else code
        notes.append(
            _item(
                ConceptNameCodeSequence=[_item(CodeValue=own)],
                NumericValue=values[column],
                MeasurementUnitsCodeSequence=[_item(CodeValue=unit)],
            )
        )
    trace.WaveformAnnotationSequence = notes
    return encoded(trace)
