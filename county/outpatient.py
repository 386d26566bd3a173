"""Outpatient and emergency visits of a month, drawn for everyone at once.

Belongs here: who visits where, when, with what. Not here: inpatient care (`services.py`), what a
member system writes about a visit (`systems/`).
"""

from datetime import date

import numpy as np
import numpy.typing as npt
import polars as pl

from county.illness import COMMON, DIABETES, HYPERTENSION, SEASONAL, season
from county.months import Month
from county.organizations import HOSPITALS, ORGANIZATIONS, departments_of, rate_of
from county.parameters import parameters

OUTPATIENT, EMERGENCY = "1", "2"
_EMERGENCY_DEPARTMENT = "2001"
_CARE_LEVELS = ("hospital", "township", "village")
_SEASONAL = np.array([diagnosis.code[:3] in SEASONAL for diagnosis, _ in COMMON])
Whole = npt.NDArray[np.int64]
Real = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


class Outpatient:
    """Draws the visits; the tables of places, departments and doctors do not change.

    Args:
        doctors: Staff numbers by organization and department name.
        seed: Same seed, same visits.
    """

    def __init__(self, doctors: dict[tuple[str, str], list[str]], seed: int) -> None:
        self._seed = seed
        self._places = [o for o in ORGANIZATIONS if o.level in _CARE_LEVELS]
        self._index = {o.organization_id: n for n, o in enumerate(self._places)}
        levels = [o.level for o in self._places]
        rates = parameters()["services"]
        self._is_hospital = np.array([level == "hospital" for level in levels])
        self._is_tcm = np.array([o.is_tcm for o in self._places])
        self._tcm_share = np.array([rates["tcm_share"][level] for level in levels])
        self._drug_share = np.array([rates["drug_share"][level] for level in levels])
        self._fee_mean = np.array(
            [rate_of(rates["fee_mean_yuan"], o.organization_id) for o in self._places]
        )
        self._departments = [departments_of(o.organization_id) for o in self._places]
        self._widest = max(len(choice) for choice in self._departments)
        self._choices = self._department_table()
        self._staff: list[str] = []
        self._first_doctor = np.zeros((len(self._places), self._widest), dtype=np.int64)
        self._doctor_count = np.ones_like(self._first_doctor)
        for n, place in enumerate(self._places):
            for d, department in enumerate(self._departments[n]):
                own = doctors[place.organization_id, department.name]
                self._first_doctor[n, d] = len(self._staff)
                self._doctor_count[n, d] = len(own)
                self._staff += own

    def _department_table(self) -> dict[tuple[bool, bool], list[list[int]]]:
        """Departments by (emergency, TCM) and place."""
        table: dict[tuple[bool, bool], list[list[int]]] = {}
        for emergency in (False, True):
            for tcm in (False, True):
                rows = []
                for departments in self._departments:
                    numbers = range(len(departments))
                    fitting = [d for d in numbers if departments[d].is_tcm == tcm] or list(numbers)
                    urgent = [d for d in numbers if departments[d].code == _EMERGENCY_DEPARTMENT]
                    calm = [d for d in fitting if d not in urgent] or fitting
                    rows.append((urgent or fitting) if emergency else calm)
                table[emergency, tcm] = rows
        return table

    def month(self, month: Month, people: pl.DataFrame, first_sequence: int) -> pl.DataFrame:
        """One row per visit, in order of start: the columns of `Scene.visits`, and `cancelled`
        (moment or null), `updated`, `late_fee`.

        Args:
            people: `Scene.people` of the month.
            first_sequence: Number of the first visit of the month.
        """
        random, rates = (
            np.random.default_rng([self._seed, 2, month.index]),
            parameters()["services"],
        )
        who = self._who(month, people, random)
        starts = _moments(month, len(who), random)
        died = people["died"].to_numpy()[who]
        present = np.isnat(died) | (starts <= died)
        who, starts = who[present], starts[present]
        order = np.argsort(starts, kind="stable")
        who, starts = who[order], starts[order]
        count = len(who)
        place = self._where(people, who, random)
        hospital = self._is_hospital[place]
        emergency = hospital & (random.random(count) < rates["emergency"])
        tcm = random.random(count) < self._tcm_share[place]
        department = self._department(place, emergency, tcm, random.random(count))
        staff = self._first_doctor[place, department] + (
            random.random(count) * self._doctor_count[place, department]
        ).astype(np.int64)
        diagnosis = _diagnoses(people, who, month, random)
        fee = np.round(100 * self._fee_mean[place] * random.lognormal(-0.18, 0.6, count))
        known = random.random(count) >= rates["fee_missing"]
        drug_fee = np.round(fee * self._drug_share[place] * random.uniform(0.6, 1.4, count))
        draw = random.random(count)
        cancelled = hospital & (draw < rates["cancelled"])
        updated = hospital & ~cancelled & (random.random(count) < rates["updated"])
        frame = pl.DataFrame(
            {
                "place": place,
                "department": place * self._widest + department,
                "person": people["person"].to_numpy()[who],
                "patient_class": np.where(emergency, EMERGENCY, OUTPATIENT),
                "start": starts,
                "diagnosis": diagnosis,
                "staff": staff,
                "fee_fen": fee.astype(np.int64),
                "drug_fee_fen": drug_fee.astype(np.int64),
                "known": known,
                "is_cancelled": cancelled,
                "updated": updated,
                "sequence": np.arange(first_sequence, first_sequence + count),
            }
        )
        return self._named(frame)

    def _named(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Numbers to ids, codes and names."""
        ids = pl.Series([o.organization_id for o in self._places])
        towns = pl.Series(
            [
                o.organization_id if o.level == "township" else o.parent
                if o.level == "village" else None
                for o in self._places
            ]
        )  # fmt: skip
        slots = [list(d) + [d[0]] * (self._widest - len(d)) for d in self._departments]
        departments = [department for row in slots for department in row]
        is_tcm = [d.is_tcm or bool(self._is_tcm[n]) for n, row in enumerate(slots) for d in row]
        known = [d for d, _ in COMMON] + [HYPERTENSION, DIABETES]

        def at(values: list[str] | pl.Series | list[bool], column: str) -> pl.Series:
            return pl.Series(values).gather(frame[column])

        return frame.select(
            pl.concat_str(
                at(ids.str.slice(6), "place"), pl.lit("M"), pl.col("start").dt.strftime("%y%m%d"),
                pl.col("sequence").cast(pl.String).str.zfill(7),
            ).alias("encounter_id"),
            at(ids, "place").alias("organization_id"),
            at(towns, "place").alias("township"),
            "person", "patient_class", "start",
            at([d.code for d in departments], "department").alias("department_code"),
            at([d.name for d in departments], "department").alias("department_name"),
            at(self._staff, "staff").alias("staff_id"),
            at([d.code for d in known], "diagnosis").alias("diagnosis_code"),
            at([d.name for d in known], "diagnosis").alias("diagnosis_name"),
            pl.when("known").then("fee_fen").alias("fee_fen"),
            pl.when("known").then("drug_fee_fen").alias("drug_fee_fen"),
            at(is_tcm, "department").alias("is_tcm"),
            pl.when("is_cancelled").then(pl.col("start") + pl.duration(minutes=25))
            .alias("cancelled"),
            "updated",
            (pl.col("updated") & pl.col("known")).alias("late_fee"),
        )  # fmt: skip

    def _who(self, month: Month, people: pl.DataFrame, random: np.random.Generator) -> Whole:
        """Row of `people` of each visit: older and chronic people come more often."""
        mean = parameters()["services"]["outpatient_visits_per_person_year"] / 12
        intensity = need(people, "visits")
        intensity *= np.where(people["is_permanent"].to_numpy(), 1.0, 0.1)
        intensity *= (people["birth"] <= pl.Series([month.first])).to_numpy()
        expected = intensity * (mean * len(people) / intensity.sum())
        respiratory = _weights(1.0)[:, _SEASONAL].sum(axis=1) / _weights(1.0).sum(axis=1)
        chronic = (people["hypertension"] | people["diabetes"]).to_numpy()
        others = 1 - chronic * parameters()["services"]["visit_for_chronic"]
        expected *= 1 + (season(month) - 1) * others * respiratory[_groups(people)]
        return np.repeat(np.arange(len(people)), random.poisson(expected))

    def _where(self, people: pl.DataFrame, who: Whole, random: np.random.Generator) -> Whole:
        """Own room, own centre or a hospital."""
        rates = parameters()["services"]
        home = people["organization_id"].replace_strict(self._index).to_numpy()[who]
        town = people["township"].replace_strict(self._index).to_numpy()[who]
        draw = random.random(len(who))
        bounds = np.cumsum([rates["places_town"], rates["places_village"]], axis=1)
        own_bounds = bounds[(home != town).astype(np.int64)]
        chosen = (draw[:, None] >= own_bounds[:, :3]).sum(axis=1)
        first, second = (self._index[code] for code in HOSPITALS)
        places: Whole = np.select(
            [chosen == 0, chosen == 1, chosen == 2], [home, town, np.int64(first)], np.int64(second)
        )
        return places

    def _department(self, place: Whole, emergency: Flags, tcm: Flags, draw: Real) -> Whole:
        found = np.zeros(len(place), dtype=np.int64)
        for (is_emergency, is_tcm), rows in self._choices.items():
            here = (emergency == is_emergency) & (tcm == is_tcm)
            counts = np.array([len(row) for row in rows])
            table = np.array([row + [row[0]] * (self._widest - len(row)) for row in rows])
            at = place[here]
            found[here] = table[at, (draw[here] * counts[at]).astype(np.int64)]
        return found


def _moments(month: Month, count: int, random: np.random.Generator) -> npt.NDArray[np.datetime64]:
    """Between 9 and 19 o'clock, less at weekends."""
    days = len(month.days)
    day = random.integers(0, days, count)
    weekday = (date(month.year, month.number, 1).weekday() + day) % 7
    again = (weekday >= 5) & (random.random(count) < 0.5)
    day = np.where(again, random.integers(0, days, count), day)
    seconds = random.integers(9 * 3600, 19 * 3600, count)
    first = np.datetime64(month.first.isoformat(), "us")
    return first + (day * 86_400 + seconds) * np.timedelta64(1_000_000, "us")


def need(people: pl.DataFrame, care: str) -> Real:
    """How often each needs the care (`visits`, `admissions`) against the others."""
    rates = parameters()["services"]
    ages = np.searchsorted(rates["first_ages"], people["age"].to_numpy(), side="right")
    chronic = people["hypertension"].cast(pl.Int8) + people["diabetes"].cast(pl.Int8)
    by_age = np.array(rates[f"{care}_by_age"])[ages]
    found: Real = by_age + rates[f"{care}_chronic"] * chronic.to_numpy()
    return found


def _groups(people: pl.DataFrame) -> Whole:
    """`illness.age_group` of everyone."""
    age = people["age"].to_numpy()
    return (age >= 15).astype(np.int64) + (age >= 60)


def _weights(factor: float) -> Real:
    """Of each diagnosis of COMMON by age group, with so many respiratory infections."""
    found = np.array([weights for _, weights in COMMON], dtype=float).T
    found[:, _SEASONAL] *= factor
    return found


def _diagnoses(
    people: pl.DataFrame, who: Whole, month: Month, random: np.random.Generator
) -> Whole:
    """Position in COMMON, or after it: hypertension, then diabetes."""
    shares = np.cumsum(_weights(season(month)), axis=1)
    own = (shares / shares[:, -1:])[_groups(people)[who]]
    found = (random.random(len(who))[:, None] >= own).sum(axis=1)
    pressure = people["hypertension"].to_numpy()[who]
    sugar = people["diabetes"].to_numpy()[who]
    chronic = (pressure | sugar) & (
        random.random(len(who)) < parameters()["services"]["visit_for_chronic"]
    )
    second = sugar & (~pressure | (random.random(len(who)) < 0.5))
    return np.where(chronic, len(COMMON) + second, found).astype(np.int64)
