"""Follow-ups that did not happen as written are in the answer key, and look like what they are."""

from datetime import date

import polars as pl
import pytest

from county.false_service import CLONED, DEAD, DIGITS, IN_HOSPITAL, WORKLOAD, FalseService
from county.illness import Chronic, FollowUp
from county.months import months_of
from county.organizations import TOWNSHIPS, make_beds
from county.people import Person
from county.population import Population
from county.scene import Planted
from county.services import Encounter, Services, doctors_of, make_staff
from county.stage import living, person_frame
from tests.unit.county.built import Built

KINDS = {DEAD, IN_HOSPITAL, CLONED, DIGITS, WORKLOAD}


class Year:
    """Six months of follow-ups of 2,000 residents with what is known about their patients."""

    def __init__(self) -> None:
        months = months_of(6)
        population = Population(2000, 11, months[0].first)
        people = population.people
        staff = make_staff(people, 2000, 11)
        chronic = Chronic(people, doctors_of(staff, TOWNSHIPS), 11)
        services = Services(people, make_beds(2000, months), staff, 11)
        false = FalseService(chronic, 11)
        self.visits: dict[str, FollowUp] = {}
        self.planted: list[Planted] = []
        self.stays: dict[str, Encounter] = {}
        for month in months:
            population.deaths(month)
            frame = living(person_frame(people), month)
            present = services.month(month, frame).present
            self.stays |= {stay.encounter_id: stay for stay in present}
            visits, planted = false.month(month, chronic.month(month), present)
            self.visits |= {visit.visit_id: visit for visit in visits}
            self.planted += planted

    def of(self, kind: str) -> list[FollowUp]:
        return [self.visits[p.key] for p in self.planted if p.kind == kind]

    def in_bed(self, person: Person, day: date) -> bool:
        return any(
            stay.person is person and stay.start.date() < day < stay.end.date()
            for stay in self.stays.values()
            if stay.end
        )


@pytest.fixture(scope="module")
def year() -> Year:
    return Year()


def _dead_on(visit: FollowUp) -> bool:
    died = visit.person.died
    return died is not None and visit.day > died.date()


def test_exactly_the_planted_follow_ups_are_of_the_dead(year: Year) -> None:
    found = {v.visit_id for v in year.visits.values() if _dead_on(v)}
    assert found
    assert found == {v.visit_id for v in year.of(DEAD)}


def test_exactly_the_planted_face_to_face_follow_ups_are_of_people_in_bed(year: Year) -> None:
    found = {
        v.visit_id for v in year.visits.values() if v.mode != "3" and year.in_bed(v.person, v.day)
    }
    assert found
    assert found == {v.visit_id for v in year.of(IN_HOSPITAL)}


def test_cloned_readings_equal_those_of_another_follow_up_of_the_doctor(year: Year) -> None:
    def readings(visit: FollowUp) -> tuple[object, ...]:
        return (
            visit.disease, visit.staff_id, visit.day.month, visit.systolic, visit.diastolic,
            visit.heart_rate, visit.weight, visit.glucose,
        )  # fmt: skip

    seen = [readings(visit) for visit in year.visits.values()]
    cloned = [readings(visit) for visit in year.of(CLONED)]
    assert cloned
    assert all(seen.count(each) > cloned.count(each) for each in cloned)


def test_one_centre_rounds_its_pressures(year: Year) -> None:
    centres = {visit.organization_id for visit in year.of(DIGITS)}
    assert len(centres) == 1
    shares = {}
    for inside in (True, False):
        pressures = [
            v.systolic
            for v in year.visits.values()
            if v.systolic is not None and (v.organization_id in centres) is inside
        ]
        shares[inside] = sum(p % 10 == 0 for p in pressures) / len(pressures)
    assert shares[True] > 0.7
    assert shares[False] < 0.2


def test_the_impossible_day_is_one_doctors(year: Year) -> None:
    days: dict[tuple[str, date], int] = {}
    for visit in year.of(WORKLOAD):
        assert visit.mode in ("1", "2")
        days[visit.staff_id, visit.day] = days.get((visit.staff_id, visit.day), 0) + 1
    assert max(days.values()) > 40


def test_the_answer_key_lists_every_kind_as_accepted(default: Built) -> None:
    faults = default.key("faults").filter(pl.col("kind").is_in(KINDS))
    assert set(faults["kind"]) == KINDS
    assert set(faults["outcome"]) == {"accepted"}
