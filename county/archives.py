"""Which health records a township centre keeps, and in which month it sends them.

Belongs here: who has a record, since when, and its number. Not here: how it is written
(`systems/exports.py`).
"""

from dataclasses import dataclass
from datetime import date

from county.illness import Chronic
from county.months import Month
from county.organizations import TOWNSHIPS, township_of
from county.parameters import parameters
from county.people import Person
from county.roles import COUNTY


@dataclass(frozen=True, slots=True)
class Archive:
    """One health record as sent by a centre."""

    person: Person
    number: str
    organization_id: str
    opened: date
    closed: date | None = None


def archive_number(centre: str, person: Person) -> str:
    """17 digits: county, township, village, serial."""
    block, serial = divmod(person.number, 100_000)
    return f"{COUNTY}{100 + int(centre[7:])}{block + 1:03d}{serial:05d}"


class Archives:
    """Records of the whole county: all old ones first, new ones later, movers when they move."""

    def __init__(self, people: list[Person], chronic: Chronic, seed: int) -> None:
        self._chronic = chronic
        self._plan: dict[str, dict[int, list[tuple[Person, date]]]] = {c: {} for c in TOWNSHIPS}
        rates = parameters()["archives"]
        managed = {p.number for register in chronic.registers.values() for p, _, _ in register}
        for person in people:
            draw = (person.number * 2654435761 + seed) % 2**32 / 2**32
            if draw >= rates["archived"] and person.number not in managed:
                continue
            late = int(draw / rates["late_per_month"]) + 1
            month = 0 if person.number in managed or late > 24 else late
            opened = date(2016 + person.number % 9, 1 + person.number % 12, 12)
            self._plan[township_of(person.organization_id)].setdefault(month, []).append(
                (person, max(opened, person.birth))
            )

    def month(self, centre: str, month: Month) -> list[Archive]:
        """Records a centre sends in the month, at least one."""
        found: list[Archive] = []
        for person, opened in self._plan[centre].get(month.index, []):
            day = opened if month.index == 0 else month.first
            found.append(self._archive(person, centre, max(day, person.birth)))
        for person in self._chronic.movers:
            if month.index == 2 and self._chronic.centre_of(person, month) == centre:
                found.append(self._archive(person, centre, month.first))
        if not found:
            known = self._plan[centre][0]
            person = known[month.index % len(known)][0]
            found.append(self._archive(person, centre, max(month.first, person.birth)))
        return found

    @staticmethod
    def _archive(person: Person, centre: str, opened: date) -> Archive:
        return Archive(person, archive_number(centre, person), centre, opened)
