"""Makes the people: households with shared addresses and phones, births and deaths.

Belongs here: who lives in the county and when. Not here: what they fall ill with (`illness.py`) or
which care they use (`services.py`).
"""

from collections import deque
from datetime import date, datetime, timedelta
from itertools import accumulate
from math import exp
from random import Random

import numpy as np

from county import names
from county.months import Month
from county.organizations import Home, homes
from county.parameters import parameters
from county.people import Person, check_digit
from county.roles import COUNTY


class Population:
    """All people by number, and the births and deaths of each month.

    Args:
        residents: People at the start of the period.
        seed: Same seed, same people.
        first_day: The first day of the period; ages are drawn for this day.
    """

    def __init__(self, residents: int, seed: int, first_day: date) -> None:
        self._random = Random(f"{seed}/population")
        self._first_day = first_day
        self._sequences: dict[tuple[date, str], int] = {}
        self._households = 0
        self._phones = 0
        self._gave_birth: dict[int, int] = {}
        self.people: list[Person] = []
        self._settle(residents, seed)

    def _settle(self, residents: int, seed: int) -> None:
        ages = self._ages(residents, seed)
        young = deque(age for age in ages if age < 22)
        elders = deque(age for age in ages if age >= 62)
        adults = [age for age in ages if 22 <= age < 62]
        per_home = len(young) / max(1, len(adults) / 1.75)
        places = homes()
        shares = list(accumulate(place.share for place in places))
        position = 0
        while position < len(adults) or young or elders:
            home = self._random.choices(places, cum_weights=shares)[0]
            members: list[tuple[int, str, str]] = []
            if position < len(adults):
                head = adults[position]
                position += 1
                couple = position < len(adults) and self._random.random() < 0.75
                sex = "1" if self._random.random() < (0.8 if couple else 0.6) else "2"
                members.append((head, sex, "02"))
                if couple:
                    members.append((adults[position], "2" if sex == "1" else "1", "1"))
                    position += 1
                for _ in range(int(self._random.expovariate(1 / max(per_home, 0.1)) + 0.5)):
                    child = self._child_for(young, head)
                    if child is not None:
                        child_sex = self._sex_of_child()
                        members.append((child, child_sex, "2" if child_sex == "1" else "3"))
                if elders and elders[0] - head > 17 and self._random.random() < 0.35:
                    members.append((elders.popleft(), self._random.choice("12"), "5"))
            elif elders:
                members.append((elders.popleft(), self._random.choice("12"), "02"))
                if elders and self._random.random() < 0.6:
                    other = "2" if members[0][1] == "1" else "1"
                    members.append((elders.popleft(), other, "1"))
            else:
                members.append((young.popleft(), self._sex_of_child(), "02"))
            self._move_in(members, home)

    def settle_newcomers(self, members: list[tuple[int, str, str]], day: date) -> list[Person]:
        """A household that moves in on the day: (age, sex, relation to the head) of each."""
        places = homes()
        home = self._random.choices(places, weights=[place.share for place in places])[0]
        known = len(self.people)
        self._move_in(members, home)
        newcomers = self.people[known:]
        for person in newcomers:
            person.registered, person.is_permanent = day, True
        return newcomers

    def _ages(self, residents: int, seed: int) -> list[int]:
        weights = np.array(parameters()["population"]["age_bands"], dtype=float)
        generator = np.random.default_rng([seed, 1])
        bands = generator.choice(len(weights), size=residents, p=weights / weights.sum())
        return [int(a) for a in bands * 5 + generator.integers(0, 5, size=residents)]

    def _sex_of_child(self) -> str:
        return "1" if self._random.random() < parameters()["population"]["boys"] else "2"

    @staticmethod
    def _child_for(young: deque[int], head: int) -> int | None:
        for _ in range(min(4, len(young))):
            age = young.popleft()
            if head - age >= 18:
                return age
            young.append(age)
        return None

    def _move_in(self, members: list[tuple[int, str, str]], home: Home) -> None:
        random, rates = self._random, parameters()["population"]
        self._households += 1
        ethnicity = random.choices(list(rates["ethnicity"]), list(rates["ethnicity"].values()))[0]
        family = names.family_part(random, ethnicity)
        phone = self._new_phone()
        has_couple = any(relation == "1" for _, _, relation in members)
        elsewhere = random.random() < rates["registered_elsewhere"]
        head_given = ""
        for age, sex, relation in members:
            given = names.given_name(random, ethnicity, sex)
            if relation == "02":
                head_given = given
            own_family = family
            if relation in ("2", "3") and ethnicity in ("05", "17"):
                own_family = head_given
            elif relation in ("1", "5"):
                own_family = names.family_part(random, ethnicity)
            person = self._add(
                given=given,
                family=own_family,
                sex=sex,
                birth=self._birth_date(age),
                ethnicity=ethnicity,
                home=home,
                relation=relation,
                phone=self._new_phone()
                if age >= 18 and relation != "02" and random.random() < rates["own_phone"]
                else phone,
                house=self._households,
            )
            person.is_registered = not elsewhere
            if person.is_registered and age >= 16:
                person.is_permanent = random.random() >= rates["away"]
            person.marital = _marital(age, relation, has_couple=has_couple)
            person.registered = date(2015 + person.number % 10, 1 + person.number % 12, 5)
            person.registered = max(person.registered, person.birth)

    def _birth_date(self, age: int) -> date:
        day = self._first_day - timedelta(days=int(age * 365.25 + self._random.randrange(1, 365)))
        return day

    def _new_phone(self) -> str:
        """Eleven digits from the unassigned prefix 100: nobody's number."""
        self._phones += 1
        return f"100{self._phones * 7727 % 99999989:08d}"

    def _id_number(self, birth: date, sex: str) -> str:
        used = self._sequences.get((birth, sex), 0)
        self._sequences[birth, sex] = used + 1
        sequence = (used * 2 + (1 if sex == "1" else 2)) % 1000
        first = f"{COUNTY}{birth:%Y%m%d}{sequence:03d}"
        return first + check_digit(first)

    def _add(
        self, *, given: str, family: str, sex: str, birth: date, ethnicity: str,
        home: Home, relation: str, phone: str, house: int,
    ) -> Person:  # fmt: skip
        random, rates = self._random, parameters()["insurance"]
        insurance_type = None
        if random.random() < rates["insured"]:
            insurance_type = "310" if random.random() < rates["employee_share"] else "390"
        person = Person(
            number=len(self.people) + 1,
            given=given,
            family=family,
            sex=sex,
            birth=birth,
            ethnicity=ethnicity,
            id_number=self._id_number(birth, sex),
            organization_id=home.organization,
            town=home.town,
            community=home.community,
            house=house,
            household_id=f"HH{house:07d}",
            relation=relation,
            marital="10",
            phone=phone,
            insurance_type=insurance_type,
            insured_area="650199" if random.random() < rates["insured_elsewhere"] else COUNTY,
        )
        self.people.append(person)
        return person

    def births(self, month: Month) -> list[tuple[Person, Person, datetime]]:
        """Newborns of the month as (child, mother, moment); at least one, twins in the first."""
        random, rates = self._random, parameters()["population"]
        expected = len(self.people) * rates["births_per_1000_year"] / 1000 / 12
        count = max(1, round(random.gauss(expected, expected**0.5)))
        born: list[tuple[Person, Person, datetime]] = []
        for n, mother in enumerate(self._mothers(month, count)):
            moment = datetime.combine(random.choice(month.days), datetime.min.time())
            moment += timedelta(minutes=random.randrange(24 * 60))
            twins = (month.index == 0 and n == 0) or random.random() < rates["twin_rate"]
            for order in range(2 if twins else 1):
                child = self._newborn(mother, moment.date())
                born.append((child, mother, moment + timedelta(minutes=12 * order)))
        return sorted(born, key=lambda b: (b[2], b[0].number))

    def _mothers(self, month: Month, count: int) -> list[Person]:
        """So many women, by age; who gave birth lately only where there are too few others."""
        rates = parameters()["population"]
        mean, spread = rates["mother_age"]["mean"], rates["mother_age"]["spread"]
        latest = month.index - rates["months_between_births"]
        turns = []
        for woman in self.people:
            age = woman.age_on(month.first)
            if woman.sex == "2" and 20 <= age <= 42 and woman.lives_here(month.first):
                rested = self._gave_birth.get(woman.number, latest) <= latest
                weight = exp(-(((age - mean) / spread) ** 2) / 2)
                turns.append((not rested, self._random.expovariate(weight), woman.number))
        mothers = [self.people[number - 1] for _, _, number in sorted(turns)[:count]]
        self._gave_birth.update((mother.number, month.index) for mother in mothers)
        return mothers

    def _newborn(self, mother: Person, day: date) -> Person:
        sex = self._sex_of_child()
        home = Home(mother.organization_id, mother.town, mother.community, 0.0)
        child = self._add(
            given=names.given_name(self._random, mother.ethnicity, sex),
            family=mother.family
            if mother.ethnicity in ("01", "03")
            else names.family_part(self._random, mother.ethnicity),
            sex=sex,
            birth=day,
            ethnicity=mother.ethnicity,
            home=home,
            relation="2" if sex == "1" else "3",
            phone=mother.phone,
            house=mother.house,
        )
        child.household_id = mother.household_id
        child.registered = day + timedelta(days=self._random.randrange(3, 25))
        return child

    def deaths(self, month: Month) -> list[Person]:
        """People who die in the month, mostly old, at least one; sets `died`."""
        rates = parameters()["population"]
        alive = [p for p in self.people if p.birth < month.first and p.lives_here(month.last)]
        expected = len(alive) * rates["deaths_per_1000_year"] / 1000 / 12
        count = max(1, round(self._random.gauss(expected, expected**0.5)))
        growth = rates["deaths_by_year_of_age"]
        weights = list(accumulate(growth ** p.age_on(month.first) for p in alive))
        dead: dict[int, Person] = {}
        while len(dead) < count:
            person = self._random.choices(alive, cum_weights=weights)[0]
            if person.number in dead or person.steady:
                continue
            moment = datetime.combine(self._random.choice(month.days), datetime.min.time())
            person.died = moment + timedelta(minutes=self._random.randrange(6 * 60, 24 * 60))
            dead[person.number] = person
        return sorted(dead.values(), key=lambda p: (p.died, p.number))


def _marital(age: int, relation: str, *, has_couple: bool) -> str:
    """GB/T 2261.2 by place in the household: single, married, widowed or divorced."""
    if relation in ("1", "02") and has_couple:
        return "20"
    if relation in ("2", "3") or age < 40:
        return "10"
    return "40" if age < 60 else "30"
