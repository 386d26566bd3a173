"""DICOM ECG waveform objects, header and annotations only.

Belongs here: where each field stands. Not here: images (`dicom.py`), rows (`ecg.py`).
Source: DICOM PS3.3 A.34.3 (12-lead ECG), C.10.9 (waveform), C.10.10 (waveform annotation).
"""

import logging
import re
import warnings
from collections.abc import Sequence
from io import BytesIO

import pydicom
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue

from ingestion.formats.dicom import UNREADABLE, missing_end
from ingestion.formats.dicom_content import text_of
from ingestion.formats.ecg_trace import JOIN_STATEMENTS, Measurement, Trace, measured
from ingestion.formats.xml_document import Defect

logging.getLogger("pydicom").setLevel(logging.CRITICAL)  # its messages may quote values

LEAD_WORDS = re.compile(r"^Lead\s+|\s*\(.*\)$")
NOT_RHYTHM = ("MEDIAN", "BEAT", "AVERAGE")
IDENTITY = {
    "trace_id": "SOPInstanceUID", "request_id": "AccessionNumber", "encounter_id": "AdmissionID",
    "local_id": "PatientID", "person_name": "PatientName", "sex": "PatientSex",
    "birth_date": "PatientBirthDate", "id_number": "OtherPatientIDs",
    "phone": "PatientTelephoneNumbers", "device_model": "ManufacturerModelName",
    "manufacturer": "Manufacturer",
}  # fmt: skip


def read_dicom_ecg(data: bytes) -> tuple[Trace | None, Defect | None]:
    """One trace, or why there is none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom's warnings may quote values
        try:
            dataset = pydicom.dcmread(BytesIO(data), force=True)
            cut = missing_end(data, len(data), dataset)
            if cut is not None:
                return None, cut
            groups = list(dataset.get("WaveformSequence") or [])
            if not groups:
                if "SOPClassUID" not in dataset:
                    return None, ("malformed_dicom", "no header")
                return None, ("wrong_format", "DICOM object without a waveform")
            for number, group in enumerate(groups, 1):
                if not _is_whole(group):
                    return None, ("truncated", f"waveform {number}")
            values = _identity(dataset) | _sampling(_main_group(groups))
            notes = list(dataset.get("WaveformAnnotationSequence") or [])
            statements = [_text(note.get("UnformattedTextValue")) for note in notes]
            found = [_number(note) for note in notes]
        except UnicodeDecodeError:
            return None, ("wrong_encoding", "text that is not in the character set it names")
        except UNREADABLE as error:
            return None, ("malformed_dicom", type(error).__name__)
    if any(statements):
        values["interpretation"] = JOIN_STATEMENTS.join(one for one in statements if one)
    return Trace(values, [one for one in found if one is not None]), None


def _identity(dataset: Dataset) -> dict[str, str]:
    found = {name: _text(dataset.get(keyword)) for name, keyword in IDENTITY.items()}
    institution = dataset.get("InstitutionCodeSequence")
    if institution:
        found["site_id"] = _text(institution[0].get("CodeValue"))
    whole = _text(dataset.get("AcquisitionDateTime"))
    day, time = _text(dataset.get("StudyDate")), _text(dataset.get("StudyTime"))
    found["recorded_at"] = whole or f"{day}{time}"
    return {key: value for key, value in found.items() if value}


def _main_group(groups: Sequence[Dataset]) -> Dataset:
    """The rhythm strip: the first group that is no averaged beat."""
    labels = [_text(group.get("MultiplexGroupLabel")).upper() for group in groups]
    for group, label in zip(groups, labels, strict=True):
        if not any(word in label for word in NOT_RHYTHM):
            return group
    return groups[0]


def _sampling(group: Dataset) -> dict[str, str]:
    leads = []
    for channel in group.get("ChannelDefinitionSequence") or []:
        source = channel.get("ChannelSourceSequence")
        if source:
            leads.append(LEAD_WORDS.sub("", _text(source[0].get("CodeMeaning"))))
    frequency = float(group.get("SamplingFrequency") or 0)
    samples = int(group.get("NumberOfWaveformSamples") or 0)
    found = {
        "leads": " ".join(leads),
        "lead_count": _text(group.get("NumberOfWaveformChannels")),
        "sample_count": str(samples) if samples else "",
        "sampling_frequency": format(frequency, ".6g") if frequency > 0 else "",
        "duration": format(samples / frequency, ".6g") if frequency > 0 and samples else "",
    }
    return {key: value for key, value in found.items() if value}


def _is_whole(group: Dataset) -> bool:
    """Whether a group has as many bytes as its numbers promise."""
    channels = int(group.get("NumberOfWaveformChannels") or 0)
    samples = int(group.get("NumberOfWaveformSamples") or 0)
    bits = int(group.get("WaveformBitsAllocated") or 0)
    return len(group.get("WaveformData") or b"") >= channels * samples * bits // 8


def _number(note: Dataset) -> Measurement | None:
    concept, value = note.get("ConceptNameCodeSequence"), note.get("NumericValue")
    if not concept or value is None or isinstance(value, MultiValue):
        return None
    unit = note.get("MeasurementUnitsCodeSequence")
    text = _text(unit[0].get("CodeValue")) if unit else None
    return measured(_text(concept[0].get("CodeValue")), _text(value), text, None)


def _text(value: object) -> str:
    """One value, the first of several."""
    return text_of(value[0] if isinstance(value, MultiValue) and value else value)
