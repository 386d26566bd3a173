"""Patients under management in a year, as their follow-ups show them.

Belongs here: counting of follow-ups that happened. Not here: the follow-ups (`illness.py`).
Source: national basic public health service standard, third edition (2017).
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from county.illness import FollowUp
from county.months import Month
from county.scene import Truth

_FACE_TO_FACE = ("1", "2")  # clinic, home: CV06.00.207


@dataclass(slots=True)
class _Patient:
    """Follow-ups of one person and disease in the current year."""

    year: int
    first_month: int
    face_to_face: int = 0
    latest: tuple[date, str] | None = None
    organization_id: str = ""
    is_controlled: bool = False


class Managed:
    """Remembers the year's follow-ups of every patient."""

    def __init__(self) -> None:
        self._patients: dict[tuple[str, int], _Patient] = {}

    def truths(self, visits: list[FollowUp], month: Month) -> Iterator[Truth]:
        """Patients with a follow-up this year, at the centre of the latest: all of them, those
        followed up as often as is due, and those whose latest readings are in bounds."""
        for visit in visits:
            self._seen(visit, month)
        counts: dict[str, Counter[str]] = {}
        for (disease, _), patient in self._patients.items():
            if patient.year != month.year:
                continue
            # One visit, and one more for every three months since the first, four a year.
            due = min(4, 1 + (month.number - patient.first_month) // 3)
            states = {
                "managed": True, "standard": patient.face_to_face >= due,
                "controlled": patient.is_controlled,
            }  # fmt: skip
            for state, holds in states.items():
                count = counts.setdefault(f"{disease}_{state}", Counter())
                count[patient.organization_id] += holds
        for measure, amounts in counts.items():
            yield Truth(measure, amounts, is_stock=True)

    def _seen(self, visit: FollowUp, month: Month) -> None:
        key = (visit.disease, visit.person.number)
        patient = self._patients.get(key)
        if patient is None or patient.year != month.year:
            patient = self._patients[key] = _Patient(month.year, visit.day.month)
        place = (visit.day, visit.visit_id)
        if patient.latest is None or place > patient.latest:
            patient.latest, patient.organization_id = place, visit.organization_id
            patient.is_controlled = _is_controlled(visit)
        patient.face_to_face += visit.mode in _FACE_TO_FACE


def _is_controlled(visit: FollowUp) -> bool:
    """Fasting glucose below 7.0 mmol/L; pressure below 140/90 mmHg, from 65 years on 150/90."""
    if visit.disease == "diabetes":
        return visit.glucose is not None and visit.glucose < 7.0
    if visit.systolic is None or visit.diastolic is None:
        return False
    limit = 150 if visit.person.age_on(visit.day) >= 65 else 140
    return visit.systolic < limit and visit.diastolic < 90
