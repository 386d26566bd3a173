"""Care that happens: inpatient stays in real beds, staff who give it, visits of the hospitals.

Belongs here: the true events. Not here: drawing of visits (`outpatient.py`), what a member system
writes about them (`systems/`), what they cost the fund (`insurance.py`).
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from random import Random

import numpy as np
import polars as pl

from county.illness import DIABETES, HYPERTENSION, Diagnosis, serious_illness
from county.months import Month
from county.organizations import BY_ID, HOSPITALS, Bed, Department, departments_of, rate_of
from county.outpatient import Outpatient, need
from county.parameters import parameters
from county.people import Person
from county.roles import COUNTY_HOSPITAL
from county.scene import Truth

_WITH_STAFF = ("hospital", "township", "village", "professional")
INPATIENT = "3"


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
        """Midnights of the month spent in bed, 1 for who comes and leaves on one day; a stay still
        open counts to the month's end."""
        if self.end and self.end.date() == self.start.date():
            return int(month.first <= self.start.date() <= month.last)
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


def doctors_of(staff: dict[str, list[Staff]], codes: list[str]) -> dict[str, list[str]]:
    """Numbers of the physicians in service at each of the organizations."""
    return {
        code: [s.staff_id for s in staff[code] if s.category == "11" and s.left is None]
        for code in codes
    }


@dataclass(slots=True)
class CareMonth:
    """Everything that happened in one month. `outpatient` has every visit, cancelled ones too;
    `visits` are those of the hospitals, as events."""

    month: Month
    outpatient: pl.DataFrame = field(default_factory=pl.DataFrame)
    visits: list[Encounter] = field(default_factory=list)
    admitted: list[Encounter] = field(default_factory=list)
    discharged: list[Encounter] = field(default_factory=list)
    present: list[Encounter] = field(default_factory=list)
    cancelled_stays: list[Encounter] = field(default_factory=list)

    def truths(self) -> Iterator[Truth]:
        """Visits not cancelled, with what they cost; stays admitted, in bed at 24:00, and ended.

        A hospital writes one front page for each stay that ended.
        """
        kept = self.outpatient.filter(pl.col("cancelled").is_null())
        fee = pl.col("fee_fen")
        by_place = kept.group_by("organization_id").agg(
            pl.len().alias("visits"), pl.col("is_tcm").sum().alias("tcm"),
            fee.sum().alias("fee"),
        )  # fmt: skip
        visits = dict(by_place.select("organization_id", "visits").iter_rows())
        yield Truth("outpatient_visits", visits)
        primary = {code: count for code, count in visits.items() if BY_ID[code].is_primary_care}
        yield Truth("primary_outpatient_visits", primary)
        yield Truth(
            "tcm_outpatient_visits", dict(by_place.select("organization_id", "tcm").iter_rows())
        )
        fees = by_place.select("organization_id", "fee").iter_rows()
        yield Truth("outpatient_fee_yuan", {code: Decimal(fen) / 100 for code, fen in fees})

        yield _counted("admissions", [s for s in self.admitted if not s.cancelled])
        in_bed: Counter[str] = Counter()
        for stay in self.present:
            in_bed[stay.organization_id] += stay.bed_days_in(self.month)
        yield Truth("occupied_bed_days", in_bed)
        days: Counter[str] = Counter()
        for stay in self.discharged:
            days[stay.organization_id] += stay.discharge_days
        yield _counted("discharges", self.discharged)
        yield Truth("discharge_bed_days", days)
        pages = [s for s in self.discharged if s.organization_id in HOSPITALS]
        yield _counted("discharged_front_pages", pages)
        yield _counted("surgery_front_pages", [s for s in pages if s.operation is not None])


