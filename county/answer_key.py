"""True people, true measures and true indicator values, counted as things happen.

Belongs here: counting of the simulator's own events in plain Python. Not here, ever: the pipeline's
code. Definitions follow the indicator catalogue; rates are rolled up by summing both halves.
"""

from collections import Counter
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import polars as pl

from county.identities import Identities
from county.illness import FollowUp
from county.insurance import ORDINARY_INPATIENT, Settlement
from county.months import Month
from county.organizations import BY_ID, ORGANIZATIONS, Bed, subtree
from county.outbox import Outbox
from county.people import Person
from county.roles import COUNTY
from county.services import CareMonth

LATEST = "latest"
_EVERYWHERE = ("county", "consortium", "hospital", "township", "village")
_PRIMARY = ("township", "village")
_SOURCE_COLUMNS = ("person_key", "feed", "local_id", "name", "id_number")


@dataclass(frozen=True, slots=True)
class Definition:
    """Numerator, denominator, and the levels whose own rows count."""

    indicator_id: str
    numerator: str
    denominator: str
    levels: tuple[str, ...] = _EVERYWHERE


DEFINITIONS = (
    Definition("CM24-07", "primary_outpatient_visits", "outpatient_visits"),
    Definition("CM24-11", "insured_admissions_in_county", "insured_admissions", ("county",)),
    Definition("CM24-12", "tcm_outpatient_visits", "outpatient_visits"),
    Definition("SEC-01", "surgery_front_pages", "discharged_front_pages", ("hospital",)),
    Definition("SEC-13", "discharge_bed_days", "discharges", ("hospital",)),
    Definition("PRI-22", "occupied_bed_days", "open_bed_days", _PRIMARY),
    Definition("PRI-23", "discharge_bed_days", "discharges", _PRIMARY),
    Definition("BPH-14", "hypertension_standard", "hypertension_managed"),
    Definition("BPH-15", "hypertension_controlled", "hypertension_managed"),
    Definition("BPH-17", "diabetes_standard", "diabetes_managed"),
    Definition("BPH-18", "diabetes_controlled", "diabetes_managed"),
    Definition("OPS-BED-01", "occupied_bed_days", "open_bed_days", ("hospital",)),
    Definition("OPS-FEE-01", "outpatient_fee_yuan", "outpatient_visits_with_fee"),
)


@dataclass(slots=True)
class _Patient:
    """Follow-ups of one person and disease in the current year."""

    year: int
    first_month: int
    face_to_face: int = 0
    latest: tuple[date, str] | None = None
    organization_id: str = ""
    latest_measured: tuple[date, str] | None = None
    controlled: bool = False


