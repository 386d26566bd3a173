"""DICOM files of the county hospital: images with tiny invented pixels, and structured reports;
Chinese names in two character sets.

Belongs here: what an object holds, and the broken and repeated files. Not here: who was examined
(`county/laboratory.py`), electrocardiograms (`ecg_batch.py`).
"""

from collections.abc import Callable
from io import BytesIO

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian

from county.identities import Identities, Identity
from county.laboratory import Examination
from county.organizations import BY_ID
from county.outbox import Outbox
from county.roles import COUNTY, COUNTY_HOSPITAL

IMAGES, REPORTS = "county_hospital__pacs__images", "county_hospital__pacs__reports"
_FOLDERS = {IMAGES: "county_hospital_dicom", REPORTS: "county_hospital_dicom_reports"}
UID_ROOT = f"2.25.{COUNTY}"
_SOP_CLASS = {
    "CT": "1.2.840.10008.5.1.4.1.1.2",
    "DX": "1.2.840.10008.5.1.4.1.1.1.1",
    "MR": "1.2.840.10008.5.1.4.1.1.4",
    "US": "1.2.840.10008.5.1.4.1.1.6.1",
}
_BASIC_TEXT = "1.2.840.10008.5.1.4.1.1.88.11"
_REPORTED = ("US", "MR")
_SIDE = 8


class DicomWriter:
    """One instance per examination that sends pixels; ultrasound and magnetic resonance rooms send
    their report as well, and so does the first examination of each month."""

    def __init__(self, outbox: Outbox, identities: Identities) -> None:
        self._outbox = outbox
        self._identities = identities
        self._counts = dict.fromkeys(_FOLDERS, 0)
        self._duplicate_sent: set[str] = set()
        self._broken_sent: set[str] = set()

    def write(self, examinations: list[Examination]) -> None:
        pictured = [one for one in examinations if one.with_pixels]
        for examination in pictured:
            self._send(IMAGES, examination, _image)
        for order, examination in enumerate(pictured):
            if order == 0 or examination.modality in _REPORTED:
                self._send(REPORTS, examination, _report)

    def _send(
        self, feed: str, examination: Examination, make: Callable[[Examination], Dataset]
    ) -> None:
        self._counts[feed] += 1
        identity = self._identities.of(examination.encounter.person, feed)
        name = f"{_FOLDERS[feed]}/{examination.report_id}.dcm"
        found = make(examination)
        _head(found, examination, identity)
        data, day = encoded(found), examination.examined.date()
        self._outbox.write(name, data, day)
        self._outbox.book(feed, name, accepted=1)
        for kind in identity.faults:
            self._outbox.plant(feed, name, 1, "patient", kind, "accepted")
        if feed not in self._duplicate_sent and self._counts[feed] > 10:
            self._duplicate_sent.add(feed)
            again = name.replace(".dcm", "_resent.dcm")
            self._outbox.write(again, data, day)
            self._outbox.book(feed, again, duplicate=1)
            self._outbox.plant(feed, again, 0, "file", "duplicate_file", "duplicate")
        if feed not in self._broken_sent and self._outbox.room_for_faults(feed):
            self._broken_sent.add(feed)
            again = name.replace(".dcm", "_cut.dcm")
            self._outbox.write(again, data[:131] + b"?" * 40, day)
            self._outbox.book(feed, again, quarantined=1)
            self._outbox.plant(
                feed, again, 0, "file", "malformed_file", "quarantined", "malformed_dicom"
            )


def _number(examination: Examination) -> int:
    return int(examination.report_id[2:])


