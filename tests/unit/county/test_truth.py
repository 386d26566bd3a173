"""A new measure is said where it happens; nothing central knows its name."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from county.answer_key import AnswerKey, definitions
from county.build import build_county
from county.months import months_of
from county.roles import COUNTY, TOWNSHIP_A, TOWNSHIP_B, room
from county.scene import Domain, Scene, Truth
from tests.unit.county.domain_months import domain, scenes_of

INDICATOR = """
XX-01:
  formula: births for each place that has any
  numerator: births_seen
  denominator: places_with_births
"""


class Midwives:
    """All a domain needs to bring a measure into the key."""

    def month(self, scene: Scene) -> Iterator[Truth]:
        yield Truth("births_seen", {COUNTY: len(scene.births)})


def test_a_domain_brings_a_measure_into_the_key(tmp_path: Path) -> None:
    build_county(300, 2, 7, tmp_path / "county", domains=[Midwives()])
    measures = pl.read_parquet(tmp_path / "county" / "answer_key" / "measures.parquet")
    births = pl.read_parquet(tmp_path / "county" / "answer_key" / "persons.parquet")
    seen = measures.filter(pl.col("measure_id") == "births_seen")["value"].sum()
    assert seen == births.filter(pl.col("birth_date").dt.year() == 2026).height > 0


def key_of(folder: Path, indicators: str) -> AnswerKey:
    (folder / "indicators.yml").write_text(indicators, "utf-8")
    return AnswerKey(definitions([folder / "indicators.yml"]))


def total(key: AnswerKey, organization: str, period: str) -> tuple[float, float]:
    frame = key.indicator_frame(months_of(12)[-1].last)
    row = frame.row(
        by_predicate=(pl.col("organization_id") == organization) & (pl.col("period") == period),
        named=True,
    )
    return row["numerator"], row["denominator"]


def test_an_indicator_of_it_is_one_entry(tmp_path: Path) -> None:
    key = key_of(tmp_path, INDICATOR)
    for month, births in zip(months_of(2), (3, 4), strict=True):
        key.add([Truth("births_seen", {TOWNSHIP_A: births, room(5): 1})], month)
        key.add([Truth("births_seen", {TOWNSHIP_A: 1})], month)
        key.add([Truth("places_with_births", {TOWNSHIP_A: 1, room(5): 1}, is_stock=True)], month)
    assert total(key, TOWNSHIP_A, "2026-01") == (4, 1)
    assert total(key, TOWNSHIP_A, "2026Q1") == (9, 1)
    assert total(key, TOWNSHIP_B, "2026Q1") == (2, 1)
    assert total(key, COUNTY, "2026") == (11, 2)


def test_amounts_are_summed_exactly() -> None:
    key = AnswerKey()
    january = months_of(1)[0]
    for _ in range(3):
        key.add([Truth("fees_yuan", {COUNTY: Decimal("0.10")})], january)
    assert key.measures["fees_yuan", COUNTY, "2026-01"] == Decimal("0.30")


def test_an_indicator_is_defined_once(tmp_path: Path) -> None:
    path = tmp_path / "indicators.yml"
    path.write_text(INDICATOR, "utf-8")
    with pytest.raises(ValueError, match="XX-01 is defined twice"):
        definitions([path, path])


def test_every_measure_of_an_indicator_is_said_by_somebody(tmp_path: Path) -> None:
    build_county(300, 1, 7, tmp_path / "county", domains=[])
    measures = pl.read_parquet(tmp_path / "county" / "answer_key" / "measures.parquet")
    soon = [d for d in definitions() if d.judged == "at any time"]
    wanted = {m for d in soon for m in (d.numerator, d.denominator)}
    assert wanted <= set(measures["measure_id"])


class Telling:
    """A domain that also says a truth."""

    def __init__(self, inner: Domain) -> None:
        self._inner = inner

    def month(self, scene: Scene) -> Iterator[object]:
        yield Truth("referrals_made", {COUNTY: 1})
        yield from self._inner.month(scene)


def test_a_domain_that_replays_another_does_not_mind_what_that_one_says() -> None:
    scenes = scenes_of(300, 1)
    plain, told = domain("process_flow"), domain("process_flow")
    told._referral = Telling(told._referral)
    (before,), (after,) = ([*speaker.month(scenes[0])] for speaker in (plain, told))
    assert before.rows.equals(after.rows)