@dataclass
class AnswerKey:
    """Accumulates the truth month by month. Fees are kept in fen until written."""

    measures: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    _months: list[Month] = field(default_factory=list)
    _patients: dict[tuple[str, int], _Patient] = field(default_factory=dict)
    _stays: dict[str, Counter[str]] = field(default_factory=dict)

    def month(
        self, care: CareMonth, beds: dict[str, list[Bed]], settlements: list[Settlement],
        visits: list[FollowUp],
    ) -> None:  # fmt: skip
        """Count one month's events."""
        self._months.append(care.month)
        label = care.month.label
        self._outpatient(care, label)
        self._inpatient(care, label)
        for code, members in beds.items():
            days = sum(bed.open_days(care.month) for bed in members)
            self.measures["open_bed_days", code, label] += days
        self._insurance(settlements, label)
        self._chronic(visits, care.month)

    def _outpatient(self, care: CareMonth, label: str) -> None:
        kept = care.outpatient.filter(pl.col("cancelled").is_null())
        has_fee = pl.col("fee_fen").is_not_null()
        for code, count, tcm, with_fee, fee in (
            kept.group_by("organization_id")
            .agg(
                pl.len(), pl.col("is_tcm").sum(), has_fee.sum().alias("n"), pl.col("fee_fen").sum()
            )
            .iter_rows()
        ):
            self.measures["outpatient_visits", code, label] += count
            if BY_ID[code].is_primary_care:
                self.measures["primary_outpatient_visits", code, label] += count
            self.measures["tcm_outpatient_visits", code, label] += tcm
            self.measures["outpatient_visits_with_fee", code, label] += with_fee
            self.measures["outpatient_fee_yuan", code, label] += fee

    def _inpatient(self, care: CareMonth, label: str) -> None:
        for stay in care.admitted:
            if not stay.cancelled:
                self.measures["admissions", stay.organization_id, label] += 1
        for stay in care.present:
            self.measures["occupied_bed_days", stay.organization_id, label] += stay.bed_days_in(
                care.month
            )
        for stay in care.discharged:
            code = stay.organization_id
            self.measures["discharges", code, label] += 1
            self.measures["discharge_bed_days", code, label] += stay.discharge_days
            if BY_ID[code].level == "hospital":
                self.measures["discharged_front_pages", code, label] += 1
                self.measures["surgery_front_pages", code, label] += stay.operation is not None

    def _insurance(self, settlements: list[Settlement], label: str) -> None:
        taken_back = {s.settlement_id for s in settlements if s.is_reversed}
        for row in settlements:
            counts = (
                row.service_class == ORDINARY_INPATIENT
                and row.person.insured_area == COUNTY
                and row.settlement_id not in taken_back
            )
            if counts:
                self.measures["insured_admissions", COUNTY, label] += 1
                if row.treatment_area == COUNTY:
                    self.measures["insured_admissions_in_county", COUNTY, label] += 1

    def _chronic(self, visits: list[FollowUp], month: Month) -> None:
        for visit in visits:
            key = (visit.disease, visit.person.number)
            state = self._patients.get(key)
            if state is None or state.year != month.year:
                state = self._patients[key] = _Patient(month.year, visit.day.month)
            place = (visit.day, visit.visit_id)
            if state.latest is None or place > state.latest:
                state.latest, state.organization_id = place, visit.organization_id
                state.controlled = _controlled(visit)
            state.face_to_face += visit.mode in ("1", "2")
        for (disease, _), state in self._patients.items():
            if state.year != month.year:
                continue
            where, label = state.organization_id, month.label
            self.measures[f"{disease}_managed", where, label] += 1
            # One visit, and one more for every three months since the first, four a year.
            due = min(4, 1 + (month.number - state.first_month) // 3)
            self.measures[f"{disease}_standard", where, label] += state.face_to_face >= due
            self.measures[f"{disease}_controlled", where, label] += state.controlled

    # output -----------------------------------------------------------------------------------

    def measure_frame(self, until: date) -> pl.DataFrame:
        """One row per measure, leaf organization and month over by then; fees in yuan."""
        over = {month.label for month in self._over(until)}
        rows = [
            (m, code, label, amount / 100 if m == "outpatient_fee_yuan" else float(amount))
            for (m, code, label), amount in sorted(self.measures.items())
            if amount and label in over
        ]
        schema = {
            "measure_id": pl.String, "organization_id": pl.String, "month": pl.String,
            "value": pl.Float64,
        }  # fmt: skip
        return pl.DataFrame(rows, schema=schema, orient="row")

    def indicator_frame(self, until: date) -> pl.DataFrame:
        """One row per indicator, organization it applies to (or rolls up to) and period of whole
        months over by then."""
        rows = []
        periods = _periods(self._over(until))
        for definition in DEFINITIONS:
            for organization in ORGANIZATIONS:
                code = organization.organization_id
                below = [c for c in subtree(code) if BY_ID[c].level in definition.levels]
                if organization.level == "bureau" or not below:
                    continue
                rolled_up = organization.level in ("county", "consortium")
                if organization.level not in definition.levels and not rolled_up:
                    continue
                for period, months in periods:
                    values = [
                        self._total(measure, below, months)
                        for measure in (definition.numerator, definition.denominator)
                    ]
                    rows.append((definition.indicator_id, code, period, *values))
        schema = {
            "indicator_id": pl.String, "organization_id": pl.String, "period": pl.String,
            "numerator": pl.Float64, "denominator": pl.Float64,
        }  # fmt: skip
        return pl.DataFrame(rows, schema=schema, orient="row")

    def _over(self, until: date) -> list[Month]:
        return [month for month in self._months if month.last <= until]

    def _total(self, measure: str, codes: list[str], months: list[Month]) -> float:
        if measure.startswith(("hypertension_", "diabetes_")):
            months = months[-1:]
        total = sum(self.measures[measure, c, m.label] for c in codes for m in months)
        return total / 100 if measure == "outpatient_fee_yuan" else float(total)


def _periods(over: list[Month]) -> list[tuple[str, list[Month]]]:
    periods: dict[str, list[Month]] = {}
    for month in over:
        for name in (month.label, month.quarter, str(month.year)):
            periods.setdefault(name, []).append(month)
    return list(periods.items())


def _controlled(visit: FollowUp) -> bool:
    """Thresholds of the national service standard, third edition."""
    if visit.disease == "diabetes":
        return visit.glucose is not None and visit.glucose < 7.0
    if visit.systolic is None or visit.diastolic is None:
        return False
    limit = 150 if visit.person.age_on(visit.day) >= 65 else 140
    return visit.systolic < limit and visit.diastolic < 90


def write_people(
    folder: Path, people: list[Person], identities: Identities, births: list[tuple[str, Person]]
) -> None:
    """`persons`, `person_sources` and `pii`.

    Args:
        births: (certificate number, newborn) of the birth register.
    """
    pl.DataFrame(
        {
            "person_key": [p.key for p in people],
            "name": [p.name for p in people],
            "sex_code": [p.sex for p in people],
            "birth_date": [p.birth for p in people],
            "id_number": [p.id_number for p in people],
            "health_card_number": [p.health_card for p in people],
            "insurance_number": [p.insurance_number for p in people],
            "phone": [p.phone for p in people],
            "address": [p.address for p in people],
            "organization_id": [p.organization_id for p in people],
            "died_at": pl.Series([p.died for p in people], dtype=pl.Datetime("us")),
            "moved_out_date": pl.Series([p.moved_out for p in people], dtype=pl.Date),
        }
    ).write_parquet(folder / "persons.parquet")
    keys = pl.Series([p.key for p in people])
    birth_feed = "health_commission__registry__births"
    parts = [
        pl.DataFrame(
            [(child.key, birth_feed, number, child.name, None) for number, child in births],
            schema=dict.fromkeys(_SOURCE_COLUMNS, pl.String), orient="row",
        )
    ]  # fmt: skip
    for feed, rows in identities.sent():
        parts.append(
            rows.select(
                keys.gather(rows["person"] - 1).alias("person_key"), pl.lit(feed).alias("feed"),
                "local_id", "name", "id_number",
            )
        )  # fmt: skip
    sources = pl.concat(parts)
    sources.write_parquet(folder / "person_sources.parquet")
    truth: dict[str, list[str] | list[str | None]] = {
        "name": [p.name for p in people],
        "id_number": [p.id_number for p in people],
        "phone": [p.phone for p in people],
        "address": [p.address for p in people] + [p.house_number for p in people],
        "health_card": [p.health_card for p in people],
        "insurance_number": [p.insurance_number for p in people],
    }
    strings = [
        pl.DataFrame({"kind": [kind] * len(values), "value": values})
        for kind, values in truth.items()
    ]
    strings += [
        sources.select(pl.lit(kind).alias("kind"), pl.col(kind).alias("value"))
        for kind in ("name", "id_number")
    ]
    hidden = pl.concat(strings).drop_nulls().unique().sort("kind", "value")
    hidden.write_parquet(folder / "pii.parquet")


def write(folder: Path, key: AnswerKey, outbox: Outbox, until: date) -> dict[str, int]:
    """Write `measures`, `indicators`, `faults`, `ledger`; give each feed's accepted rows."""
    key.measure_frame(until).write_parquet(folder / "measures.parquet")
    key.indicator_frame(until).write_parquet(folder / "indicators.parquet")
    outbox.fault_frame().write_parquet(folder / "faults.parquet")
    ledger = outbox.ledger_frame()
    ledger.write_parquet(folder / "ledger.parquet")
    return dict(ledger.select("feed", "accepted").iter_rows())