def _head(found: Dataset, examination: Examination, identity: Identity) -> None:
    """Patient and study, which an image and its report have in common."""
    number, person = _number(examination), examination.encounter.person
    found.SpecificCharacterSet = "GB18030" if number % 3 == 0 else "ISO_IR 192"
    found.StudyDate = f"{examination.examined:%Y%m%d}"
    found.StudyTime = f"{examination.examined:%H%M%S}"
    found.AccessionNumber = examination.report_id
    found.InstitutionName = BY_ID[COUNTY_HOSPITAL].name
    found.PatientName = identity.name
    found.PatientID = identity.local_id
    found.PatientBirthDate = f"{identity.birth:%Y%m%d}"
    found.PatientSex = "M" if person.sex == "1" else "F"
    if identity.id_number:
        found.OtherPatientIDs = identity.id_number
    found.BodyPartExamined = examination.body_part_code
    found.StudyInstanceUID = f"{UID_ROOT}.{number}"
    found.StudyID = examination.encounter.encounter_id[-16:]


def _image(examination: Examination) -> Dataset:
    number = _number(examination)
    image = Dataset()
    image.SOPClassUID = _SOP_CLASS[examination.modality]
    image.SOPInstanceUID = f"{UID_ROOT}.{number}.1.1"
    image.Modality = examination.modality
    image.SeriesInstanceUID = f"{UID_ROOT}.{number}.1"
    image.SeriesNumber, image.InstanceNumber = 1, 1
    image.SamplesPerPixel, image.PhotometricInterpretation = 1, "MONOCHROME2"
    image.Rows = image.Columns = _SIDE
    image.BitsAllocated = image.BitsStored = 8
    image.HighBit, image.PixelRepresentation = 7, 0
    image.PixelData = bytes((number + n * 7) % 256 for n in range(_SIDE * _SIDE))
    return image


def _report(examination: Examination) -> Dataset:
    """A Basic Text SR: what was examined, where, and the conclusion."""
    number = _number(examination)
    report = Dataset()
    report.SOPClassUID = _BASIC_TEXT
    report.SOPInstanceUID = f"{UID_ROOT}.{number}.2.1"
    report.Modality = "SR"
    report.SeriesInstanceUID = f"{UID_ROOT}.{number}.2"
    report.SeriesNumber, report.InstanceNumber = 2, 1
    report.AdmissionID = examination.encounter.encounter_id
    report.ContentDate = f"{examination.reported:%Y%m%d}"
    report.ContentTime = f"{examination.reported:%H%M%S}"
    report.CompletionFlag, report.VerificationFlag = "COMPLETE", "VERIFIED"
    report.ValueType, report.ContinuityOfContent = "CONTAINER", "SEPARATE"
    report.ConceptNameCodeSequence = [_code("18748-4", "LN", "诊断影像报告")]
    modality = _item("CODE", "HAS CONCEPT MOD", _code("121139", "DCM", "检查类别"))
    modality.ConceptCodeSequence = [_code(examination.modality, "DCM", examination.modality)]
    site = _item("CODE", "HAS CONCEPT MOD", _code("363698007", "SCT", "检查部位"))
    site.ConceptCodeSequence = [_code(examination.body_part_code, "99YQXRY", examination.body_part)]
    conclusion = _item("TEXT", "CONTAINS", _code("121077", "DCM", "结论"))
    conclusion.TextValue = examination.conclusion
    conclusions = _item("CONTAINER", "CONTAINS", _code("121076", "DCM", "诊断结论"))
    conclusions.ContinuityOfContent = "SEPARATE"
    conclusions.ContentSequence = [conclusion]
    report.ContentSequence = [modality, site, conclusions]
    return report


def _item(kind: str, relation: str, concept: Dataset) -> Dataset:
    item = Dataset()
    item.RelationshipType, item.ValueType = relation, kind
    item.ConceptNameCodeSequence = [concept]
    return item


def _code(value: str, scheme: str, meaning: str) -> Dataset:
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = value, scheme, meaning
    return code


def encoded(found: Dataset) -> bytes:
    """A DICOM file of the object."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = found.SOPClassUID
    meta.MediaStorageSOPInstanceUID = found.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = UID(f"{UID_ROOT}.0")
    found.file_meta = meta
    buffer = BytesIO()
    found.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()
