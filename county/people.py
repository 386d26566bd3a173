"""What a person of the county is.

Belongs here: the record of one true person and ID numbers. Not here: making a population
(`population.py`) or how a member system knows a person (`identities.py`).
"""

from dataclasses import dataclass
from datetime import date, datetime

from county import names
from county.roles import COUNTY

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
    changed: date | None = None
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
        return f"JK{COUNTY}{self.number * 7919 % 99999989:08d}"

    @property
    def insurance_number(self) -> str | None:
        if self.insurance_type is None:
            return None
        return f"YB{COUNTY}{self.number * 6151 % 99999989:08d}"

    @property
    def house_number(self) -> str:
        return f"{self.community}{self.house}号"

    @property
    def address(self) -> str:
        return f"新疆维吾尔自治区云泉县{self.town}{self.house_number}"

    def age_on(self, day: date) -> int:
        before = (day.month, day.day) < (self.birth.month, self.birth.day)
        return day.year - self.birth.year - before

    def lives_here(self, day: date) -> bool:
        """Born, neither dead nor moved away on the day."""
        gone = self.moved_out is not None and self.moved_out <= day
        return self.birth <= day and self.died is None and not gone

    def alive_on(self, moment: datetime) -> bool:
        return self.died is None or moment <= self.died
