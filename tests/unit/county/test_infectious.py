"""The outbreak happens once, in one school, and every system sees its side of it."""

import polars as pl
import pytest
from numpy.random import default_rng

from county.domains.draws import drawn, lot
from county.domains.outbreak import rates
from county.domains.schools import school_days
from county.months import months_of
from tests.unit.county.built import Built

OUTBREAK_FEEDS = {
    "cdc__direct_report__cards",
    "cdc__direct_report__clusters",
    "cdc__direct_report__investigations",
    "cdc__multipoint__syndromes",
    "education_bureau__attendance__absences",
    "insurance_bureau__pharmacy__sales",
}


def planted(built: Built) -> pl.DataFrame:
    return built.key("faults").filter(pl.col("kind") == "outbreak")


def test_every_system_sees_its_side_of_the_outbreak(default: Built) -> None:
    assert set(planted(default)["feed"]) >= OUTBREAK_FEEDS


def test_the_outbreak_has_as_many_cards_as_syndromes_and_investigations(default: Built) -> None:
    rows = planted(default).group_by("feed").len()
    cards = dict(rows.iter_rows())
    assert cards["cdc__direct_report__cards"] == cards["cdc__multipoint__syndromes"]
    assert cards["cdc__direct_report__cards"] == cards["cdc__direct_report__investigations"]
    assert cards["cdc__direct_report__cards"] >= rates()["least_cases"]
    assert cards["cdc__direct_report__clusters"] == 3


def test_no_outbreak_before_its_month(small: Built) -> None:
    assert planted(small).is_empty()


def test_every_month_has_school_days() -> None:
    for month in months_of(12):
        assert school_days(month), month.label
        assert all(day.weekday() < 5 for day in school_days(month))


def test_a_lot_does_not_change_with_the_people_around() -> None:
    few = pl.DataFrame({"person": [3, 5]})
    many = pl.DataFrame({"person": [1, 2, 3, 4, 5]})
    assert list(lot(few, "salt", 7)) == [lot(many, "salt", 7)[2], lot(many, "salt", 7)[4]]
    assert list(lot(few, "salt", 7)) != list(lot(few, "other", 7))


@pytest.mark.parametrize("least", [0, 1, 5])
def test_drawn_gives_at_least_what_is_asked_and_never_the_impossible(least: int) -> None:
    frame = pl.DataFrame({"row": list(range(10))})
    chances = frame["row"].to_numpy() * 1e-9  # row 0 has no chance at all
    found = drawn(default_rng(1), frame, chances, least)
    assert len(found) == least
    assert 0 not in found["row"].to_list()
