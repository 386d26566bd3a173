"""People marry, come and go, and the county knows it from then on."""

from datetime import date

import pytest

from county.months import months_of
from county.movement import Changes, Movement
from county.organizations import settle
from county.population import Population
from county.stage import living, person_frame

MONTHS = months_of(6)


@pytest.fixture(scope="module")
def lived() -> tuple[Population, list[Changes], frozenset[int]]:
    """Half a year of 2,000 people, every tenth of them on some staff; nobody has fallen ill."""
    settle(0)
    population = Population(2_000, 5, date(2026, 1, 1))
    rooted = frozenset(p.number for p in population.people[::10])
    movement = Movement(population, rooted, 5)
    return population, [movement.month(month) for month in MONTHS], rooted


def test_singles_of_age_marry_once_on_a_working_day(
    lived: tuple[Population, list[Changes], frozenset[int]],
) -> None:
    couples = [couple for changes in lived[1] for couple in changes.marriages]
    assert len(couples) >= len(MONTHS)
    for husband, wife, day in couples:
        assert (husband.sex, wife.sex) == ("1", "2")
        assert husband.age_on(day) >= 22
        assert wife.age_on(day) >= 20
        assert (husband.marital, wife.marital) == ("20", "20")
        assert day.weekday() != 6
    married = [person.number for couple in couples for person in couple[:2]]
    assert len(set(married)) == len(married)


def test_households_leave_together_and_staff_stays(
    lived: tuple[Population, list[Changes], frozenset[int]],
) -> None:
    population, months, rooted = lived
    gone = {m.person.number for changes in months for m in changes.moves if not m.inward}
    assert gone
    assert not gone & rooted
    for person in population.people:
        if person.number in gone:
            together = [p for p in population.people if p.household_id == person.household_id]
            assert {p.moved_out for p in together} == {person.moved_out}


def test_newcomers_are_registered_on_the_day_they_come(
    lived: tuple[Population, list[Changes], frozenset[int]],
) -> None:
    for month, changes in zip(MONTHS, lived[1], strict=True):
        for move in changes.moves:
            if move.inward:
                assert move.person.registered == move.day
                assert month.first <= move.day <= month.last


def test_who_has_moved_out_is_not_among_the_living(
    lived: tuple[Population, list[Changes], frozenset[int]],
) -> None:
    everyone = person_frame(lived[0].people)
    for month, changes in zip(MONTHS, lived[1], strict=True):
        here = set(living(everyone, month)["person"])
        assert here
        assert not here & {m.person.number for m in changes.moves if not m.inward}
        assert {m.person.number for m in changes.moves if m.inward} <= here
