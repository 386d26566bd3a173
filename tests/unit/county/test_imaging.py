"""Which DICOM objects the county's members send."""

from collections.abc import Iterator

import pydicom
from pydicom.dataset import Dataset

from tests.unit.county.built import Built

IMAGES, REPORTS = "county_hospital_dicom", "county_hospital_dicom_reports"


def objects(county: Built, folder: str) -> Iterator[Dataset]:
    """Headers of a folder's sound files."""
    for path in sorted((county.root / "inbox" / folder).glob("*.dcm")):
        if not path.stem.endswith(("_cut", "_resent")):
            yield pydicom.dcmread(path, stop_before_pixels=True)


def test_every_modality_of_a_county_hospital_is_sent(default: Built) -> None:
    assert {one.Modality for one in objects(default, IMAGES)} == {"DX", "US", "CT", "MR"}
    assert {one.Modality for one in objects(default, REPORTS)} == {"SR"}


def test_a_structured_report_belongs_to_the_study_of_an_image(default: Built) -> None:
    studies = {one.AccessionNumber: one.StudyInstanceUID for one in objects(default, IMAGES)}
    reports = {one.AccessionNumber: one.StudyInstanceUID for one in objects(default, REPORTS)}
    assert reports
    assert reports.items() < studies.items()


def test_a_report_comes_after_its_examination(default: Built) -> None:
    for one in objects(default, REPORTS):
        assert one.StudyDate + one.StudyTime < one.ContentDate + one.ContentTime
