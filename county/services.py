"""Care that happens: outpatient visits, inpatient stays in real beds, staff who give it.

Belongs here: the true events. Not here: what a member system writes about them (`systems/`), what
they cost the fund (`insurance.py`).
"""

from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from itertools import accumulate
from random import Random

import numpy as np

from county.illness import COMMON, DIABETES, HYPERTENSION, OPERATIONS, SERIOUS, Diagnosis
from county.months import Month
from county.organizations import (
    BY_ID,
    HOSPITALS,
    Bed,
    Department,
    departments_of,
    rate_of,
    township_of,
)
from county.parameters import parameters
from county.people import Person

_WITH_STAFF = ("hospital", "township", "village", "professional")
OUTPATIENT, EMERGENCY, INPATIENT = "1", "2", "3"


@dataclass(frozen=True, slots=True)
class Staff:
    staff_id: str
    organization_id: str
    person: Person
    category: str
    title: str | None
    department: str
    employed: date
    left: date | None


@dataclass(slots=True)
class Encounter:
    """One visit or stay. Class by CV09.00.404, discharge mode by CV06.00.226, fees in fen."""

    encounter_id: str
    organization_id: str
    person: Person
    patient_class: str
    start: datetime
    end: datetime | None
    department: Department
    staff: Staff
    diagnoses: tuple[Diagnosis, ...]
    fee: int | None
    drug_fee: int | None
    is_tcm: bool
    bed: str | None = None
    ward: str | None = None
    discharge_mode: str | None = None
    operation: tuple[str, str] | None = None
    cancelled: datetime | None = None
    updated: bool = False
    late_fee: bool = False

    def bed_days_in(self, month: Month) -> int:
        """Midnights of the month spent in bed; a stay still open counts to the month's end."""
        first = max(self.start.date(), month.first)
        after = month.last + timedelta(days=1)
        end = min(self.end.date(), after) if self.end and self.end.date() <= month.last else after
        return max(0, (end - first).days)

    @property
    def discharge_days(self) -> int:
        """Bed days of a discharged stay: at least one."""
        assert self.end is not None
        return max(1, (self.end.date() - self.start.date()).days)


def make_staff(people: list[Person], residents: int, seed: int) -> dict[str, list[Staff]]:
    """Staff by organization, drawn from working-age residents; every room has one doctor."""
    random = Random(f"{seed}/staff")
    adults = [p for p in people if 20 <= p.age_on(date(2026, 1, 1)) <= 70]
    random.shuffle(adults)
    usual = {p.number for p in adults if 24 <= p.age_on(date(2026, 1, 1)) <= 58 and p.is_permanent}
    pool = [p for p in adults if p.number not in usual] + [p for p in adults if p.number in usual]
    staff: dict[str, list[Staff]] = {}
    for organization in BY_ID.values():
        if organization.level not in _WITH_STAFF:
            continue
        code, departments = (
            organization.organization_id,
            departments_of(organization.organization_id),
        )
        rate = rate_of(parameters()["staff_per_1000"], code)
        count = 1 if rate is None else max(len(departments) + 1, round(residents * rate / 1000))
        members = []
        for n in range(count):
            person = pool.pop()
            nurse_first = n == len(departments)
            doctor = n < len(departments) or (not nurse_first and random.random() < 0.5)
            category = "60" if organization.level == "village" else "11" if doctor else "21"
            employed = date(2012 + n % 12, 7, 1)
            members.append(
                Staff(
                    f"{code[6:]}{n + 1:04d}", code, person, category,
                    random.choice("12344") if category == "11" else None,
                    departments[n % len(departments)].name,
                    employed,
                    date(2025, 12, 1) if n == count - 1 and count > len(departments) + 2 else None,
                )
            )  # fmt: skip
        staff[code] = members
    return staff


@dataclass(slots=True)
class CareMonth:
    """Everything that happened in one month."""

    month: Month
    visits: list[Encounter] = field(default_factory=list)
    admitted: list[Encounter] = field(default_factory=list)
    discharged: list[Encounter] = field(default_factory=list)
    present: list[Encounter] = field(default_factory=list)
    cancelled_stays: list[Encounter] = field(default_factory=list)


