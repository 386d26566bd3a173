"""What a person of the county is, and how a member system knows them.

Belongs here: the record of one true person, ID numbers, and the identity a feed sends (with its
planted variants). Not here: making a population (`population.py`).
"""

from dataclasses import dataclass
from datetime import date, datetime
from zlib import crc32

from county import names
from county.parameters import parameters

_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECK = "10X98765432"


def check_digit(first_17: str) -> str:
    """The last character of an 18-digit ID number. Source: GB 11643-1999, ISO 7064 MOD 11-2."""
    return _CHECK[sum(int(d) * w for d, w in zip(first_17, _WEIGHTS, strict=True)) % 11]


def is_valid_id_number(number: str) -> bool:
    return len(number) == 18 and number[:17].isdigit() and check_digit(number[:17]) == number[17]


@dataclass(slots=True)
class Person:
    """One true person. Sex by GB/T 2261.1, ethnicity by GB/T 3304, relation by GB/T 4761."""

    number: int
    given: str
    family: str
    sex: str
    birth: date
    ethnicity: str
    id_number: str
    organization_id: str
    town: str
    community: str
    house: int
    household_id: str
    relation: str
    marital: str
    phone: str
    insurance_type: str | None
    insured_area: str
    is_permanent: bool = True
    is_registered: bool = True
    registered: date = date(2020, 1, 1)
    died: datetime | None = None
    moved_out: date | None = None
    hypertension: bool = False
    diabetes: bool = False
    steady: bool = False
    in_hospital_until: datetime | None = None

    @property
    def key(self) -> str:
        return f"P{self.number:07d}"

    @property
    def name(self) -> str:
        return names.full_name(self.ethnicity, self.given, self.family)

    @property
    def health_card(self) -> str:
        return f"JK653999{self.number * 7919 % 99999989:08d}"

    @property
    def insurance_number(self) -> str | None:
        if self.insurance_type is None:
            return None
        return f"YB653999{self.number * 6151 % 99999989:08d}"

    @property
    def house_number(self) -> str:
        return f"{self.community}{self.house}号"

    @property
    def address(self) -> str:
        return f"新疆维吾尔自治区云泉县{self.town}{self.house_number}"

    def age_on(self, day: date) -> int:
        before = (day.month, day.day) < (self.birth.month, self.birth.day)
        return day.year - self.birth.year - before

    def alive_on(self, moment: datetime) -> bool:
        return self.died is None or moment <= self.died


@dataclass(frozen=True, slots=True)
class Identity:
    """A person as one feed sends them. `faults` names what was planted."""

    local_id: str
    name: str
    id_number: str | None
    health_card: str | None
    insurance_number: str | None
    phone: str
    address: str
    faults: tuple[str, ...] = ()


_LOCAL_PREFIX = {
    "county_hospital": "A", "tcm_hospital": "B", "township_a": "TA", "township_b": "TB",
    "village_rooms": "VR", "insurance_bureau": "YB", "health_commission": "RK",
}  # fmt: skip
_CLEAN_FEEDS = ("health_commission__registry__staff",)


class Identities:
    """Gives every feed its view of a person, the same one each time.

    The draw depends on seed, feed and person alone, so it does not matter when it is asked for.
    A person whose ID number is missing or wrong at a feed always has a health card and, when
    insured, an insurance number there: the truth stays findable.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._seen: dict[tuple[str, int], Identity] = {}

    def of(self, person: Person, feed: str, local_id: str | None = None) -> Identity:
        """The identity a feed sends; `local_id` where the number is not the member's own."""
        found = self._seen.get((feed, person.number))
        if found is None:
            found = self._draw(person, feed, local_id)
            self._seen[feed, person.number] = found
        return found

    def items(self) -> list[tuple[str, int, Identity]]:
        """Every (feed, person number, identity) asked for so far, in a stable order."""
        return [(feed, number, i) for (feed, number), i in sorted(self._seen.items())]

    def _uniform(self, person: Person, feed: str, what: str) -> float:
        return crc32(f"{self._seed}/{feed}/{person.number}/{what}".encode()) / 2**32

    def _draw(self, person: Person, feed: str, local_id: str | None) -> Identity:
        rates = parameters()["faults"]
        member = feed.split("__")[0]
        own = f"{_LOCAL_PREFIX[member]}{person.number * 7873 % 9999991:07d}"
        name, faults = person.name, []
        id_number: str | None = person.id_number
        if not (person.steady or feed in _CLEAN_FEEDS):
            draw = self._uniform(person, feed, "id")
            if draw < rates["missing_id"]:
                id_number = None
                faults.append("missing_id_number")
            elif draw < rates["missing_id"] + rates["invalid_id"]:
                wrong = "0" if person.id_number[-1] != "0" else "1"
                id_number = person.id_number[:-1] + wrong
                faults.append("invalid_id_number")
            draw = self._uniform(person, feed, "name")
            if names.INTERPUNCT in name:
                if draw < rates["interpunct_variant"]:
                    name = names.other_dot(name, int(draw * 1e6))
                    faults.append("name_variant")
            elif draw < rates["name_variant"] and names.mistyped(name) != name:
                name = names.mistyped(name)
                faults.append("name_variant")
        odd_id = id_number != person.id_number
        shows_card = odd_id or self._uniform(person, feed, "card") < 0.8
        shows_insurance = odd_id or self._uniform(person, feed, "insurance") < 0.7
        return Identity(
            local_id or own,
            name,
            id_number,
            person.health_card if shows_card else None,
            person.insurance_number if shows_insurance else None,
            person.phone,
            person.address,
            tuple(faults),
        )
