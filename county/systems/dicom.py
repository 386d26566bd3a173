"""DICOM files of the county hospital: tiny invented pixels, Chinese names in two character sets."""

from io import BytesIO

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian

from county.identities import Identities
from county.laboratory import Examination
from county.outbox import Outbox

FEED = "county_hospital__pacs__images"
_ROOT = "2.25.653999"
_SOP_CLASS = {
    "CT": "1.2.840.10008.5.1.4.1.1.2",
    "DX": "1.2.840.10008.5.1.4.1.1.1.1",
    "US": "1.2.840.10008.5.1.4.1.1.6.1",
}
_SIDE = 8


class DicomWriter:
    """One instance per examination that sends pixels."""

    def __init__(self, outbox: Outbox, identities: Identities) -> None:
        self._outbox = outbox
        self._identities = identities
        self._count = 0
        self._duplicate_sent = False
        self._broken_sent = False

    def write(self, examinations: list[Examination]) -> None:
        for examination in examinations:
            if examination.with_pixels:
                self._image(examination)

    def _image(self, examination: Examination) -> None:
        self._count += 1
        person = examination.encounter.person
        identity = self._identities.of(person, FEED)
        name = f"county_hospital_dicom/{examination.report_id}.dcm"
        data, day = self._encoded(examination), examination.examined.date()
        self._outbox.write(name, data, day)
        self._outbox.book(FEED, name, accepted=1)
        for kind in identity.faults:
            self._outbox.plant(FEED, name, 1, "patient", kind, "accepted")
        if not self._duplicate_sent and self._count > 10:
            self._duplicate_sent = True
            again = name.replace(".dcm", "_resent.dcm")
            self._outbox.write(again, data, day)
            self._outbox.book(FEED, again, duplicate=1)
            self._outbox.plant(FEED, again, 0, "file", "duplicate_file", "duplicate")
        if not self._broken_sent and self._outbox.room_for_faults(FEED):
            self._broken_sent = True
            again = name.replace(".dcm", "_cut.dcm")
            self._outbox.write(again, data[:131] + b"?" * 40, day)
            self._outbox.book(FEED, again, quarantined=1)
            self._outbox.plant(
                FEED, again, 0, "file", "malformed_file", "quarantined", "malformed_dicom"
            )

    def _encoded(self, examination: Examination) -> bytes:
        person = examination.encounter.person
        identity = self._identities.of(person, FEED)
        number = int(examination.report_id[2:])
        image = Dataset()
        image.SpecificCharacterSet = "GB18030" if number % 3 == 0 else "ISO_IR 192"
        image.SOPClassUID = _SOP_CLASS[examination.modality]
        image.SOPInstanceUID = f"{_ROOT}.{number}.1.1"
        image.StudyDate = f"{examination.examined:%Y%m%d}"
        image.StudyTime = f"{examination.examined:%H%M%S}"
        image.AccessionNumber = examination.report_id
        image.Modality = examination.modality
        image.InstitutionName = "云泉县人民医院"
        image.PatientName = identity.name
        image.PatientID = identity.local_id
        image.PatientBirthDate = f"{identity.birth:%Y%m%d}"
        image.PatientSex = "M" if person.sex == "1" else "F"
        if identity.id_number:
            image.OtherPatientIDs = identity.id_number
        image.BodyPartExamined = examination.body_part_code
        image.StudyInstanceUID = f"{_ROOT}.{number}"
        image.SeriesInstanceUID = f"{_ROOT}.{number}.1"
        image.StudyID = examination.encounter.encounter_id[-16:]
        image.SeriesNumber, image.InstanceNumber = 1, 1
        image.SamplesPerPixel, image.PhotometricInterpretation = 1, "MONOCHROME2"
        image.Rows = image.Columns = _SIDE
        image.BitsAllocated = image.BitsStored = 8
        image.HighBit, image.PixelRepresentation = 7, 0
        image.PixelData = bytes((number + n * 7) % 256 for n in range(_SIDE * _SIDE))
        meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID = image.SOPClassUID
        meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        meta.ImplementationClassUID = UID(f"{_ROOT}.0")
        image.file_meta = meta
        buffer = BytesIO()
        image.save_as(buffer, enforce_file_format=True)
        return buffer.getvalue()
