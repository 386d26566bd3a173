"""What the messages of `hl7.py` mean, by the columns of the entities.

Belongs here: true rows of visits and laboratory results. Not here: the messages (`hl7.py`), or the
diagnoses they also carry.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from county.laboratory import Report
from county.scene import Meant
from county.services import Encounter

_CANCELLED = "A11"
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
    "item_sequence": pl.String, "test_code": pl.String, "test_name": pl.String,
    "value_text": pl.String, "value_number": pl.Float64, "value_unit": pl.String,
    "reference_range": pl.String, "abnormal_flag": pl.String, "collected_at": _MOMENT,
    "reported_at": _MOMENT,
}  # fmt: skip


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
                e.end if ended else None, event.moment, event.trigger == _CANCELLED,
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
            str(number), result.test.code, result.test.name, result.value,
            float(result.value) if result.is_number else None, result.test.unit, result.range,
            result.flag, report.collected, report.reported,
        )
        for report in reports
        for number, result in enumerate(report.results, 1)
    ]  # fmt: skip
    return Meant(feed, "laboratory_result", pl.DataFrame(rows, schema=_RESULT, orient="row"))
