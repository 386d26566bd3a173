"""Sums what everybody says is true, and writes the answer key: people, measures, indicators.

Belongs here: summing and writing. Not here: what a measure is, which whoever lets it happen says as
`Truth`; what an indicator is (`indicators.yml`). Not here, ever: the pipeline's code.
"""

from calendar import monthrange
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path

import polars as pl

from county.domains import indicator_files
from county.identities import Identities
from county.months import Month
from county.organizations import BY_ID, ORGANIZATIONS, subtree
from county.outbox import Outbox
from county.people import Person
from county.scene import Truth
from ingestion.yaml_file import read_yaml

_EVERYWHERE = ("county", "consortium", "hospital", "township", "village")
_SOURCE_COLUMNS = ("person_key", "feed", "local_id", "name", "id_number")


@dataclass(frozen=True, slots=True)
class Definition:
    """An indicator in words, its two measures, and the levels whose own amounts count.

    `also`: levels that count above and have no value of their own; `judged` as in the file.
    """

    indicator_id: str
    formula: str
    numerator: str
    denominator: str
    levels: tuple[str, ...] = _EVERYWHERE
    also: tuple[str, ...] = ()
    judged: str = "at any time"


def definitions(paths: Iterable[Path] | None = None) -> tuple[Definition, ...]:
    """The indicators of the given files; when none is given, the core's and those of the domains.

    Raises:
        ValueError: two files define one indicator.
    """
    found: dict[str, Definition] = {}
    for path in paths or (Path(__file__).with_name("indicators.yml"), *indicator_files()):
        for name, body in read_yaml(path).items():
            if name in found:
                raise ValueError(f"{path}: {name} is defined twice")
            levels = tuple(body.pop("levels", _EVERYWHERE))
            also = tuple(body.pop("also", ()))
            found[name] = Definition(name, levels=levels, also=also, **body)
    return tuple(found.values())


@dataclass
class AnswerKey:
    """Sums the truth month by month."""

    definitions: tuple[Definition, ...] = field(default_factory=definitions)
    measures: dict[tuple[str, str, str], int | Decimal] = field(default_factory=dict)
    """By measure, organization and month label; exact."""
    _months: list[Month] = field(default_factory=list)
    _stocks: set[str] = field(default_factory=set)

    def add(self, truths: Iterable[Truth], month: Month) -> None:
        """Add what happened in the month."""
        if month not in self._months:
            self._months.append(month)
        for truth in truths:
            if truth.is_stock:
                self._stocks.add(truth.measure)
            for code, amount in truth.amounts.items():
                key = (truth.measure, code, month.label)
                self.measures[key] = self.measures.get(key, 0) + amount

    # output -----------------------------------------------------------------------------------

    def measure_frame(self, until: date) -> pl.DataFrame:
        """One row per measure, leaf organization and month over by then."""
        over = {month.label for month in self._over(until)}
        rows = [
            (m, code, label, float(amount))
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
        months over by then: what it is, to which day it is known and whether the period goes on.

        Every system sends everything it should, so a value is right (`ok`) wherever there is
        something to divide by, and not to be had (`not_applicable`) elsewhere.
        """
        rows = []
        periods = _periods(self._over(until))
        for definition in self.definitions:
            for organization in ORGANIZATIONS:
                code = organization.organization_id
                counting = (*definition.levels, *definition.also)
                below = [c for c in subtree(code) if BY_ID[c].level in counting]
                if organization.level == "bureau" or not below:
                    continue
                rolled_up = organization.level in ("county", "consortium")
                if organization.level not in definition.levels and not rolled_up:
                    continue
                for period, months in periods:
                    if definition.judged == "when the year is over" and len(months) < 12:
                        continue
                    values = [
                        self._total(measure, below, months)
                        for measure in (definition.numerator, definition.denominator)
                    ]
                    known_to = months[-1].last
                    rows.append(
                        (
                            definition.indicator_id, code, period, *values,
                            "ok" if values[1] else "not_applicable",
                            known_to, known_to < _last_day(period),
                        )
                    )  # fmt: skip
        schema = {
            "indicator_id": pl.String, "organization_id": pl.String, "period": pl.String,
            "numerator": pl.Float64, "denominator": pl.Float64, "state": pl.String,
            "as_of": pl.Date, "is_to_date": pl.Boolean,
        }  # fmt: skip
        return pl.DataFrame(rows, schema=schema, orient="row")

    def _over(self, until: date) -> list[Month]:
        return [month for month in self._months if month.last <= until]

    def _total(self, measure: str, codes: list[str], months: list[Month]) -> float:
        counted = months[-1:] if measure in self._stocks else months
        places = [(measure, code, month.label) for code in codes for month in counted]
        return float(sum(self.measures.get(place, 0) for place in places))


def _periods(over: list[Month]) -> list[tuple[str, list[Month]]]:
    periods: dict[str, list[Month]] = {}
    for month in over:
        for name in (month.label, month.quarter, str(month.year)):
            periods.setdefault(name, []).append(month)
    return list(periods.items())


def _last_day(period: str) -> date:
    """The last day that a period (`2026-03`, `2026Q1`, `2026`) has in the calendar."""
    year, months = int(period[:4]), 3 if "Q" in period else 1
    number = months * int(period[5:]) if period[5:] else 12
    return date(year, number, monthrange(year, number)[1])


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
