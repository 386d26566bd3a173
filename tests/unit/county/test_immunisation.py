"""What the vaccination domain must keep true, month by month."""

from datetime import date
from pathlib import Path

import polars as pl
import pytest
import yaml

from county.domains.public_health.immunisation import domain as immunisation
from county.scene import Document, Export, Scene
from tests.unit.county.domain_months import domain, said, scenes_of

RESIDENTS, MONTHS = 6000, 4
RATES = yaml.safe_load(Path(immunisation.__file__).with_name("rates.yml").read_text("utf-8"))
RATES["immune_defect"] = 0.02  # more than one in a small county
MESSAGES = "township_a__vaccination__messages"
Told = dict[str, list[Export | Document]]


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    return scenes_of(RESIDENTS, MONTHS)


@pytest.fixture(scope="module")
def told(scenes: list[Scene]) -> Told:
    """What each feed of the domain sends, month after month."""
    return said(scenes, [domain("immunisation", **RATES)])


def exports(told: Told, *feeds: str) -> list[Export]:
    return [p for feed in feeds for p in told[feed] if isinstance(p, Export)]


def together(told: Told, *feeds: str) -> pl.DataFrame:
    rows = [piece.rows for piece in exports(told, *feeds) if len(piece.rows)]
    return pl.concat(rows, how="diagonal_relaxed")


@pytest.fixture(scope="module")
def doses(told: Told, scenes: list[Scene]) -> pl.DataFrame:
    """Doses that come as tables, with the birth and sex of each person."""
    people = pl.concat([s.people.select("person", "birth", "sex") for s in scenes])
    rows = together(told, "cdc__immunisation__doses", "township_b__vaccination__doses")
    return rows.join(people.unique("person"), on="person", how="left")


def of(doses: pl.DataFrame, vaccine: str, number: int) -> pl.DataFrame:
    return doses.filter(pl.col("vaccine_code") == vaccine, pl.col("dose_number") == number)


def test_no_dose_comes_before_its_age_in_the_schedule_in_force(doses: pl.DataFrame) -> None:
    for entry in RATES["schedule"]:
        given = of(doses, entry["vaccine"], entry["dose"])
        least = min(
            e["months"]
            for e in RATES["schedule"]
            if (e["vaccine"], e["dose"]) == (entry["vaccine"], entry["dose"])
        )
        assert (given["vaccinated_date"] >= given["birth"].dt.offset_by(f"{least}mo")).all()
    this_year = doses.filter(pl.col("vaccinated_date") >= date(2026, 1, 1))
    young = of(this_year, "0402", 1)
    age = (young["vaccinated_date"] - young["birth"]).dt.total_days()
    assert age.min() is not None
    assert age.min() < 90  # type: ignore[operator]
    assert len(of(this_year, "0402", 5)) > 3
    assert this_year.filter(pl.col("vaccine_code") == "0601").is_empty()


def test_doses_of_a_series_follow_each_other_at_a_distance(doses: pl.DataFrame) -> None:
    for vaccine in ("0203", "0402", "1201", "1601"):
        own = doses.filter(pl.col("vaccine_code") == vaccine).sort("person", "dose_number")
        gap = pl.col("vaccinated_date").diff().over("person").dt.total_days()
        known = own.with_columns(gap.alias("gap")).drop_nulls("gap")
        assert len(known)
        assert (known["gap"] >= RATES["gap_days"]).all()


def test_only_girls_born_after_the_notice_get_hpv_vaccine(doses: pl.DataFrame) -> None:
    given = doses.filter(pl.col("vaccine_code") == "5501")
    assert len(given) > 1
    assert (given["sex"] == "2").all()
    assert (given["birth"] > date(2011, 11, 10)).all()
    assert (given["vaccinated_date"] >= date(2025, 11, 10)).all()


def test_a_recalled_lot_is_given_after_its_recall_only_where_planted(told: Told) -> None:
    lots = together(told, "cdc__immunisation__lots").filter(pl.col("recalled_date").is_not_null())
    assert lots["lot_id"].n_unique() == 1
    recalled = lots.row(0, named=True)
    planted = {
        fault.key
        for piece in exports(told, "cdc__immunisation__doses", "township_b__vaccination__doses")
        for fault in piece.planted
    }
    rows = together(told, "cdc__immunisation__doses", "township_b__vaccination__doses")
    after = rows.filter(
        pl.col("vaccine_code") == recalled["vaccine_code"],
        pl.col("lot_number") == recalled["lot_number"],
        pl.col("vaccinated_date") >= recalled["recalled_date"],
    )
    assert set(after["vaccination_id"]) == planted != set()


def test_every_dose_names_a_lot_that_is_known_and_not_expired(
    told: Told, doses: pl.DataFrame
) -> None:
    lots = together(told, "cdc__immunisation__lots").unique("lot_id")
    assert doses.join(lots, on=["vaccine_code", "lot_number"], how="anti").is_empty()
    assert (doses["vaccinated_date"] < doses["expires_date"]).all()


def test_stock_adds_up_and_goes_on_from_month_to_month(told: Told) -> None:
    for piece in exports(told, "cdc__immunisation__stocks"):
        rows = piece.rows
        out = rows["used_count"] + rows["wasted_count"] + rows["returned_count"]
        total = rows["opening_count"] + rows["received_count"] - out
        assert (rows["closing_count"] == total).all()
        assert rows.select(pl.min_horizontal("closing_count", "received_count").min()).item() >= 0
    first, second = (p.rows for p in exports(told, "cdc__immunisation__stocks")[:2])
    keys = ["organization_id", "vaccine_code", "lot_number"]
    joined = second.join(first, on=keys, how="left")
    assert (joined["opening_count"] == joined["closing_count_right"].fill_null(0)).all()


def test_messages_hold_the_doses_the_stock_of_their_clinic_lost(told: Told) -> None:
    stock = together(told, "cdc__immunisation__stocks")
    used = stock.filter(pl.col("organization_id") == "653999T01")["used_count"].sum()
    sent = [p for p in told[MESSAGES] if isinstance(p, Document)]
    fresh = sum(p.data.count(b"|00^") for p in sent if "_resent" not in p.file)
    assert int(used) > 50
    assert 0 <= fresh - int(used) <= int(used) // 20


def test_an_event_follows_its_dose(told: Told) -> None:
    events = together(told, "cdc__immunisation__adverse_events")
    assert (events["onset_at"].dt.date() >= events["vaccinated_date"]).all()
    assert (events["reported_date"] >= events["onset_at"].dt.date()).all()


def test_children_with_an_immune_defect_get_no_live_vaccine(
    told: Told, doses: pl.DataFrame
) -> None:
    found = together(told, "cdc__immunisation__contraindications").filter("is_permanent")
    live = [code for code, one in RATES["vaccines"].items() if one["live"]]
    given = doses.filter(pl.col("vaccine_code").is_in(live))
    assert len(found)
    assert given.join(found, on="person", how="semi").is_empty()


def test_every_refrigerator_is_read_twice_a_day_and_one_fails(
    told: Told, scenes: list[Scene]
) -> None:
    for piece, scene in zip(exports(told, "cdc__cold_chain__temperatures"), scenes, strict=True):
        counts = piece.rows.group_by("device_id").agg(pl.len().alias("count"))["count"]
        assert set(counts) == {2 * len(scene.month.days)}
        warm = piece.rows.filter(pl.col("temperature_celsius") > 8)
        assert len(warm)
        assert warm["is_alarm"].all()
