"""People as real members know them: slips, borrowed numbers, twins, newborns, other spellings.

Belongs here: a population that is hard to tell apart, what five members write of it, and who is
who. Not here: illness and care (`services.py`), files of member systems (`systems/`). Rates:
`hard_persons.yml`. All people are invented.
"""

from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import polars as pl

from county import names
from county.people import check_digit
from ingestion.yaml_file import read_yaml

MEMBERS = ("county_hospital", "township", "insurance", "public_health", "mch_centre")
HOSPITAL, MCH = MEMBERS[0], MEMBERS[4]
TODAY = date(2026, 6, 30)
SCHEMA: dict[str, pl.DataType] = {
    "person": pl.Int64(), "member": pl.String(), "local_id": pl.String(),
    "person_name": pl.String(), "sex_code": pl.String(), "birth_date": pl.String(),
    "id_number": pl.String(), "health_card_number": pl.String(), "insurance_number": pl.String(),
    "phone": pl.String(), "address": pl.String(), "kind": pl.String(),
}  # fmt: skip
"""`person` is the truth; `kind` is `twin`, `newborn` (under the mother's name) or null."""
_PLACEHOLDERS = ("无", "0", "NULL", "不详", "-", "99999999", "000000")


@cache
def rates() -> dict[str, Any]:
    """Shares of rows or people, by what happens to them."""
    found: dict[str, Any] = read_yaml(Path(__file__).with_name("hard_persons.yml"))
    return found


@dataclass(frozen=True)
class Resident:
    """Who somebody is. `mother` is the number of the mother of a child born this year."""

    number: int
    name: str
    sex: str
    birth: date
    id_number: str
    health_card: str
    insurance: str
    phone: str
    address: str
    is_twin: bool = False
    mother: int | None = None