def _counted(measure: str, stays: Iterable[Encounter]) -> Truth:
    return Truth(measure, Counter(stay.organization_id for stay in stays))


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
        self._by_id = {m.staff_id: m for members in staff.values() for m in members}
        names = {place: [d.staff_id for d in own] for place, own in self._doctors.items()}
        self._outpatient = Outpatient(names, seed)

    def month(self, month: Month, people: pl.DataFrame) -> CareMonth:
        """The month's care of the people of `Scene.people`."""
        care = CareMonth(month)
        for stay in self._open:
            self._shorten_at_death(stay)
        for code in self._beds:
            care.admitted += self._admissions(code, month, people)
        care.admitted.sort(key=lambda e: (e.start, e.encounter_id))
        care.cancelled_stays = [e for e in care.admitted if e.cancelled]
        care.present = self._open + [e for e in care.admitted if not e.cancelled]
        last = month.last
        care.discharged = [e for e in care.present if e.end and e.end.date() <= last]
        care.discharged.sort(key=lambda e: (e.end, e.encounter_id))
        self._open = [e for e in care.present if not (e.end and e.end.date() <= last)]
        care.outpatient = self._outpatient.month(month, people, self._sequence + 1)
        self._sequence += len(care.outpatient)
        care.visits = self._hospital_visits(care.outpatient)
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

    def _admissions(self, code: str, month: Month, people: pl.DataFrame) -> list[Encounter]:
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
        patients = self._inpatients(code, month, people, len(moments))
        admitted = []
        for moment, person in zip(sorted(moments), patients, strict=True):
            bed, start = self._find_bed(beds, moment)
            if bed is None or start.date() > month.last or not person.alive_on(start):
                continue
            if person.in_hospital_until and start <= person.in_hospital_until:
                continue
            residual = month.index == 0 and start.day <= 2
            stay = self._stay(code, person, bed, start, month, residual=residual)
            if random.random() < rates["cancelled"] * 2:
                stay.cancelled = start + timedelta(hours=1, minutes=20)
                stay.end = stay.discharge_mode = None
            else:
                assert stay.end is not None
                bed.free_at = stay.end
                person.in_hospital_until = stay.end
            admitted.append(stay)
        return admitted

    def _inpatients(
        self, code: str, month: Month, people: pl.DataFrame, count: int
    ) -> list[Person]:
        """Who comes: older and chronic people more often; a centre's patients live in its town."""
        own = people.filter(pl.col("birth") <= month.first)
        if code not in HOSPITALS:
            own = own.filter(pl.col("township") == code)
        weights = np.cumsum(need(own, "admissions"))
        chosen = np.searchsorted(weights, self._numbers.random(count) * weights[-1], side="right")
        return [self._people[number - 1] for number in own["person"].to_numpy()[chosen]]

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
        self, code: str, person: Person, bed: Bed, start: datetime, month: Month, *, residual: bool
    ) -> Encounter:
        random, rates = self._random, parameters()["services"]
        mean = rate_of(rates["stay_days_mean"], code) or 0.0
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
        operated = random.random() < rates["surgery"].get(code, 0)
        age = person.age_on(start.date())
        diagnosis, _, operation = serious_illness(random, age, month, operated=operated)
        operation = operation if operated else None
        diagnoses = [diagnosis]
        if person.hypertension:
            diagnoses.append(HYPERTENSION)
        if person.diabetes:
            diagnoses.append(DIABETES)
        departments = departments_of(code)
        department = random.choice(
            [d for d in departments if code != COUNTY_HOSPITAL or d.code not in ("2001", "5001")]
        )
        per_day = rate_of(rates["stay_fee_per_day_yuan"], code) or 0.0
        fee = round(100 * per_day * (days + 1) * random.lognormvariate(0, 0.25))
        fee += 100 * rates["operation_fee_yuan"] if operation else 0
        drug_share = (rate_of(rates["stay_drug_share"], code) or 0.0) * random.uniform(0.75, 1.25)
        stay = Encounter(
            self._next_id(code, "Z", start.date()), code, person, INPATIENT, start, end,
            department, random.choice(self._doctors[code, department.name]),
            tuple(diagnoses), fee, round(fee * drug_share),
            BY_ID[code].is_tcm or department.is_tcm,
            bed.bed_id, bed.ward, mode, operation,
        )  # fmt: skip
        self._shorten_at_death(stay)
        return stay

    # outpatient care --------------------------------------------------------------------------

    def _hospital_visits(self, outpatient: pl.DataFrame) -> list[Encounter]:
        """Visits of the hospitals as events, which their messages and documents are made of."""
        rows = outpatient.filter(pl.col("organization_id").is_in(HOSPITALS))
        departments = {
            (code, d.code): d for code in HOSPITALS for d in departments_of(code)
        }  # fmt: skip
        return [
            Encounter(
                number, code, self._people[person - 1], patient_class, start, None,
                departments[code, department], self._by_id[staff], (Diagnosis(icd, name),), fee,
                drug_fee, is_tcm, cancelled=cancelled, updated=updated, late_fee=late_fee,
            )
            for (
                number, code, person, patient_class, start, department, staff, icd, name, fee,
                drug_fee, is_tcm, cancelled, updated, late_fee,
            ) in rows.select(
                "encounter_id", "organization_id", "person", "patient_class", "start",
                "department_code", "staff_id", "diagnosis_code", "diagnosis_name", "fee_fen",
                "drug_fee_fen", "is_tcm", "cancelled", "updated", "late_fee",
            ).iter_rows()
        ]  # fmt: skip
