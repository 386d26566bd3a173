"""What the core's messages and documents mean, by the columns of the entities.

Belongs here: true rows of visits, laboratory results, front pages and follow-ups. Not here: the
messages (`hl7.py`) and documents (`documents.py`), or the diagnoses they also carry.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from county.illness import FollowUp
from county.laboratory import Report
from county.scene import Meant
from county.services import Encounter

_CANCELLED = {"A01": False, "A04": False, "A11": True}
"""What an event says of a visit being void; any other leaves it as it was (HL7 v2.5.1, 3.3)."""
_MOMENT = pl.Datetime("us")
_Schema = dict[str, pl.DataType | type[pl.DataType]]
_VISIT: _Schema = {
    "encounter_id": pl.String, "organization_id": pl.String, "encounter_class_code": pl.String,
    "started_at": _MOMENT, "ended_at": _MOMENT, "recorded_at": _MOMENT, "is_cancelled": pl.Boolean,
    "department_code": pl.String, "department_name": pl.String, "is_tcm": pl.Boolean,
    "bed_id": pl.String, "discharge_mode_code": pl.String, "total_fee_fen": pl.Int64,
    "staff_id": pl.String,
}  # fmt: skip
_RESULT: _Schema = {
    "report_id": pl.String, "organization_id": pl.String, "encounter_id": pl.String,
    "requesting_organization_id": pl.String, "request_id": pl.String, "panel_code": pl.String,
    "item_sequence": pl.String, "test_code": pl.String, "test_name": pl.String,
    "value_text": pl.String, "value_number": pl.Float64, "value_unit": pl.String,
    "reference_range": pl.String, "abnormal_flag": pl.String, "collected_at": _MOMENT,
    "reported_at": _MOMENT,
}  # fmt: skip

_FRONT_PAGE: _Schema = {
    "encounter_id": pl.String, "organization_id": pl.String, "document_id": pl.String,
    "admitted_at": _MOMENT, "discharged_at": _MOMENT, "stay_days": pl.Int64,
    "department_name": pl.String, "main_diagnosis_code": pl.String,
    "main_diagnosis_name": pl.String, "main_operation_code": pl.String,
    "discharge_mode_code": pl.String, "total_fee_fen": pl.Int64, "drug_fee_fen": pl.Int64,
}  # fmt: skip
_FOLLOW_UP: _Schema = {
    "visit_id": pl.String, "organization_id": pl.String, "visited_date": pl.Date,
    "visit_mode_code": pl.String, "systolic_mmhg": pl.Int64, "diastolic_mmhg": pl.Int64,
    "heart_rate_per_minute": pl.Int64, "weight_kg": pl.Float64, "height_cm": pl.Float64,
    "visit_class_code": pl.String, "next_visit_date": pl.Date, "staff_id": pl.String,
}  # fmt: skip
_OTHER_MODE = "9"


@dataclass(frozen=True, slots=True)
class Event:
    """One message about a visit or stay; `is_open` knows no end yet, `has_fee` what it costs."""

    encounter: Encounter
    trigger: str
    moment: datetime
    has_fee: bool
    is_open: bool


def meant_visits(feed: str, events: Iterable[Event]) -> Meant:
    """A version of the visit for each message."""
    rows = []
    for event in events:
        e, ended = event.encounter, not event.is_open
        rows.append(
            (
                e.encounter_id, e.organization_id, e.patient_class, e.start,
                e.end if ended else None, event.moment, _CANCELLED.get(event.trigger),
                e.department.code, e.department.name, e.is_tcm, e.bed,
                e.discharge_mode if ended else None, e.fee if event.has_fee else None,
                e.staff.staff_id,
            )
        )  # fmt: skip
    return Meant(feed, "encounter", pl.DataFrame(rows, schema=_VISIT, orient="row"))


def meant_results(feed: str, reports: Iterable[Report]) -> Meant:
    """A row for each result of each report."""
    rows = [
        (
            report.report_id, report.encounter.organization_id, report.encounter.encounter_id,
            report.encounter.organization_id, report.request_id, report.panel_code,
            str(number), result.test.code, result.test.name, result.value,
            float(result.value) if result.is_number else None, result.test.unit, result.range,
            result.flag, report.collected, report.reported,
        )
        for report in reports
        for number, result in enumerate(report.results, 1)
    ]  # fmt: skip
    return Meant(feed, "laboratory_result", pl.DataFrame(rows, schema=_RESULT, orient="row"))


def meant_front_pages(feed: str, pages: Iterable[tuple[str, Encounter]]) -> Meant:
    """A row for each front page: number of the document and the stay that has ended."""
    rows = []
    for document_id, e in pages:
        assert e.end is not None
        rows.append(
            (
                e.encounter_id, e.organization_id, document_id, e.start, e.end,
                (e.end.date() - e.start.date()).days, e.department.name, e.diagnoses[0].code,
                e.diagnoses[0].name, e.operation[0] if e.operation else None,
                e.discharge_mode or _OTHER_MODE, e.fee or 0, e.drug_fee or 0,
            )
        )  # fmt: skip
    return Meant(feed, "front_page", pl.DataFrame(rows, schema=_FRONT_PAGE, orient="row"))


def meant_follow_ups(feed: str, visits: Iterable[FollowUp]) -> Meant:
    """A row for each follow-up of hypertension."""
    rows = [
        (
            v.visit_id, v.organization_id, v.day, v.mode, v.systolic, v.diastolic, v.heart_rate,
            v.weight, v.height, v.result, v.next_day, v.staff_id,
        )
        for v in visits
    ]  # fmt: skip
    return Meant(feed, "hypertension_visit", pl.DataFrame(rows, schema=_FOLLOW_UP, orient="row"))