class Services:
    """Runs the county's care month by month; keeps beds and open stays between months."""

    def __init__(
        self,
        people: list[Person],
        beds: dict[str, list[Bed]],
        staff: dict[str, list[Staff]],
        seed: int,
    ) -> None:
        self._random = Random(f"{seed}/services")
        self._numbers = np.random.default_rng([seed, 2])
        self._people = people
        self._beds = beds
        self._staff = staff
        self._sequence = 0
        self._open: list[Encounter] = []
        self._doctors: dict[tuple[str, str], list[Staff]] = {}
        for code, members in staff.items():
            doctors = [m for m in members if m.category in ("11", "60") and m.left is None]
            for department in departments_of(code):
                own = [d for d in doctors if d.department == department.name]
                self._doctors[code, department.name] = own or doctors
        self._common = [d for d, _ in COMMON]
        self._common_weights = list(accumulate(w for _, w in COMMON))
        self._serious_weights = list(accumulate(w for _, w, _ in SERIOUS))

    def month(self, month: Month) -> CareMonth:
        care = CareMonth(month)
        for stay in self._open:
            self._shorten_at_death(stay)
        for code in self._beds:
            care.admitted += self._admissions(code, month)
        care.admitted.sort(key=lambda e: (e.start, e.encounter_id))
        care.cancelled_stays = [e for e in care.admitted if e.cancelled]
        care.present = self._open + [e for e in care.admitted if not e.cancelled]
        last = month.last
        care.discharged = [e for e in care.present if e.end and e.end.date() <= last]
        care.discharged.sort(key=lambda e: (e.end, e.encounter_id))
        self._open = [e for e in care.present if not (e.end and e.end.date() <= last)]
        care.visits = self._visits(month)
        return care

    def _next_id(self, organization_id: str, letter: str, day: date) -> str:
        self._sequence += 1
        return f"{organization_id[6:]}{letter}{day:%y%m%d}{self._sequence:07d}"

    @staticmethod
    def _shorten_at_death(stay: Encounter) -> None:
        died = stay.person.died
        if died is not None and stay.end is not None and stay.start < died < stay.end:
            stay.end, stay.discharge_mode = died, "5"

    # inpatient care ---------------------------------------------------------------------------

    def _admissions(self, code: str, month: Month) -> list[Encounter]:
        random, rates = self._random, parameters()["services"]
        beds = self._beds[code]
        mean = rate_of(rates["stay_days_mean"], code) or 0.0
        occupancy = rate_of(rates["occupancy"], code) or 0.0
        arrivals = occupancy * len(beds) / mean * month.last.day * 1.06
        moments = []
        if month.index == 0:  # the year does not start with an empty house
            moments = [
                datetime.combine(month.days[n % 2], time(8 + n % 12, 5 * n % 60))
                for n in range(round(len(beds) * occupancy))
            ]
        for _ in range(int(self._numbers.poisson(arrivals)) or 1):
            day = random.choice(month.days)
            at = time(random.randrange(8, 22), random.randrange(60))
            moments.append(datetime.combine(day, at))
        patients = self._inpatients(code, month, len(moments))
        admitted = []
        for moment, person in zip(sorted(moments), patients, strict=True):
            bed, start = self._find_bed(beds, moment)
            if bed is None or start.date() > month.last or not person.alive_on(start):
                continue
            if person.in_hospital_until and start <= person.in_hospital_until:
                continue
            stay = self._stay(code, person, bed, start, mean, residual=month.index == 0
                              and start.day <= 2)  # fmt: skip
            if random.random() < rates["cancelled"] * 2:
                stay.cancelled = start + timedelta(hours=1, minutes=20)
                stay.end = stay.discharge_mode = None
            else:
                assert stay.end is not None
                bed.free_at = stay.end
                person.in_hospital_until = stay.end
            admitted.append(stay)
        return admitted

    def _inpatients(self, code: str, month: Month, count: int) -> list[Person]:
        first = month.first
        own = [
            p for p in self._people
            if p.died is None or p.died.date() >= first
            if p.birth <= first
            if code in HOSPITALS or township_of(p.organization_id) == code
        ]  # fmt: skip
        weights = [
            0.4 + (p.age_on(first) / 40) ** 2 + 1.5 * (p.hypertension + p.diabetes) for p in own
        ]
        return self._random.choices(own, weights, k=count)

    @staticmethod
    def _find_bed(beds: list[Bed], moment: datetime) -> tuple[Bed | None, datetime]:
        """The bed that is free first, and when the patient can lie in it."""
        usable = [
            b for b in beds
            if b.opened <= moment.date() + timedelta(days=6)
            and (b.closed is None or moment.date() + timedelta(days=40) < b.closed)
        ]  # fmt: skip
        if not usable:
            return None, moment
        bed = min(usable, key=lambda b: (b.free_at, b.bed_id))
        if bed.free_at <= moment:
            return bed, moment
        start = bed.free_at + timedelta(hours=2)
        return (bed, start) if start - moment < timedelta(days=6) else (None, moment)

    def _stay(
        self, code: str, person: Person, bed: Bed, start: datetime, mean: float, *, residual: bool
    ) -> Encounter:
        random, rates = self._random, parameters()["services"]
        days = min(30, round(random.lognormvariate(np.log(mean) - 0.18, 0.6)))
        if residual:
            days = max(1, round(days * random.random() * 1.2))
        if random.random() < 0.02:
            days = 0
        end = datetime.combine(start.date() + timedelta(days=days), time(10, 30))
        end += timedelta(minutes=random.randrange(300))
        if end <= start:
            end = start + timedelta(hours=3, minutes=11)
        mode = random.choices(("1", "2", "3", "4", "9"), (88, 5, 3, 3, 1))[0]
        diagnosis = random.choices(SERIOUS, cum_weights=self._serious_weights)[0]
        operation = diagnosis[2]
        surgery = rates["surgery"].get(code, 0)
        if not surgery:
            operation = None
        elif operation is None and random.random() < surgery - 0.12:
            operation = random.choice(OPERATIONS)
        diagnoses = [diagnosis[0]]
        if person.hypertension:
            diagnoses.append(HYPERTENSION)
        if person.diabetes:
            diagnoses.append(DIABETES)
        departments = departments_of(code)
        department = random.choice(
            [d for d in departments if code != "653999H01" or d.code not in ("2001", "5001")]
        )
        per_day = rate_of(rates["stay_fee_per_day_yuan"], code) or 0.0
        fee = round(100 * per_day * (days + 1) * random.lognormvariate(0, 0.25))
        fee += 420_000 if operation else 0
        stay = Encounter(
            self._next_id(code, "Z", start.date()), code, person, INPATIENT, start, end,
            department, random.choice(self._doctors[code, department.name]),
            tuple(diagnoses), fee, round(fee * random.uniform(0.22, 0.38)),
            BY_ID[code].is_tcm or department.is_tcm,
            bed.bed_id, bed.ward, mode, operation,
        )  # fmt: skip
        self._shorten_at_death(stay)
        return stay

    # outpatient care --------------------------------------------------------------------------

    def _visits(self, month: Month) -> list[Encounter]:
        random, rates = self._random, parameters()["services"]
        intensity = np.array([_intensity(p, month.first) for p in self._people])
        days = month.days
        mean = rates["outpatient_visits_per_person_year"] / 12
        expected = intensity * (mean * len(self._people) / intensity.sum())
        found = []
        for index in np.repeat(np.arange(len(expected)), self._numbers.poisson(expected)):
            person = self._people[index]
            day = random.choice(days)
            if day.weekday() >= 5 and random.random() < 0.5:
                day = random.choice(days)
            moment = datetime.combine(day, time(random.randrange(9, 19), random.randrange(60)))
            moment += timedelta(seconds=random.randrange(60))
            if not person.alive_on(moment):
                continue
            found.append(self._visit(self._place(person), person, moment))
        return sorted(found, key=lambda e: (e.start, e.encounter_id))

    def _place(self, person: Person) -> str:
        rates = parameters()["services"]
        home = person.organization_id
        in_village = BY_ID[home].level == "village"
        shares = rates["places_village" if in_village else "places_town"]
        return self._random.choices((home, township_of(home), *HOSPITALS), shares)[0]

    def _visit(self, code: str, person: Person, moment: datetime) -> Encounter:
        random, rates = self._random, parameters()["services"]
        level, departments = BY_ID[code].level, departments_of(code)
        emergency = level == "hospital" and random.random() < rates["emergency"]
        tcm = random.random() < rates["tcm_share"][level]
        choices = [d for d in departments if d.is_tcm == tcm] or list(departments)
        if emergency:
            choices = [d for d in departments if d.code == "2001"] or choices
        elif code == "653999H01":
            choices = [d for d in choices if d.code != "2001"]
        department = random.choice(choices)
        chronic = [d for d, has in ((HYPERTENSION, person.hypertension),
                                    (DIABETES, person.diabetes)) if has]  # fmt: skip
        first = random.choices(self._common, cum_weights=self._common_weights)[0]
        if chronic and random.random() < 0.45:
            first = random.choice(chronic)
        fee_mean = rates["fee_mean_yuan"].get(code) or rates["fee_mean_yuan"][level]
        fee: int | None = round(100 * fee_mean * random.lognormvariate(-0.18, 0.6))
        if random.random() < rates["fee_missing"]:
            fee = None
        visit = Encounter(
            self._next_id(code, "M", moment.date()), code, person,
            EMERGENCY if emergency else OUTPATIENT, moment, None, department,
            random.choice(self._doctors[code, department.name]),
            (first,), fee, None if fee is None else round(fee * random.uniform(0.3, 0.7)),
            BY_ID[code].is_tcm or department.is_tcm,
        )  # fmt: skip
        if level == "hospital":
            if random.random() < rates["cancelled"]:
                visit.cancelled = moment + timedelta(minutes=25)
            elif random.random() < rates["updated"]:
                visit.updated, visit.late_fee = True, fee is not None
        return visit


def _intensity(person: Person, day: date) -> float:
    """How much outpatient care a person uses, relative to others; zero when not there."""
    if person.birth > day or (person.died is not None and person.died.date() < day):
        return 0.0
    by_age: float = 0.7 + (person.age_on(day) / 45) ** 1.5
    chronic = 0.8 * (person.hypertension + person.diabetes)
    return (by_age + chronic) * (1.0 if person.is_permanent else 0.1)