class HardPersons:
    """A population of households and what members write of it; same seed, same rows."""

    def __init__(self, residents: int, seed: int) -> None:
        self._random = Random(f"{seed}/hard_persons")
        self._sequence: dict[date, int] = {}
        self.people: list[Resident] = []
        households = 0
        while len(self.people) < residents:
            households += 1
            self._household(households)

    # who there is -----------------------------------------------------------------------------

    def _household(self, number: int) -> None:
        random, share = self._random, rates()
        ethnicity = random.choices(("01", "03", "05", "17"), weights=share["ethnicity"])[0]
        surname = names.family_part(random, ethnicity)
        if ethnicity == "01":
            surname = random.choices(names.SURNAMES, weights=_falling(len(names.SURNAMES)))[0]
        phone, address = self._phone(), f"云泉县第{number % 97}村{number}号"
        size = random.choices((1, 2, 3, 4, 5, 6), weights=share["household"])[0]
        head_age = random.randint(24, 78)
        home: list[Resident] = []
        for place in range(size):
            age = head_age + random.randint(-3, 3) if place < 2 else random.randint(1, 21)
            sex = ("1", "2")[place] if place < 2 else random.choice("12")
            family = surname if place != 1 else names.family_part(random, ethnicity)
            one = self._person(ethnicity, family, sex, self._birth(age), phone, address)
            while one.name in {other.name for other in home}:
                name = names.full_name(ethnicity, names.given_name(random, ethnicity, sex), family)
                self.people[one.number] = one = replace(one, name=name)
            home.append(one)
        grown = [one for one in home if one.sex == "2" and 20 <= _age(one) <= 42]
        if len(home) > 2 and random.random() < share["twins"]:
            self._twins(home[-1], ethnicity, surname)
        if grown and random.random() < share["newborn"]:
            taken = {other.name for other in self.people[home[0].number :]}
            self._newborns(grown[0], ethnicity, surname, taken)

    def _person(
        self, ethnicity: str, family: str, sex: str, birth: date, phone: str, address: str
    ) -> Resident:
        random, number = self._random, len(self.people)
        name = names.full_name(ethnicity, names.given_name(random, ethnicity, sex), family)
        own = phone if random.random() < rates()["household_phone"] else self._phone()
        found = Resident(
            number, name, sex, birth, self._id_number(birth, sex), f"JK6539{number:010d}",
            f"YB6539{number:010d}", own, address,
        )  # fmt: skip
        self.people.append(found)
        return found

    def _twins(self, one: Resident, ethnicity: str, surname: str) -> None:
        self.people[one.number] = one = replace(one, is_twin=True)
        other = self._person(ethnicity, surname, one.sex, one.birth, one.phone, one.address)
        while names.homophone(other.name) == one.name or other.name == one.name:
            name = names.full_name(
                ethnicity, names.given_name(self._random, ethnicity, one.sex), surname
            )
            other = replace(other, name=name)
        self.people[other.number] = replace(other, phone=one.phone, is_twin=True)

    def _newborns(self, mother: Resident, ethnicity: str, surname: str, taken: set[str]) -> None:
        """A child or two of this year; nobody in a house bears a brother's or sister's name."""
        random = self._random
        birth = TODAY - timedelta(days=random.randint(5, 170))
        twins = random.random() < rates()["newborn_twins"]
        sex = random.choice("12")
        for _ in range(2 if twins else 1):
            child = self._person(ethnicity, surname, sex, birth, mother.phone, mother.address)
            name = child.name
            while name in taken:
                name = names.full_name(ethnicity, names.given_name(random, ethnicity, sex), surname)
            taken.add(name)
            self.people[child.number] = replace(
                child, name=name, phone=mother.phone, mother=mother.number, is_twin=twins
            )

    def _birth(self, age: int) -> date:
        return TODAY - timedelta(days=age * 365 + self._random.randint(0, 364))

    def _phone(self) -> str:
        return f"1{self._random.randint(30, 99)}{self._random.randint(0, 99999999):08d}"

    def _id_number(self, birth: date, sex: str) -> str:
        turn = self._sequence.get(birth, 0)
        self._sequence[birth] = turn + 1
        order = (turn % 499) * 2 + (1 if sex == "1" else 2)
        county = 653201 + turn // 499
        first = f"{county}{birth:%Y%m%d}{order % 1000:03d}"
        return first + check_digit(first)

    # what is written --------------------------------------------------------------------------

    def rows(self) -> pl.DataFrame:
        """What all members write (`SCHEMA`); `birth_date` in ISO form."""
        rows: list[tuple[Any, ...]] = []
        for one in self.people:
            rows += self._written(one)
        return pl.DataFrame(rows, schema=SCHEMA, orient="row")

    def _written(self, one: Resident) -> list[tuple[Any, ...]]:
        random, share = self._random, rates()
        members = [m for m in MEMBERS[:4] if random.random() < share["known_to_member"]]
        found = []
        if one.mother is not None:
            members = [m for m in members if m != HOSPITAL and random.random() < 0.6]
            found.append(self._unnamed(one, HOSPITAL))
            if random.random() < 0.5:
                found.append(self._unnamed(one, MCH))
        elif not members:
            members = [random.choice(MEMBERS[:4])]
        return found + [self._row(one, member) for member in members]

    def _unnamed(self, child: Resident, member: str) -> tuple[Any, ...]:
        mother = self.people[child.mother or 0]
        which = {"1": "子", "2": "女"}[child.sex]
        name = f"{mother.name}之{which}"
        if child.is_twin and self._random.random() < 0.5:
            first = self.people[child.number - 1].mother is None
            name = f"{mother.name}之{'大' if first else '小'}{which}"
        local = f"{MEMBERS.index(member)}N{child.number:07d}"
        return (
            child.number, member, local, name, child.sex, child.birth.isoformat(), None, None, None,
            mother.phone, child.address, "newborn",
        )  # fmt: skip

    def _row(self, one: Resident, member: str) -> tuple[Any, ...]:
        random, share = self._random, rates()
        hit = random.random
        shows_card, shows_insurance = hit() < share["card"], hit() < share["insurance"]
        card = one.health_card if shows_card else None
        insurance = one.insurance if shows_insurance else None
        if hit() < share["placeholder"]:
            insurance = random.choice(_PLACEHOLDERS)
        if hit() < share["family_card"] and one.number:
            card = self.people[one.number - 1].health_card
        phone: str | None = self._phone() if hit() < share["other_phone"] else one.phone
        phone = None if hit() < share["no_phone"] else phone
        address: str | None = one.address
        if hit() < share["other_address"]:
            address = f"云泉县第{random.randint(0, 96)}村{random.randint(1, 99999)}号"
        address = None if hit() < share["no_address"] else address
        local = f"{MEMBERS.index(member)}A{one.number:07d}"
        kind = "twin" if one.is_twin else None
        return (
            one.number, member, local, self._name(one.name), one.sex, self._day(one.birth),
            self._number(one), card, insurance, phone, address, kind,
        )  # fmt: skip

    def _name(self, name: str) -> str:
        return names.variant(name, self._random.random(), rates()["names"])[1]

    def _day(self, birth: date) -> str | None:
        draw, share = self._random.random(), rates()["birth"]
        if draw < share["missing"]:
            return None
        draw -= share["missing"]
        if draw < share["swapped"] and birth.day <= 12:
            return date(birth.year, birth.day, birth.month).isoformat()
        draw -= share["swapped"]
        if 0 <= draw < share["other_year"]:
            return (birth - timedelta(days=365)).isoformat()
        return birth.isoformat()

    def _number(self, one: Resident) -> str | None:
        random, share = self._random, rates()["id_number"]
        draw = random.random()
        for kind, rate in share.items():
            if draw < rate:
                return self._wrong(one, kind)
            draw -= rate
        return one.id_number

    def _wrong(self, one: Resident, kind: str) -> str | None:
        random, right = self._random, one.id_number
        at = random.randint(6, 16)
        match kind:
            case "missing":
                return None
            case "placeholder":
                return random.choice(_PLACEHOLDERS)
            case "one_digit":
                other = str((int(right[at]) + random.randint(1, 9)) % 10)
                return right[:at] + other + right[at + 1 :]
            case "two_turned":
                at = min(at, 15)
                return right[:at] + right[at + 1] + right[at] + right[at + 2 :]
            case "old" if one.birth.year < 1985:
                return right[:6] + right[8:17]
            case "of_another" if one.number:
                return self.people[one.number - 1].id_number
        return right


def _falling(count: int) -> list[float]:
    """Weights of surnames, the first ones most frequent."""
    return [1 / (place + 2) for place in range(count)]


def _age(one: Resident) -> int:
    return (TODAY - one.birth).days // 365
