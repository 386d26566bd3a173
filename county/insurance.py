"""Settlements of the insurance bureau: stays in the county and beyond it, and reversals.

Belongs here: what the fund pays. Not here: the care itself (`services.py`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from random import Random

from county.illness import serious_illness
from county.months import Month
from county.organizations import BY_ID
from county.parameters import parameters
from county.people import Person
from county.roles import COUNTY
from county.scene import Truth
from county.services import CareMonth

ORDINARY_OUTPATIENT, INJURY = "11", "22"
BEYOND = (
    ("650199H01", "首府综合医院（虚构）", "650199"),
    ("650199H02", "首府肿瘤医院（虚构）", "650199"),
    ("653998H01", "邻县人民医院（虚构）", "653998"),
)


@dataclass(frozen=True, slots=True)
class Settlement:
    """One row of the bureau. Fees in fen. A reversal repeats the settlement's id.

    `stay` numbers the stay it pays for, whatever class it was settled in; None for a visit.
    `encounter_id` is of care in the county, in the first settlement of it.
    """

    settlement_id: str
    person: Person
    hospital_code: str
    hospital_name: str
    service_class: str
    treatment_area: str
    admitted: datetime
    discharged: datetime
    settled: datetime
    diagnosis_code: str
    fee: int
    fund: int
    stay: int | None
    is_reversed: bool = False
    encounter_id: str | None = None


def truths(settlements: list[Settlement]) -> Iterator[Truth]:
    """Stays of people insured here that were paid for and not taken back, in whatever class and
    however often, and those of them that were spent here.

    Args:
        settlements: The month's. A stay is settled, and taken back, within one month.
    """
    taken_back = {row.settlement_id for row in settlements if row.is_reversed}
    stands = {
        row.stay: row for row in settlements
        if row.stay is not None and row.person.insured_area == COUNTY
        and row.settlement_id not in taken_back
    }  # fmt: skip
    here = [row for row in stands.values() if row.treatment_area == COUNTY]
    yield Truth("insured_admissions", {COUNTY: len(stands)})
    yield Truth("insured_admissions_in_county", {COUNTY: len(here)})


class Fund:
    """Settles what a month brought; sequence numbers run through the whole period."""

    def __init__(self, people: list[Person], seed: int) -> None:
        self._random = Random(f"{seed}/insurance")
        self._people = people
        self._count = self._stays = 0

    def month(self, care: CareMonth) -> list[Settlement]:
        """Rows settled in the month, in order of time."""
        rows: list[Settlement] = []
        rate = parameters()["insurance"]["outpatient_settled"]
        for stay in care.discharged:
            if stay.person.insurance_type and stay.end and stay.fee is not None:
                organization = BY_ID[stay.organization_id]
                rows.append(
                    self._row(stay.person, organization.organization_id, organization.name,
                              self._class_here(stay.diagnoses[0].code), COUNTY, stay.start,
                              stay.end, stay.diagnoses[0].code, stay.fee, stay=self._next_stay(),
                              encounter_id=stay.encounter_id)
                )  # fmt: skip
        for visit in care.visits:
            if BY_ID[visit.organization_id].level != "hospital" or visit.cancelled:
                continue
            if visit.fee and visit.person.insurance_type and self._random.random() < rate:
                name = BY_ID[visit.organization_id].name
                rows.append(
                    self._row(visit.person, visit.organization_id, name, ORDINARY_OUTPATIENT,
                              COUNTY, visit.start, visit.start, visit.diagnoses[0].code,
                              visit.fee, encounter_id=visit.encounter_id)
                )  # fmt: skip
        rows += self._beyond(care.month)
        rows += self._again(rows)
        rows += self._reversals(rows, care.month)
        return sorted(rows, key=lambda r: (r.settled, r.settlement_id, r.is_reversed))

    def _beyond(self, month: Month) -> list[Settlement]:
        """Stays outside the county, at least one a month, discharged within the month."""
        random, rates = self._random, parameters()["insurance"]
        insured = [
            p for p in self._people
            if p.insurance_type and p.insured_area == COUNTY and p.birth < month.first
            and p.lives_here(month.last)
        ]  # fmt: skip
        expected = len(insured) * rates["out_of_county_stays_per_insured_year"] / 12
        rows = []
        for _ in range(max(1, round(random.gauss(expected, expected**0.5)))):
            person = random.choice(insured)
            code, name, area = random.choice(BEYOND)
            discharged = datetime.combine(random.choice(month.days), time(9, random.randrange(60)))
            admitted = discharged - timedelta(days=random.randrange(3, 18), hours=2)
            fee = round(1_450_000 * random.lognormvariate(0, 0.5))
            diagnosis = serious_illness(random, person.age_on(month.first), month)[0].code
            rows.append(
                self._row(person, code, name, self._drawn(rates["classes_beyond"]), area, admitted,
                          discharged, diagnosis, fee, stay=self._next_stay())
            )  # fmt: skip
        return rows

    def _class_here(self, diagnosis_code: str) -> str:
        """An injury has a class of its own."""
        if diagnosis_code[0] in "ST":
            return INJURY
        return self._drawn(parameters()["insurance"]["classes_here"])

    def _drawn(self, shares: dict[str, float]) -> str:
        return self._random.choices(list(shares), list(shares.values()))[0]

    def _next_stay(self) -> int:
        self._stays += 1
        return self._stays

    def _again(self, rows: list[Settlement]) -> list[Settlement]:
        """Some stays are paid for in two settlements, one stay at least."""
        rate = parameters()["insurance"]["settled_twice"]
        stays = [row for row in rows if row.stay is not None]
        return [
            self._row(row.person, row.hospital_code, row.hospital_name, row.service_class,
                      row.treatment_area, row.admitted, row.discharged, row.diagnosis_code,
                      row.fee // 20, stay=row.stay)
            for n, row in enumerate(stays) if n == 0 or self._random.random() < rate
        ]  # fmt: skip

    def _row(
        self, person: Person, code: str, name: str, service: str, area: str,
        admitted: datetime, discharged: datetime, diagnosis: str, fee: int,
        stay: int | None = None, encounter_id: str | None = None,
    ) -> Settlement:  # fmt: skip
        self._count += 1
        settled = discharged + timedelta(minutes=self._random.randrange(5, 120))
        share = 0.7 if area == COUNTY else 0.48
        return Settlement(
            f"JS{self._count:010d}", person, code, name, service, area, admitted, discharged,
            settled, diagnosis, fee, round(fee * share), stay, encounter_id=encounter_id,
        )  # fmt: skip

    def _reversals(self, rows: list[Settlement], month: Month) -> list[Settlement]:
        """Some inpatient settlements are taken back within the month, one at least."""
        rate = parameters()["insurance"]["reversed"]
        found = []
        inpatient = [r for r in rows if r.stay is not None and r.settled.date() < month.last]
        for n, row in enumerate(inpatient):
            if n == 0 or self._random.random() < rate:
                moment = datetime.combine(month.last, time(17, 30))
                found.append(
                    Settlement(
                        row.settlement_id, row.person, row.hospital_code, row.hospital_name,
                        row.service_class, row.treatment_area, row.admitted, row.discharged, moment,
                        row.diagnosis_code, -row.fee, -row.fund, row.stay, is_reversed=True,
                    )
                )  # fmt: skip
        return found
