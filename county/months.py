"""Months of the simulated period. No wall clock: the period starts at a fixed month."""

from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache

from county.parameters import parameters


@dataclass(frozen=True, slots=True)
class Month:
    """One calendar month of the period; `index` counts from 0."""

    index: int
    year: int
    number: int

    @property
    def first(self) -> date:
        return date(self.year, self.number, 1)

    @property
    def last(self) -> date:
        return date(self.year, self.number, monthrange(self.year, self.number)[1])

    @property
    def days(self) -> list[date]:
        return _days(self.year, self.number)

    @property
    def label(self) -> str:
        """`2026-01`, as periods are named everywhere."""
        return f"{self.year:04d}-{self.number:02d}"

    @property
    def compact(self) -> str:
        """`202601`, as file names carry it."""
        return f"{self.year:04d}{self.number:02d}"

    @property
    def quarter(self) -> str:
        return f"{self.year:04d}Q{(self.number + 2) // 3}"


@cache
def _days(year: int, number: int) -> list[date]:
    first = date(year, number, 1)
    return [first + timedelta(days=n) for n in range(monthrange(year, number)[1])]


def months_of(count: int) -> list[Month]:
    """The `count` months from the first month of the parameters on."""
    year, number = (int(part) for part in parameters()["first_month"].split("-"))
    found = []
    for index in range(count):
        ordinal = number - 1 + index
        found.append(Month(index, year + ordinal // 12, ordinal % 12 + 1))
    return found
