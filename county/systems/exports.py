"""Which rows each table feed sends in a month, as field values.

Belongs here: choice of rows and fields. Not here: headers and local codes (`layouts.yml`).
"""

from datetime import date, datetime, timedelta
from random import Random
from typing import Any

from county.illness import FollowUp
from county.insurance import Settlement
from county.laboratory import Examination
from county.organizations import BY_ID, ORGANIZATIONS, Bed, boundary_ring, township_of
from county.parameters import parameters
from county.people import Identities, Identity, Person
from county.services import CareMonth, Encounter, Staff
from county.systems.drugs import CHINESE, WESTERN, lines
from county.systems.rows import Values, money, person_values

Record = tuple[Values, Identity | None]
PersonRecord = tuple[Values, Identity]
VISITS = {
    "653999T01": "township_a__his__visits",
    "653999T02": "township_b__his__visits",
}
VILLAGES = "village_rooms__his__visits"


class Exports:
    """Builds the rows of every table feed."""

    def __init__(self, identities: Identities, seed: int) -> None:
        self._identities = identities
        self._random = Random(f"{seed}/exports")

    def _person(
        self, feed: str, person: Person, values: Values, local_id: str | None = None
    ) -> PersonRecord:
        identity = self._identities.of(person, feed, local_id)
        return person_values(person, identity) | values, identity

    # care -------------------------------------------------------------------------------------

    def township(self, code: str, care: CareMonth) -> list[Record]:
        """Visits, stays discharged, and stays still open at the month's end."""
        feed = VISITS[code]
        rows: list[tuple[datetime, Encounter, datetime | None]] = []
        for visit in care.visits:
            if visit.organization_id == code:
                rows.append((visit.start, visit, None))
        done = {id(stay) for stay in care.discharged}
        end_of_month = datetime.combine(care.month.last, datetime.max.time()).replace(microsecond=0)
        for stay in care.present:
            if stay.organization_id != code:
                continue
            if id(stay) in done and stay.end:
                rows.append((stay.end, stay, stay.end))
            elif stay.start.date() >= care.month.first:
                rows.append((end_of_month, stay, None))
        rows.sort(key=lambda r: (r[0], r[1].encounter_id))
        return [
            self._person(feed, e.person, _encounter_values(e, end) | {"recorded_at": recorded})
            for recorded, e, end in rows
        ]

    def villages(self, care: CareMonth) -> list[Record]:
        return [
            self._person(
                VILLAGES, e.person,
                _encounter_values(e, None)
                | {"organization_id": e.organization_id, "recorded_at": e.start},
            )
            for e in care.visits
            if BY_ID[e.organization_id].level == "village"
        ]  # fmt: skip

    def examinations(self, examinations: list[Examination]) -> list[Record]:
        feed = "county_hospital__ris__reports"
        return [
            self._person(
                feed, x.encounter.person,
                {"report_id": x.report_id, "encounter_id": x.encounter.encounter_id,
                 "modality": x.modality, "body_part": x.body_part, "examined": x.examined,
                 "reported": x.reported, "conclusion": x.conclusion},
            )
            for x in examinations
        ]  # fmt: skip

    def front_pages(self, care: CareMonth) -> list[PersonRecord]:
        feed = "tcm_hospital__his__front_pages"
        return [
            self._person(
                feed, e.person,
                {"encounter_id": e.encounter_id, "admitted": e.start, "discharged": e.end,
                 "stay_days": (e.end.date() - e.start.date()).days if e.end else None,
                 "department_name": e.department.name, "diagnosis_code": e.diagnoses[0].code,
                 "diagnosis_name": e.diagnoses[0].name,
                 "operation_code": e.operation[0] if e.operation else None,
                 "discharge_mode": e.discharge_mode, "fee": money(e.fee),
                 "drug_fee": money(e.drug_fee)},
            )
            for e in care.discharged
            if e.organization_id == "653999H02"
        ]  # fmt: skip

    def prescriptions(self, care: CareMonth) -> list[PersonRecord]:
        feed = "tcm_hospital__his__prescriptions"
        rate = parameters()["services"]["prescription_lines"]
        found = []
        for e in care.visits:
            if e.organization_id != "653999H02" or e.cancelled or self._random.random() >= rate:
                continue
            for n, line in enumerate(lines(self._random, CHINESE + WESTERN[:4]), 1):
                values: dict[str, Any] = {
                    "prescription_id": f"CF{e.encounter_id}", "encounter_id": e.encounter_id,
                    "line": n, "drug_code": line.drug.code, "drug_name": line.drug.name,
                    "specification": line.drug.specification,
                    "dose": f"{line.drug.dose}{line.drug.dose_unit}",
                    "frequency": f"每日{line.drug.per_day}次", "quantity": line.quantity,
                    "amount": money(line.amount), "is_tcm": line.drug.is_tcm,
                    "is_essential": line.drug.is_essential,
                    "is_antibacterial": line.drug.is_antibacterial,
                    "prescribed": e.start + timedelta(minutes=18), "staff_id": e.staff.staff_id,
                }  # fmt: skip
                found.append(self._person(feed, e.person, values))
        return found

    def settlements(self, rows: list[Settlement]) -> list[Record]:
        feed = "insurance_bureau__settlement__settlements"
        return [
            self._person(
                feed, s.person,
                {"settlement_id": s.settlement_id, "hospital_code": s.hospital_code,
                 "hospital_name": s.hospital_name, "service_class": s.service_class,
                 "treatment_area": s.treatment_area, "admitted": s.admitted,
                 "discharged": s.discharged, "settled": s.settled,
                 "diagnosis_code": s.diagnosis_code, "fee": money(s.fee), "fund": money(s.fund),
                 "is_reversed": s.is_reversed, "insurance_number": s.person.insurance_number},
            )
            for s in rows
        ]  # fmt: skip

    # public health ----------------------------------------------------------------------------

    def follow_ups(
        self, feed: str, visits: list[FollowUp], archive_ids: dict[int, str], doctors: list[Staff]
    ) -> list[Record]:
        return [
            self._person(
                feed, v.person,
                {"visit_id": v.visit_id, "day": v.day, "mode": v.mode, "systolic": v.systolic,
                 "diastolic": v.diastolic, "heart_rate": v.heart_rate, "weight": v.weight,
                 "height": v.height, "glucose": v.glucose, "hba1c_percent": v.hba1c_percent,
                 "result": v.result, "next_day": v.next_day,
                 "staff_id": doctors[v.person.number % len(doctors)].staff_id,
                 "archive_id": archive_ids[v.person.number]},
                archive_ids[v.person.number],
            )
            for v in visits
        ]  # fmt: skip

    def archives(
        self, feed: str, opened: list[tuple[Person, str, date, date | None]]
    ) -> list[Record]:
        """Health records as (person, archive number, opened, closed)."""
        return [
            self._person(
                feed, person,
                {"archive_id": number, "archived": day, "closed": closed,
                 "abo": "12345"[person.number * 31 % 5], "rh": "2" if person.number % 90 else "1",
                 "hypertension": person.hypertension, "diabetes": person.diabetes},
                number,
            )
            for person, number, day, closed in opened
        ]  # fmt: skip

    # commission -------------------------------------------------------------------------------

    @staticmethod
    def organizations() -> list[Record]:
        return [
            (
                {"organization_id": o.organization_id, "name": o.name, "level": o.level,
                 "parent": o.parent, "is_primary_care": o.is_primary_care, "is_tcm": o.is_tcm,
                 "ring": boundary_ring(o.organization_id), "valid_from": date(2020, 1, 1),
                 "valid_to": None},
                None,
            )
            for o in ORGANIZATIONS
        ]  # fmt: skip

    def staff(self, staff: dict[str, list[Staff]]) -> list[Record]:
        feed = "health_commission__registry__staff"
        return [
            self._person(
                feed, s.person,
                {"staff_id": s.staff_id, "organization_id": s.organization_id,
                 "category": s.category, "title": s.title or None, "department": s.department,
                 "employed": s.employed, "left": s.left},
                s.staff_id,
            )
            for members in staff.values()
            for s in members
        ]  # fmt: skip

    @staticmethod
    def beds(beds: dict[str, list[Bed]]) -> list[Record]:
        return [
            (
                {"bed_id": b.bed_id, "organization_id": b.organization_id, "ward": b.ward,
                 "opened": b.opened, "closed": b.closed},
                None,
            )
            for members in beds.values()
            for b in members
        ]  # fmt: skip

    def residents(self, people: list[Person], last_day: date) -> list[Record]:
        feed = "health_commission__registry__residents"
        return [
            self._person(
                feed, p,
                {"organization_id": p.organization_id, "household_id": p.household_id,
                 "relation": p.relation, "is_permanent": p.is_permanent,
                 "is_registered": p.is_registered, "ethnicity": p.ethnicity, "marital": p.marital,
                 "registered": p.registered, "moved_out": p.moved_out},
            )
            for p in people
            if p.registered <= last_day
        ]  # fmt: skip

    def births(self, born: list[tuple[Person, Person, datetime]]) -> list[Record]:
        """Certificates name the newborn, who has no ID number yet, and the mother's phone."""
        records: list[Record] = []
        for child, mother, moment in born:
            weight = round(self._random.gauss(3250, 380))
            values = {
                "certificate_id": f"CS{child.number:09d}",
                "organization_id": self._random.choice(("653999H01", "653999H01", "653999H02")),
                "moment": moment, "weeks": self._random.choice((37, 38, 39, 39, 40, 40, 41)),
                "weight": weight, "name": child.name, "sex": child.sex, "birth": child.birth,
                "phone": mother.phone, "address": mother.address,
            }  # fmt: skip
            records.append((values, None))
        return records

    def deaths(self, dead: list[Person]) -> list[Record]:
        feed = "health_commission__registry__deaths"
        return [
            self._person(
                feed, p,
                {"certificate_id": f"SW{p.number:09d}",
                 "organization_id": township_of(p.organization_id), "moment": p.died,
                 "cause": self._random.choice(("I63.900", "I21.900", "J44.900", "C34.900"))},
                f"SW{p.number:09d}",
            )
            for p in dead
        ]  # fmt: skip


def _encounter_values(e: Encounter, end: datetime | None) -> Values:
    discharged = e.patient_class != "3" or end is not None
    return {
        "encounter_id": e.encounter_id,
        "patient_class": e.patient_class,
        "started_at": e.start,
        "ended_at": end,
        "department_code": e.department.code,
        "department_name": e.department.name,
        "is_tcm": e.is_tcm,
        "bed_id": e.bed,
        "discharge_mode": e.discharge_mode if end else None,
        "total_fee": money(e.fee) if discharged else None,
        "drug_fee": money(e.drug_fee) if discharged else None,
        "staff_id": e.staff.staff_id,
    }
