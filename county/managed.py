"""Chronic patients in management, as the register and the year's services show them.

Belongs here: counting of what happened. Not here: the register (`chronic_register.py`), the
follow-ups (`illness.py`), the examinations (`domains/public_health/elderly/`).
Source: national basic public health service standard, third edition (2017): at least four
follow-ups face to face a year, evenly spread, one physical examination a year and for diabetes four
fasting glucose tests; control by the latest follow-up of the year. Within the year (decision 0005):
one follow-up, and one more for every three months since the first of the year.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date

from county.chronic_register import Registration
from county.illness import FollowUp
from county.months import Month
from county.scene import Truth

_FACE_TO_FACE = ("1", "2")  # clinic, home: CV06.00.207


@dataclass(slots=True)
class _Year:
    """What one patient got for one disease in the current year."""

    first_month: int = 0
    face_to_face: int = 0
    quarters: set[int] = field(default_factory=set)
    glucose_tests: int = 0
    latest: tuple[date, str] | None = None
    is_controlled: bool = False


class Managed:
    """Remembers the year's follow-ups and examinations of every patient."""

    def __init__(self) -> None:
        self._year = 0
        self._patients: dict[tuple[str, int], _Year] = {}
        self._examined: set[int] = set()

    def truths(
        self,
        registered: Iterable[Registration],
        visits: list[FollowUp],
        examined: Iterable[int],
        month: Month,
    ) -> Iterator[Truth]:
        """Patients in management at the month's end, by the centre that has registered them.

        Args:
            registered: Everyone in management.
            visits: The month's follow-ups, of whomever.
            examined: Numbers of the people examined in the month.
        """
        if month.year != self._year:
            self._year, self._patients, self._examined = month.year, {}, set()
        self._examined.update(examined)
        for visit in visits:
            self._seen(visit)
        counts: dict[str, Counter[str]] = {}
        for one in registered:
            year = self._patients.get((one.disease, one.person.number), _Year())
            for state, holds in self._states(year, one, month).items():
                counts.setdefault(f"{one.disease}_{state}", Counter())[one.organization_id] += holds
        for measure, amounts in counts.items():
            yield Truth(measure, amounts, is_stock=True)

    def _states(self, year: _Year, one: Registration, month: Month) -> dict[str, bool]:
        visited = year.latest is not None
        due = min(4, 1 + (month.number - year.first_month) // 3)
        return {
            "registered": True,
            "standard": year.face_to_face >= 4
            and len(year.quarters) == 4
            and (one.disease != "diabetes" or year.glucose_tests >= 4)
            and one.person.number in self._examined,
            "controlled": visited and year.is_controlled,
            "visited": visited,
            "on_schedule": visited and year.face_to_face >= due,
        }

    def _seen(self, visit: FollowUp) -> None:
        year = self._patients.setdefault((visit.disease, visit.person.number), _Year())
        year.first_month = year.first_month or visit.day.month
        place = (visit.day, visit.visit_id)
        if year.latest is None or place > year.latest:
            year.latest, year.is_controlled = place, _is_controlled(visit)
        year.glucose_tests += visit.glucose is not None
        if visit.mode in _FACE_TO_FACE:
            year.face_to_face += 1
            year.quarters.add((visit.day.month + 2) // 3)


def _is_controlled(visit: FollowUp) -> bool:
    """Fasting glucose below 7.0 mmol/L; pressure below 140/90 mmHg, from 65 years on 150/90."""
    if visit.disease == "diabetes":
        return visit.glucose is not None and visit.glucose < 7.0
    if visit.systolic is None or visit.diastolic is None:
        return False
    limit = 150 if visit.person.age_on(visit.day) >= 65 else 140
    return visit.systolic < limit and visit.diastolic < 90
