"""What family doctors, the chronic disease platform, devices and cards must keep true."""

from datetime import timedelta

import polars as pl
import pytest

from county.scene import Scene
from tests.unit.county.domain_months import Told, scenes_of, tables

OWN = ("family_doctor", "chronic_care", "devices", "health_card")
RESIDENTS, MONTHS = 1500, 3
SERVICES = ("consortium__family_doctor__services", "township_b__family_doctor__services")
CONTRACTS = ("consortium__family_doctor__contracts", "township_b__family_doctor__contracts")


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    return scenes_of(RESIDENTS, MONTHS)


@pytest.fixture(scope="module")
def told(scenes: list[Scene]) -> Told:
    """What each feed of these domains sends, month after month."""
    return tables(scenes, *OWN)


def together(told: Told, *feeds: str) -> pl.DataFrame:
    return pl.concat([piece.rows for feed in feeds for piece in told[feed]], how="diagonal_relaxed")


def planted(told: Told, *feeds: str) -> set[str]:
    return {fault.key for feed in feeds for piece in told[feed] for fault in piece.planted}


def test_an_agreement_names_a_team_of_its_centre_and_a_package_of_its_price(told: Told) -> None:
    contracts = together(told, *CONTRACTS)
    teams = together(
        told, "consortium__family_doctor__teams", "township_b__family_doctor__teams"
    ).unique(["team_id", "staff_id"])
    on_team = ["team_id", "organization_id", "staff_id"]
    assert len(contracts) > RESIDENTS / 3
    assert contracts["contract_id"].is_unique().all()
    assert contracts.join(teams, on=on_team, how="anti").is_empty()
    packages = together(told, "consortium__family_doctor__packages")
    on_price = ["package_id", "population_code", "fee_fen"]
    assert contracts.join(packages, on=on_price, how="anti").is_empty()


def test_a_renewal_follows_the_agreement_that_ended(told: Told) -> None:
    contracts = together(told, *CONTRACTS)
    renewed = contracts.filter("is_renewal")
    earlier = contracts.select("contract_id", "person", pl.col("valid_to_date").alias("ended"))
    joined = renewed.join(
        earlier, left_on=["previous_contract_id", "person"], right_on=["contract_id", "person"]
    )
    assert len(joined) == len(renewed) > 5
    assert (joined["valid_from_date"] == joined["ended"] + timedelta(days=1)).all()
    assert (joined["signed_at"].dt.date() <= joined["ended"]).all()


def test_nobody_has_two_agreements_at_once(told: Told) -> None:
    terms = together(told, *CONTRACTS).sort("person", "valid_from_date")
    before = pl.col("valid_to_date").shift().over("person")
    assert terms.filter(before >= pl.col("valid_from_date")).is_empty()


def test_a_service_is_promised_by_its_agreement_and_given_within_its_term(told: Told) -> None:
    services = together(told, *SERVICES)
    contracts = together(told, *CONTRACTS).select(
        "contract_id", "person", "package_id", "valid_from_date", "valid_to_date"
    )
    joined = services.drop("package_id").join(contracts, on=["contract_id", "person"], how="left")
    day = joined["served_at"].dt.date()
    assert ((day >= joined["valid_from_date"]) & (day <= joined["valid_to_date"])).all()
    packages = together(told, "consortium__family_doctor__packages")
    assert joined.join(packages, on=["package_id", "item_code"], how="anti").is_empty()


def test_only_planted_clinic_services_lack_the_visit(told: Told, scenes: list[Scene]) -> None:
    clinic = together(told, *SERVICES).filter(pl.col("service_mode_code") == "1")
    visits = pl.concat([scene.visits.select("encounter_id", "person") for scene in scenes])
    borne_out = clinic.join(visits, on=["encounter_id", "person"], how="semi")
    without = set(clinic["service_id"]) - set(borne_out["service_id"])
    assert len(borne_out) > 20
    assert without == planted(told, *SERVICES)
    assert without


def test_a_screening_result_follows_from_what_was_measured(told: Told) -> None:
    rows = together(told, "consortium__chronic_platform__screenings")
    pressed = rows.filter(
        (pl.col("disease_code") == "1") & (pl.col("result_code") != "4")
    ).with_columns(
        ((pl.col("systolic") >= 140) | (pl.col("diastolic") >= 90)).alias("is_high")
    )  # fmt: skip
    assert pressed["is_high"].any()
    assert (pressed["is_high"] == (pressed["result_code"] == "3")).all()
    ill = rows.filter((pl.col("disease_code") == "1") & (pl.col("result_code") == "4"))
    assert ill["hypertension"].all()


def test_every_plan_follows_an_assessment_of_medium_risk_or_more(told: Told) -> None:
    plans = together(told, "consortium__chronic_platform__plans")
    risks = together(told, "consortium__chronic_platform__risks")
    joined = plans.join(
        risks, on=["assessment_id", "person", "disease_code"], how="left", suffix="_found"
    )
    assert (joined["risk_class_code_found"] >= "2").all()
    assert (joined["made_date"] >= joined["assessed_date_found"]).all()
    wanted = risks.filter(pl.col("risk_class_code") >= "2")
    assert set(wanted["assessment_id"]) == set(plans["assessment_id"])


def test_devices_of_two_makers_mean_the_same_pressures(told: Told) -> None:
    """Home readings are mmHg, those of the village kits kPa: converted, they lie together."""
    home = together(told, "consortium__home_devices__measurements")["systolic"].drop_nulls()
    village = together(told, "village_rooms__devices__measurements")["systolic_kpa"] * 7.50062
    assert len(home) > 100
    assert len(village) > 30
    assert 100 < village.mean() < home.mean() < 160
    assert village.min() > 80


def test_a_device_is_one_persons_and_shows_one_kind_of_value(told: Told) -> None:
    home = together(told, "consortium__home_devices__measurements")
    assert home.group_by("device_id").agg(pl.col("person").n_unique())["person"].max() == 1
    shown = home.select(
        pl.sum_horizontal(
            pl.col(name).is_not_null()
            for name in ("systolic", "glucose_mg_per_dl", "oxygen_saturation_percent")
        )
    ).to_series()
    assert (shown == 1).all()


def test_a_card_is_activated_once_and_used_from_then_on(told: Told) -> None:
    events = together(told, "health_commission__card_platform__events")
    activated = events.filter(pl.col("event_code") == "2").select(
        "person", pl.col("occurred_at").alias("since")
    )
    assert activated["person"].is_unique().all()
    used = pl.concat(
        [
            together(told, "health_commission__card_platform__scans").select(
                "person", pl.col("scanned_at").alias("at")
            ),
            events.filter(pl.col("event_code").is_in(["3", "4"])).select(
                "person", pl.col("occurred_at").alias("at")
            ),
        ]
    ).join(activated, on="person", how="left")
    assert (used["at"] > used["since"]).all()


def test_only_planted_scans_are_in_two_hospitals_within_minutes(told: Told) -> None:
    feed = "health_commission__card_platform__scans"
    scans = together(told, feed).filter(pl.col("credential_code") == "1").sort("scanned_at")
    gap = (pl.col("scanned_at") - pl.col("scanned_at").shift().over("person")).dt.total_minutes()
    moved = pl.col("organization_id") != pl.col("organization_id").shift().over("person")
    keys = planted(told, feed)
    away = scans.filter(pl.col("scan_id").is_in(keys) & moved & (gap < 10))
    assert len(away) == len(keys) >= MONTHS
    assert away["encounter_id"].null_count() == len(away)
