"""Who is registered as a chronic patient, where and since when, as the registers say it.

Belongs here: registrations, their ends, and which of them nobody has closed. Not here: follow-ups
of those registered (`illness.py`), how rows are written (`systems/exports.py`).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from random import Random

from county.illness import Chronic
from county.months import Month
from county.parameters import parameters
from county.people import Person

CODES = {"hypertension": "1", "diabetes": "2"}
"""Of the list of chronic diseases."""

_DIED, _MOVED = "1", "3"  # DE05.10.171.00


@dataclass(frozen=True, slots=True)
class Registration:
    """One patient on the register of one centre for one disease."""

    number: str
    disease: str
    organization_id: str
    staff_id: str
    person: Person
    registered: date
    closed: date | None = None
    reason: str | None = None


class ChronicRegister:
    """Follows the registers of hypertension and diabetes from month to month."""

    def __init__(self, chronic: Chronic, seed: int) -> None:
        self._chronic = chronic
        self._random = Random(f"{seed}/chronic_register")
        self._open: dict[tuple[str, int], Registration] = {}
        self._settled: set[tuple[str, int]] = set()
        self._forgotten: set[str] = set()

    def month(self, month: Month) -> list[Registration]:
        """What the registers say anew: patients entered, patients struck off."""
        said = []
        for disease, person, since in self._chronic.patients():
            place = (disease, person.number)
            if since > month.last or place in self._settled:
                continue
            standing = self._open.get(place)
            if not person.lives_here(month.last):
                self._settled.add(place)
                if standing and self._notices(standing):
                    day = person.died.date() if person.died else person.moved_out
                    said.append(replace(
                        standing, closed=day, reason=_DIED if person.died else _MOVED
                    ))  # fmt: skip
                continue
            centre = self._chronic.centre_of(person, month)
            if standing and standing.organization_id == centre:
                continue
            if standing and self._notices(standing):
                said.append(replace(standing, closed=month.first, reason=_MOVED))
            entered = month.first if standing else since
            self._open[place] = self._registration(disease, person, centre, entered)
            said.append(self._open[place])
        return said

    def members(self, day: date) -> Iterator[Registration]:
        """Everyone in management at the end of a day: registered, alive, living in the county."""
        for registration in self._open.values():
            if registration.person.lives_here(day):
                yield registration

    def _registration(self, disease: str, person: Person, centre: str, day: date) -> Registration:
        letters = "GXY" if disease == "hypertension" else "TNB"
        number = f"{letters}DJ{centre[6:]}{person.number:07d}"
        staff_id = self._chronic.doctor_of(person, centre)
        return Registration(number, disease, centre, staff_id, person, day)

    def _notices(self, registration: Registration) -> bool:
        """Not every centre strikes off who died or went away; the first time none does."""
        kind = registration.disease
        first = kind not in self._forgotten
        self._forgotten.add(kind)
        return not first and self._random.random() < parameters()["illness"]["struck_off"]
