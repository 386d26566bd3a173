"""Diseases, their diagnoses, vital signs and chronic follow-up.

Belongs here: what people suffer from and what a follow-up measures. Not here: visits and stays
(`services.py`). Codes: ICD-10; modes: CV06.00.207; results: CV05.10.012.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

from county.months import Month
from county.organizations import TOWNSHIPS, township_of
from county.parameters import parameters
from county.people import Person
from county.roles import TOWNSHIP_A, TOWNSHIP_B


@dataclass(frozen=True, slots=True)
class Diagnosis:
    code: str
    name: str


HYPERTENSION = Diagnosis("I10.x00", "原发性高血压")
DIABETES = Diagnosis("E11.900", "2型糖尿病")
Weights = tuple[float, float, float]
"""Of a diagnosis among people of 0-14, of 15-59 and of 60 and more years: assumed."""
Serious = tuple[Diagnosis, Weights, tuple[str, str] | None]
COMMON: tuple[tuple[Diagnosis, Weights], ...] = (
    (Diagnosis("J06.900", "急性上呼吸道感染"), (22, 7, 5)),
    (Diagnosis("J20.900", "急性支气管炎"), (10, 4, 5)),
    (Diagnosis("K29.500", "慢性胃炎"), (1, 6, 4)),
    (Diagnosis("M54.500", "腰痛"), (0, 6, 6)),
    (Diagnosis("L30.900", "皮炎"), (4, 3, 2)),
    (Diagnosis("N39.000", "泌尿道感染"), (1, 2, 2)),
    (Diagnosis("K52.900", "胃肠炎"), (4, 3, 2)),
    (Diagnosis("H10.900", "结膜炎"), (2, 1, 1)),
    (Diagnosis("M17.900", "膝关节病"), (0, 2, 6)),
    (Diagnosis("J31.000", "慢性鼻炎"), (2, 2, 1)),
)
SERIOUS: tuple[Serious, ...] = (
    (Diagnosis("J18.900", "肺炎"), (30, 4, 6), None),
    (Diagnosis("I63.900", "脑梗死"), (0, 3, 8), None),
    (Diagnosis("I25.103", "冠状动脉粥样硬化性心脏病"), (0, 3, 8), None),
    (Diagnosis("J44.900", "慢性阻塞性肺病"), (0, 1, 5), None),
    (Diagnosis("K80.200", "胆囊结石"), (0, 3, 2), ("51.2300", "腹腔镜下胆囊切除术")),
    (Diagnosis("K35.800", "急性阑尾炎"), (4, 2.5, 1), ("47.0100", "腹腔镜下阑尾切除术")),
    (Diagnosis("S72.000", "股骨颈骨折"), (0.3, 0.7, 2), ("79.3500", "股骨骨折切开复位内固定术")),
    (Diagnosis("M51.202", "腰椎间盘突出"), (0, 5, 4), None),
    (Diagnosis("K40.900", "腹股沟疝"), (3, 1, 1), ("53.0000", "单侧腹股沟疝修补术")),
)
SEASONAL = ("J06", "J18", "J20", "J44")
"""Diagnoses that come and go with `respiratory_by_month`."""


def age_group(age: int) -> int:
    """Position in `Weights`."""
    return (age >= 15) + (age >= 60)


def season(month: Month) -> float:
    """How many respiratory infections the month has, against the mean of the year."""
    return float(parameters()["services"]["respiratory_by_month"][month.number - 1])


def serious_illness(random: Random, age: int, month: Month, *, operated: bool = False) -> Serious:
    """What brings a person of that age to hospital in the month."""
    choice = [entry for entry in SERIOUS if entry[2] or not operated]
    weights = [
        weights[age_group(age)] * (season(month) if diagnosis.code[:3] in SEASONAL else 1.0)
        for diagnosis, weights, _ in choice
    ]
    return random.choices(choice, weights)[0]


@dataclass(frozen=True, slots=True)
class FollowUp:
    """One follow-up visit of a chronic patient. Pressures mmHg, glucose mmol/L."""

    visit_id: str
    disease: str
    organization_id: str
    staff_id: str
    person: Person
    day: date
    mode: str
    systolic: int | None
    diastolic: int | None
    heart_rate: int | None
    weight: float
    height: float
    glucose: float | None
    hba1c_percent: float | None
    result: str
    next_day: date


def registered_since(disease: str, person: Person) -> date:
    """The day a patient was entered: some years ago, for some the first of a month of this year.
    Who moves, and who is the only patient of a centre, has long been on the register."""
    lot = (person.number * 2654435761 + len(disease)) % 1000
    if person.steady or lot >= parameters()["illness"]["registered_late"] * 1000:
        return date(2017 + lot % 9, 1 + lot % 12, 1 + lot % 28)
    first = int(parameters()["first_month"][:4])
    return date(first, 2 + lot % 11, 1)


class Chronic:
    """The registers of hypertension and diabetes, and their quarterly visits.

    Args:
        doctors: Staff numbers by township centre; a person has one doctor of the centre.
    """

    def __init__(self, people: list[Person], doctors: dict[str, list[str]], seed: int) -> None:
        self._random = Random(f"{seed}/illness")
        self._people = people
        self._doctors = doctors
        self._count = 0
        self._mover_month = 2
        self.registers: dict[str, list[tuple[Person, int, bool]]] = {}
        self.movers: list[Person] = []
        rates = parameters()["illness"]
        for disease in ("hypertension", "diabetes"):
            register = []
            for person in people:
                age = person.age_on(date(2026, 1, 1))
                if age < 35 or self._random.random() >= rates[disease][(age >= 50) + (age >= 65)]:
                    continue
                setattr(person, disease, True)
                if person.is_permanent and self._random.random() < rates["managed"]:
                    adherent = self._random.random() < rates["adherent"]
                    register.append((person, self._random.randrange(3), adherent))
            self.registers[disease] = register
            self._everywhere(disease, register)
        self._choose_movers()

    def _everywhere(self, disease: str, register: list[tuple[Person, int, bool]]) -> None:
        """Every centre manages one patient at least: its oldest resident, where it has none."""
        served = {township_of(person.organization_id) for person, _, _ in register}
        for centre in TOWNSHIPS:
            if centre in served:
                continue
            own = [
                p for p in self._people
                if p.is_permanent and township_of(p.organization_id) == centre
            ]  # fmt: skip
            oldest = min(own, key=lambda p: (p.birth, p.number))
            setattr(oldest, disease, True)
            register.append((oldest, 0, True))

    def _choose_movers(self) -> None:
        """A few patients change township; they keep clean identities so the truth is findable."""
        register = [entry[0] for entry in self.registers["hypertension"]]
        wanted = max(2, round(len(register) * parameters()["population"]["movers"]))
        for person in self._random.sample(register, min(wanted, len(register))):
            person.steady = True
            self.movers.append(person)

    def patients(self) -> Iterator[tuple[str, Person, date]]:
        """Disease, patient and day of registration of everyone who is ever on a register."""
        for disease, register in self.registers.items():
            for person, _, _ in register:
                yield disease, person, registered_since(disease, person)

    def doctor_of(self, person: Person, centre: str) -> str:
        """The doctor of the centre who looks after a patient."""
        own = self._doctors[centre]
        return own[person.number % len(own)]

    def centre_of(self, person: Person, month: Month) -> str:
        """The township centre that manages a patient in a month."""
        home = township_of(person.organization_id)
        if person.steady and month.index >= self._mover_month:
            return TOWNSHIP_B if home == TOWNSHIP_A else TOWNSHIP_A
        return home

    def month(self, month: Month) -> list[FollowUp]:
        """All follow-ups of the month, at least one per disease and centre."""
        found: list[FollowUp] = []
        chance = parameters()["illness"]["visit_when_not_adherent"]
        for disease, register in self.registers.items():
            served: dict[str, int] = {}
            idle: dict[str, Person] = {}
            for person, phase, adherent in register:
                centre = self.centre_of(person, month)
                if not person.lives_here(month.last):
                    continue
                if registered_since(disease, person) > month.first:
                    continue
                idle.setdefault(centre, person)
                if (month.number - 1) % 3 != phase and not person.steady:
                    continue
                if adherent or person.steady or self._random.random() < chance:
                    found.append(self.visit(person, disease, month))
                    served[centre] = served.get(centre, 0) + 1
            for centre, person in sorted(idle.items()):
                if not served.get(centre):
                    found.append(self.visit(person, disease, month))
        return sorted(found, key=lambda f: (f.day, f.visit_id))

    def visit(self, person: Person, disease: str, month: Month) -> FollowUp:
        """A visit on some day of the month, under a number of its own."""
        centre = self.centre_of(person, month)
        random, rates = self._random, parameters()["illness"]
        self._count += 1
        mode = random.choices(list(rates["visit_modes"]), list(rates["visit_modes"].values()))[0]
        day = random.choice(month.days)
        uncontrolled = random.random() < rates["uncontrolled"]
        systolic = round(random.gauss(152 if uncontrolled else 131, 8))
        diastolic = round(random.gauss(91 if uncontrolled else 79, 6))
        diastolic = min(diastolic, systolic - 20)
        missing = random.random() < rates["pressure_missing"]
        glucose = round(max(3.5, random.gauss(8.6 if uncontrolled else 6.2, 0.7)), 1)
        height = round(random.gauss(170 if person.sex == "1" else 159, 6), 1)
        return FollowUp(
            visit_id=f"{'GXY' if disease == 'hypertension' else 'TNB'}{month.compact}"
            f"{self._count:07d}",
            disease=disease,
            organization_id=centre,
            staff_id=self.doctor_of(person, centre),
            person=person,
            day=day,
            mode=mode,
            systolic=None if missing else systolic,
            diastolic=None if missing else diastolic,
            heart_rate=round(random.gauss(76, 8)),
            weight=round(random.gauss(70, 9), 1),
            height=height,
            glucose=None if missing and disease == "diabetes" else glucose,
            hba1c_percent=round(glucose * 0.7 + 2.2, 1) if random.random() < 0.5 else None,
            result="2" if uncontrolled else "1",
            next_day=day + timedelta(days=14 if uncontrolled else 90),
        )
