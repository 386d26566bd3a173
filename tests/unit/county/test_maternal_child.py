"""What the maternal, child and women's health domains must keep true, month by month."""

from datetime import timedelta

import polars as pl
import pytest

from county.scene import Scene
from tests.unit.county.domain_months import Told, scenes_of, tables

OWN = ("maternal", "women_health")
RESIDENTS, MONTHS = 6000, 4
CLOUD = "mch_centre__maternal_cloud__"
SENDERS = (CLOUD, "township_a__public_health__", "township_b__public_health__")


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    return scenes_of(RESIDENTS, MONTHS)


@pytest.fixture(scope="module")
def told(scenes: list[Scene]) -> Told:
    """What each feed of these domains sends, month after month."""
    return tables(scenes, *OWN)


def together(told: Told, *feeds: str) -> pl.DataFrame:
    pieces = [piece.rows for feed in feeds for piece in told.get(feed, []) if len(piece.rows)]
    return pl.concat(pieces, how="diagonal_relaxed")


def everywhere(told: Told, subject: str) -> pl.DataFrame:
    return together(told, *(f"{sender}{subject}" for sender in SENDERS))


def planted(told: Told, feed: str) -> set[str]:
    return {fault.key for piece in told[feed] for fault in piece.planted}


def test_every_birth_has_a_delivery_and_a_pregnancy(told: Told, scenes: list[Scene]) -> None:
    births = pl.concat([scene.births for scene in scenes])
    deliveries = together(told, f"{CLOUD}deliveries")
    assert deliveries["fetus_count"].sum() == len(births)
    assert set(deliveries["person"]) == set(births["mother"])
    pregnancies = together(told, f"{CLOUD}pregnancies")
    live = pregnancies.filter(pl.col("outcome_code") == "1")
    assert deliveries.join(live, on=["pregnancy_id", "person"], how="anti").is_empty()


def test_delivery_weeks_are_those_of_the_certificate_unless_planted(
    told: Told, scenes: list[Scene]
) -> None:
    births = pl.concat([scene.births for scene in scenes])
    certificates = births.select(
        pl.col("birth_certificate_id").alias("first_birth_certificate_id"),
        pl.col("gestational_weeks").alias("certified"),
    )
    deliveries = together(told, f"{CLOUD}deliveries").join(
        certificates, on="first_birth_certificate_id"
    )
    other = deliveries.filter(pl.col("gestational_weeks") != pl.col("certified"))
    assert set(other["delivery_id"]) == planted(told, f"{CLOUD}deliveries") != set()


def test_a_pregnancy_keeps_its_dates_in_order(told: Told) -> None:
    pregnancies = together(told, f"{CLOUD}pregnancies")
    last = pregnancies.unique("pregnancy_id", keep="last", maintain_order=True)
    assert (pregnancies["last_menstrual_date"] < pregnancies["registered_date"]).all()
    ended = last.filter(pl.col("outcome_date").is_not_null())
    assert (ended["outcome_date"] > ended["registered_date"]).all()
    visits = everywhere(told, "antenatal_visits").join(
        last.select("pregnancy_id", "registered_date", "outcome_date"), on="pregnancy_id",
        how="left",
    )  # fmt: skip
    assert visits["registered_date"].null_count() == 0
    assert (visits["visited_date"] >= visits["registered_date"]).all()
    over = visits.filter(pl.col("outcome_date").is_not_null())
    assert (over["visited_date"] < over["outcome_date"]).all()


def test_pregnancies_also_go_on_beyond_the_period(told: Told) -> None:
    last = together(told, f"{CLOUD}pregnancies").unique("pregnancy_id", keep="last")
    going_on = last.filter(pl.col("outcome_code").is_null())
    assert len(going_on) > 3
    assert going_on["person"].is_unique().all()


def test_a_newborn_is_visited_after_its_birth_and_knows_its_mothers_booklet(told: Told) -> None:
    visits = everywhere(told, "newborn_visits")
    age = visits["visited_date"] - visits["born_date"]
    assert age.is_between(timedelta(days=5), timedelta(days=28)).all()
    deliveries = together(told, f"{CLOUD}deliveries")
    assert set(visits["pregnancy_id"]) <= set(deliveries["pregnancy_id"])


def test_whoever_screens_positive_is_recalled_unless_planted(told: Told) -> None:
    feed = "mch_centre__newborn_screening__results"
    lost = planted(told, feed)
    rows = together(told, feed)
    assert lost
    assert rows.filter(pl.col("screening_id").is_in(list(lost)))["recalled_date"].null_count() > 0
    again = rows.filter(pl.col("recalled_date").is_not_null())
    assert (again["recalled_date"] > again["reported_date"]).all()
    assert not set(again["screening_id"]) & lost
    assert again.filter(pl.col("result_code") == "1").is_empty()


def test_a_child_grows_and_is_seen_at_the_age_of_its_check(told: Told, scenes: list[Scene]) -> None:
    births = pl.concat([scene.people for scene in scenes]).unique("person")
    checks = everywhere(told, "child_checks").join(
        births.select("person", pl.col("birth").alias("born")), on="person"
    )
    days = (checks["checked_date"] - checks["born"]).dt.total_days()
    assert (days >= checks["check_month_age"] * 30 - 8).all()
    by_age = checks.group_by("check_month_age").agg(pl.col("height_cm", "weight_kg").mean())
    heights = by_age.sort("check_month_age")["height_cm"]
    assert len(heights) == 12
    assert heights.is_sorted()


def test_both_partners_are_examined_on_one_day(told: Told) -> None:
    couples = (
        together(told, "mch_centre__premarital__examinations")
        .filter(pl.col("examination_kind_code") == "1")
        .group_by("couple_number")
        .agg(pl.col("sex").n_unique().alias("sexes"), pl.col("examined_date").n_unique())
    )
    assert (couples["sexes"] == 2).all()
    assert (couples["examined_date"] == 1).all()
