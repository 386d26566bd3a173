"""Builds the month's `Scene`: frames of the objects that population and care are made of.

Belongs here: objects to frames, nothing drawn and nothing left out. Not here: what happened
(`services.py`, `population.py`) or what a domain makes of it (`domains/`).
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

import polars as pl

from county.identities import Identities
from county.insurance import Settlement
from county.laboratory import Examination, Report, examination_code
from county.months import Month
from county.movement import Changes
from county.organizations import BY_ID, ORGANIZATIONS, township_of
from county.people import Person
from county.scene import Scene
from county.services import CareMonth, Encounter, Staff


class Stage:
    """Keeps what does not change and adds what a month brought."""

    def __init__(
        self, seed: int, people: list[Person], staff: dict[str, list[Staff]], identities: Identities
    ) -> None:
        self._seed = seed
        self._people = people
        self._identities = identities
        self._organizations = organization_frame()
        self._staff = staff_frame(staff)
        self._everyone = person_frame(people)

    def people(self, month: Month, changed: list[Person]) -> pl.DataFrame:
        """Everyone who lives there at some time of the month and does not move out in it.

        Args:
            changed: Who died, married or moved out in the month.
        """
        known = len(self._everyone)
        self._everyone = pl.concat([self._everyone, person_frame(self._people[known:])])
        if changed:
            states = person_frame(changed).select("person", "died", "moved_out", "marital")
            self._everyone = self._everyone.update(states, on="person")
        return living(self._everyone, month)

    def scene(
        self, month: Month, people: pl.DataFrame, care: CareMonth,
        reports: list[Report], examinations: list[Examination], settlements: list[Settlement],
        born: list[tuple[Person, Person, datetime]], certificates: pl.DataFrame, changes: Changes,
    ) -> Scene:  # fmt: skip
        """The scene of a month whose births, deaths, changes and care have happened.

        Args:
            certificates: One row a child, as `Exports.births` makes them.
        """
        settled = {
            s.settlement_id: s.encounter_id
            for s in settlements
            if s.encounter_id and not s.is_reversed
        }
        return Scene(
            month=month,
            seed=self._seed,
            people=people,
            visits=care.outpatient.filter(pl.col("cancelled").is_null()).drop(
                "cancelled", "updated", "late_fee"
            ),
            stays=stay_frame(care.present, month),
            reports=report_frame([(r, r.panel_code, r.collected) for r in reports]),
            examinations=report_frame(
                [(x, examination_code(x.modality, x.body_part), x.examined) for x in examinations]
            ),
            settlements=pl.DataFrame(
                list(settled.items()),
                schema={"settlement_id": pl.String, "encounter_id": pl.String}, orient="row",
            ),
            births=pl.DataFrame(
                [(c.number, m.number, at, c.organization_id) for c, m, at in born],
                schema={"child": pl.Int64, "mother": pl.Int64, "born": pl.Datetime("us"),
                        "organization_id": pl.String}, orient="row",
            ).join(
                certificates.select(
                    "child", pl.col("certificate_id").alias("birth_certificate_id"),
                    pl.col("organization_id").alias("hospital_id"),
                    pl.col("weeks").cast(pl.Int64).alias("gestational_weeks"),
                    pl.col("weight").cast(pl.Int64).alias("birth_weight_g"),
                ), on="child", how="left", maintain_order="left",
            ),
            marriages=pl.DataFrame(
                [(husband.number, wife.number, day) for husband, wife, day in changes.marriages],
                schema={"husband": pl.Int64, "wife": pl.Int64, "day": pl.Date}, orient="row",
            ),
            moves=pl.DataFrame(
                [(m.person.number, m.inward, m.day, m.elsewhere) for m in changes.moves],
                schema={"person": pl.Int64, "inward": pl.Boolean, "day": pl.Date,
                        "elsewhere": pl.String}, orient="row",
            ),
            staff=self._staff,
            organizations=self._organizations,
            identify=self._identities.identify,
        )  # fmt: skip


def organization_frame() -> pl.DataFrame:
    names = ("organization_id", "name", "level", "parent", "is_primary_care", "is_tcm")
    return pl.DataFrame(
        {name: [getattr(o, name) for o in ORGANIZATIONS] for name in names},
        schema_overrides={"parent": pl.String},
    )


def person_frame(people: list[Person]) -> pl.DataFrame:
    """One row per person, without what depends on the month."""
    towns = {o.organization_id: _township(o.organization_id) for o in ORGANIZATIONS}
    names = (
        "sex", "birth", "died", "moved_out", "ethnicity", "organization_id", "household_id",
        "relation", "marital", "is_permanent", "is_registered", "insurance_type",
        "hypertension", "diabetes",
    )  # fmt: skip
    return pl.DataFrame(
        {
            "person": [p.number for p in people],
            **{name: [getattr(p, name) for p in people] for name in names},
            "township": [towns[p.organization_id] for p in people],
        },
        schema={
            "person": pl.Int64, **dict.fromkeys(names, pl.String), "township": pl.String,
            "birth": pl.Date, "died": pl.Datetime("us"), "moved_out": pl.Date,
            **dict.fromkeys(("is_permanent", "is_registered", "hypertension", "diabetes"),
                            pl.Boolean),
        },
    )  # fmt: skip


def living(everyone: pl.DataFrame, month: Month) -> pl.DataFrame:
    """Those who live there in the month, with their `age` on its first day."""
    first = pl.lit(month.first)
    birthday_passed = (pl.col("birth").dt.month() < first.dt.month()) | (
        (pl.col("birth").dt.month() == first.dt.month()) & (pl.col("birth").dt.day() <= 1)
    )
    age = first.dt.year() - pl.col("birth").dt.year() - (~birthday_passed).cast(pl.Int32)
    return everyone.filter(
        pl.col("birth") <= month.last,
        pl.col("died").is_null() | (pl.col("died").dt.date() >= month.first),
        pl.col("moved_out").is_null() | (pl.col("moved_out") > month.last),
    ).with_columns(age.clip(lower_bound=0).alias("age"))


def _township(organization_id: str) -> str | None:
    """The centre of a room or of itself; None for a hospital."""
    primary = BY_ID[organization_id].level in ("township", "village")
    return township_of(organization_id) if primary else None


def _care(encounters: Iterable[Encounter]) -> dict[str, list[object]]:
    all_of = list(encounters)
    return {
        "encounter_id": [e.encounter_id for e in all_of],
        "organization_id": [e.organization_id for e in all_of],
        "township": [_township(e.organization_id) for e in all_of],
        "person": [e.person.number for e in all_of],
        "patient_class": [e.patient_class for e in all_of],
        "start": [e.start for e in all_of],
        "department_code": [e.department.code for e in all_of],
        "department_name": [e.department.name for e in all_of],
        "staff_id": [e.staff.staff_id for e in all_of],
        "diagnosis_code": [e.diagnoses[0].code for e in all_of],
        "diagnosis_name": [e.diagnoses[0].name for e in all_of],
        "fee_fen": [e.fee for e in all_of],
        "drug_fee_fen": [e.drug_fee for e in all_of],
        "is_tcm": [e.is_tcm for e in all_of],
    }


_TYPES: dict[str, type[pl.DataType]] = {
    "encounter_id": pl.String, "organization_id": pl.String, "township": pl.String,
    "person": pl.Int64, "patient_class": pl.String, "department_code": pl.String,
    "department_name": pl.String, "staff_id": pl.String, "diagnosis_code": pl.String,
    "diagnosis_name": pl.String, "fee_fen": pl.Int64, "drug_fee_fen": pl.Int64,
    "is_tcm": pl.Boolean,
}  # fmt: skip


def stay_frame(present: list[Encounter], month: Month) -> pl.DataFrame:
    """One row per stay; `end` and what comes with it only when the month has seen it."""
    ends = [e.end if e.end and e.end.date() <= month.last else None for e in present]
    return pl.DataFrame(
        {
            **_care(present),
            "end": ends,
            "bed_id": [e.bed for e in present],
            "ward": [e.ward for e in present],
            "discharge_mode": [
                e.discharge_mode if end else None for e, end in zip(present, ends, strict=True)
            ],
            "operation_code": [e.operation[0] if e.operation else None for e in present],
            "operation_name": [e.operation[1] if e.operation else None for e in present],
        },
        schema_overrides={
            **_TYPES, "start": pl.Datetime("us"), "end": pl.Datetime("us"), "bed_id": pl.String,
            "ward": pl.String, "discharge_mode": pl.String, "operation_code": pl.String,
            "operation_name": pl.String,
        },
    )  # fmt: skip


def report_frame(found: Sequence[tuple[Report | Examination, str, datetime]]) -> pl.DataFrame:
    """One row per report, with the code of the service and when it was performed."""
    rows = [
        (
            one.report_id, one.request_id, one.encounter.encounter_id,
            one.encounter.organization_id, one.encounter.person.number, code, performed,
            one.reported,
        )
        for one, code, performed in found
    ]  # fmt: skip
    schema: dict[str, pl.DataType] = {
        **dict.fromkeys(
            ("report_id", "request_id", "encounter_id", "organization_id"), pl.String()
        ),
        "person": pl.Int64(),
        "service_code": pl.String(),
        **dict.fromkeys(("performed", "reported"), pl.Datetime("us")),
    }
    return pl.DataFrame(rows, schema=schema, orient="row")


def staff_frame(staff: dict[str, list[Staff]]) -> pl.DataFrame:
    members = [member for group in staff.values() for member in group]
    return pl.DataFrame(
        {
            "staff_id": [s.staff_id for s in members],
            "organization_id": [s.organization_id for s in members],
            "person": [s.person.number for s in members],
            "category": [s.category for s in members],
            "title": [s.title for s in members],
            "department_name": [s.department for s in members],
            "employed": [s.employed for s in members],
            "left": [s.left for s in members],
        },
        schema_overrides={"title": pl.String, "left": pl.Date},
    )
