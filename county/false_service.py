"""Follow-ups of chronic patients that did not happen as written, planted among the true ones.

Belongs here: faults of meaning in the registers of hypertension and diabetes. They are sent,
accepted and counted as any other row. Not here: true follow-ups (`illness.py`), broken rows
(`systems/faults.py`).
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from itertools import groupby
from random import Random

from county.illness import Chronic, FollowUp
from county.months import Month
from county.organizations import TOWNSHIPS
from county.parameters import parameters
from county.people import Person
from county.scene import Planted
from county.services import Encounter

DEAD, IN_HOSPITAL = "follow_up_of_the_dead", "follow_up_in_hospital"
CLONED, DIGITS = "cloned_readings", "digit_preference"
WORKLOAD = "impossible_workload"
_TELEPHONE = "3"
Stays = dict[int, list[tuple[date, date]]]


class FalseService:
    """Plants each kind at its rate, and once at least where anyone is there for it."""

    def __init__(self, chronic: Chronic, seed: int) -> None:
        self._chronic = chronic
        self._random = Random(f"{seed}/false_service")
        self._rounding_centre = self._random.choice(TOWNSHIPS)
        self._planted: set[str] = set()

    def month(
        self, month: Month, true: list[FollowUp], present: list[Encounter]
    ) -> tuple[list[FollowUp], list[Planted]]:
        """Follow-ups as the registers report them, and what is false among them.

        Args:
            present: Stays in bed at some time of the month.
        """
        stays = _whole_days(present, month)
        visits = [
            replace(v, mode=_TELEPHONE) if _in_bed(stays, v.person, v.day) else v for v in true
        ]
        added = [
            *self._of_the_dead(month), *self._in_hospital(month, stays),
            *self._workload(month, stays),
        ]  # fmt: skip
        planted = [Planted(kind, visit.visit_id) for kind, visit in added]
        visits += [visit for _, visit in added]
        visits, rounded = self._rounded(visits)
        visits, cloned = self._cloned(visits)
        planted += rounded + cloned
        self._planted |= {fault.kind for fault in planted}
        return sorted(visits, key=lambda v: (v.day, v.visit_id)), planted

    def _chosen(self, kind: str, rate: str) -> bool:
        """By chance, and the first time always."""
        chance = parameters()["faults"]["false_service"][rate]
        chosen = self._random.random() < chance or kind not in self._planted
        if chosen:
            self._planted.add(kind)
        return chosen

    def _of_the_dead(self, month: Month) -> Iterator[tuple[str, FollowUp]]:
        """The register still has a dead patient, and the visit due is written."""
        for disease, person, phase in self._managed():
            due = (month.number - 1) % 3 == phase or DEAD not in self._planted
            if person.died is None or not due:
                continue
            days = [day for day in month.days if day > person.died.date()]
            if days and self._chosen(DEAD, "of_the_dead"):
                visit = self._chronic.visit(person, disease, month)
                yield DEAD, _on(visit, self._random.choice(days), self._face_to_face())

    def _in_hospital(self, month: Month, stays: Stays) -> Iterator[tuple[str, FollowUp]]:
        """A patient is seen at the centre or at home on a day spent wholly in a hospital bed."""
        for disease, person, _ in self._managed():
            for first, last in stays.get(person.number, []):
                if self._chosen(IN_HOSPITAL, "in_hospital"):
                    visit = self._chronic.visit(person, disease, month)
                    day = first + timedelta(days=self._random.randint(0, (last - first).days))
                    yield IN_HOSPITAL, _on(visit, day, self._face_to_face())

    def _workload(self, month: Month, stays: Stays) -> Iterator[tuple[str, FollowUp]]:
        """One doctor of a centre sees more patients on a day than a day can hold."""
        most = parameters()["faults"]["false_service"]["workload_visits"]
        for centre in self._random.sample(TOWNSHIPS, len(TOWNSHIPS)):
            if not self._chosen(WORKLOAD, "workload"):
                continue
            day = self._random.choice(month.days)
            own = [
                (disease, person)
                for disease, person, _ in self._managed()
                if self._chronic.centre_of(person, month) == centre
                and person.lives_here(day)
                and not _in_bed(stays, person, day)
            ]
            found = [
                self._chronic.visit(person, disease, month)
                for disease, person in self._random.sample(own, min(most, len(own)))
            ]
            for visit in found:
                seen = _on(visit, day, self._face_to_face())
                yield WORKLOAD, replace(seen, staff_id=found[0].staff_id)

    def _rounded(self, visits: list[FollowUp]) -> tuple[list[FollowUp], list[Planted]]:
        """Pressures of one centre end in 0 far too often."""
        share = parameters()["faults"]["false_service"]["digit_preference"]
        found, planted = [], []
        for visit in visits:
            if (
                visit.organization_id == self._rounding_centre
                and visit.systolic is not None
                and visit.diastolic is not None
                and self._random.random() < share
            ):
                rounded = replace(
                    visit, systolic=round(visit.systolic, -1), diastolic=round(visit.diastolic, -1)
                )
                if rounded != visit:
                    planted.append(Planted(DIGITS, visit.visit_id))
                    visit = rounded
            found.append(visit)
        return found, planted

    def _cloned(self, visits: list[FollowUp]) -> tuple[list[FollowUp], list[Planted]]:
        """A doctor copies the readings of one follow-up into others of the month."""

        def place(visit: FollowUp) -> tuple[str, str]:
            return visit.disease, visit.staff_id

        most = parameters()["faults"]["false_service"]["cloned_most"]
        ordered = sorted(visits, key=lambda v: (*place(v), v.visit_id))
        copies: dict[str, FollowUp] = {}
        for _, group in groupby(ordered, key=place):
            own = list(group)
            measured = [v for v in own if v.systolic is not None and v.glucose is not None]
            if len(own) < 3 or not measured or not self._chosen(CLONED, "cloned"):
                continue
            origin = self._random.choice(measured)
            others = [v for v in own if v is not origin]
            for visit in self._random.sample(others, min(most, len(others))):
                copies[visit.visit_id] = replace(
                    visit, systolic=origin.systolic, diastolic=origin.diastolic,
                    heart_rate=origin.heart_rate, weight=origin.weight, glucose=origin.glucose,
                    hba1c_percent=origin.hba1c_percent, result=origin.result,
                )  # fmt: skip
        found = [copies.get(v.visit_id, v) for v in visits]
        return found, [Planted(CLONED, number) for number in sorted(copies)]

    def _managed(self) -> Iterator[tuple[str, Person, int]]:
        """Disease, patient and phase of the quarter of everyone on a register."""
        for disease, register in self._chronic.registers.items():
            for person, phase, _ in register:
                yield disease, person, phase

    def _face_to_face(self) -> str:
        return self._random.choice("12")


def _whole_days(present: list[Encounter], month: Month) -> Stays:
    """First and last day of the month spent wholly in bed, for each stay that has any."""
    found: Stays = {}
    for stay in present:
        first = max(stay.start.date() + timedelta(days=1), month.first)
        last = min(stay.end.date() - timedelta(days=1), month.last) if stay.end else month.last
        if first <= last:
            found.setdefault(stay.person.number, []).append((first, last))
    return found


def _in_bed(stays: Stays, person: Person, day: date) -> bool:
    return any(first <= day <= last for first, last in stays.get(person.number, []))


def _on(visit: FollowUp, day: date, mode: str) -> FollowUp:
    """The visit on another day, the next one as long after."""
    return replace(visit, day=day, mode=mode, next_day=day + (visit.next_day - visit.day))
