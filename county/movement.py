"""Who marries, moves in and moves out each month.

Belongs here: changes of the living between birth and death. Not here: births and deaths
(`population.py`) or who registers the changes (`domains/civil_registers.py`).
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from random import Random

from county.months import Month
from county.parameters import parameters
from county.people import Person
from county.population import Population


@dataclass(frozen=True, slots=True)
class Move:
    """One person's move into the county or out of it. `elsewhere`: the other place (GB/T 2260)."""

    person: Person
    inward: bool
    day: date
    elsewhere: str


@dataclass(slots=True)
class Changes:
    """A month's marriages (husband, wife, day) and moves."""

    marriages: list[tuple[Person, Person, date]] = field(default_factory=list)
    moves: list[Move] = field(default_factory=list)

    @property
    def people(self) -> list[Person]:
        """Everyone who lived in the county before and is not as before."""
        married = [person for husband, wife, _ in self.marriages for person in (husband, wife)]
        return married + [move.person for move in self.moves if not move.inward]


class Movement:
    """Lets people marry and households move.

    Args:
        population: Grows by those who move in.
        rooted: Numbers of people who stay: staff.
        seed: Same seed, same changes.
    """

    def __init__(self, population: Population, rooted: Iterable[int], seed: int) -> None:
        self._random = Random(f"{seed}/movement")
        self._population = population
        self._rooted = frozenset(rooted)

    def month(self, month: Month) -> Changes:
        """At least one marriage and one move each way."""
        rates = parameters()["population"]
        changes = Changes()
        here = [p for p in self._population.people if p.lives_here(month.first)]
        self._marry(changes, here, month, self._count(rates["marriages_per_1000_year"], here))
        self._move_out(changes, here, month, self._count(rates["moving_out_per_1000_year"], here))
        self._move_in(changes, month, self._count(rates["moving_in_per_1000_year"], here))
        return changes

    def _count(self, per_1000_year: float, here: list[Person]) -> int:
        expected = len(here) * per_1000_year / 1000 / 12
        return max(1, round(self._random.gauss(expected, expected**0.5)))

    def _marry(self, changes: Changes, here: list[Person], month: Month, count: int) -> None:
        """Singles of about one age; offices are closed on Sundays."""
        single = [p for p in here if p.marital == "10" and 20 <= p.age_on(month.first) < 45]
        single = [p for p in single if p.sex == "2" or p.age_on(month.first) >= 22]
        self._random.shuffle(single)
        women = [p for p in single if p.sex == "2"]
        men = [p for p in single if p.sex == "1"]
        days = [day for day in month.days if day.weekday() != 6]
        for wife in women:
            if len(changes.marriages) == count:
                return
            fitting = [
                n
                for n, man in enumerate(men)
                if man.household_id != wife.household_id
                and -4 <= wife.birth.year - man.birth.year <= 10
            ]
            if not fitting:
                continue
            chosen = min(fitting, key=lambda n: men[n].ethnicity != wife.ethnicity)
            husband, day = men.pop(chosen), self._random.choice(days)
            for person in (husband, wife):
                person.marital, person.changed = "20", day
            changes.marriages.append((husband, wife, day))

    def _move_out(self, changes: Changes, here: list[Person], month: Month, count: int) -> None:
        """Whole households leave; from the first of the month on they use no care here."""
        households: dict[str, list[Person]] = {}
        for person in here:
            households.setdefault(person.household_id, []).append(person)
        keys = list(households)
        for _ in range(4 * count):
            members = households[self._random.choice(keys)]
            if any(self._stays(person, month) for person in members):
                continue
            day, elsewhere = self._random.choice(month.days), self._elsewhere()
            for person in members:
                person.moved_out = person.changed = day
                changes.moves.append(Move(person, False, day, elsewhere))
            if sum(not move.inward for move in changes.moves) >= count:
                return

    def _stays(self, person: Person, month: Month) -> bool:
        in_bed = person.in_hospital_until
        return (
            person.steady
            or person.number in self._rooted
            or person.moved_out is not None
            or (person.marital == "20" and person.changed is not None)
            or person.registered > month.first
            or (in_bed is not None and in_bed.date() >= month.first)
        )

    def _move_in(self, changes: Changes, month: Month, count: int) -> None:
        """Couples, some with a child, settle in the county."""
        random = self._random
        while sum(move.inward for move in changes.moves) < count:
            age = random.randrange(23, 46)
            members = [(age, "1", "02"), (max(20, age - random.randrange(-2, 5)), "2", "1")]
            if random.random() < 0.5:
                members.append((random.randrange(0, age - 19), random.choice("12"), "2"))
                if members[-1][1] == "2":
                    members[-1] = (members[-1][0], "2", "3")
            day, elsewhere = random.choice(month.days), self._elsewhere()
            for person in self._population.settle_newcomers(members, day):
                changes.moves.append(Move(person, True, day, elsewhere))

    def _elsewhere(self) -> str:
        return str(self._random.choice(parameters()["population"]["elsewhere"]))
