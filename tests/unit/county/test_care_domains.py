"""What emergency care, consultation, sterile supply and medical waste must keep true."""

from datetime import timedelta
from itertools import pairwise

import polars as pl
import pytest

from tests.unit.county.domain_months import Account

CALLS = "emergency_centre__dispatch__calls"
DISPATCHES = "emergency_centre__dispatch__dispatches"
POSITIONS = "emergency_centre__ambulance__positions"
VITALS = "emergency_centre__ambulance__vitals"
RECORDS = "emergency_centre__prehospital__records"
TRIAGE = "county_hospital__emergency__triage"
CONSULTATIONS = "county_hospital__consultation__consultations"
PARTICIPANTS = "county_hospital__consultation__participants"
PACKS = "county_hospital__cssd__packs"
CYCLES = "county_hospital__cssd__cycles"
TRACES = "county_hospital__cssd__traces"
PACK_USE = "county_hospital__his__pack_use"
WASTE = ("consortium__medical_waste__", "county_hospital__medical_waste__")


@pytest.fixture(scope="module")
def told() -> Account:
    """Three months of a county of 2,500."""
    domains = ("emergency", "consultation", "sterile_supply", "medical_waste")
    return Account(2500, 3, *domains)


def test_a_call_leads_to_one_mission_and_an_invalid_one_to_none(told: Account) -> None:
    calls, missions = told.rows(CALLS), told.rows(DISPATCHES)
    assert set(calls.filter("is_valid")["call_id"]) == set(missions["call_id"])
    assert missions["call_id"].is_unique().all()
    assert not calls["is_valid"].all()


def test_the_times_of_a_mission_follow_each_other(told: Account) -> None:
    missions = told.rows(DISPATCHES)
    order = (
        "called_at", "ordered_at", "departed_at", "scene_arrived_at", "scene_left_at",
        "hospital_arrived_at", "handed_over_at", "returned_at",
    )  # fmt: skip
    for earlier, later in pairwise(order):
        assert (missions[earlier] <= missions[later]).all(), later


def test_no_vehicle_is_on_two_missions_at_once(told: Account) -> None:
    driven = told.rows(DISPATCHES).sort("vehicle_id", "departed_at")
    back = driven.select(pl.col("returned_at").shift(1).over("vehicle_id")).to_series()
    assert driven.filter(back > driven["departed_at"]).is_empty()


def test_who_is_brought_in_has_a_record_and_an_arrival(told: Account) -> None:
    missions, records, triage = (told.rows(feed) for feed in (DISPATCHES, RECORDS, TRIAGE))
    brought = missions.filter(
        (pl.col("outcome_code") == "transported")
        & (pl.col("hospital_organization_id") == "653999H01")
    )
    came = triage.filter(pl.col("arrival_mode_code") == "ambulance")
    assert len(came) > 5
    joined = came.join(brought, on="dispatch_id", suffix="_mission")
    assert len(joined) == len(came) == len(brought)
    assert (joined["arrived_at"] == joined["hospital_arrived_at"]).all()
    assert (joined["encounter_id"] == joined["encounter_id_mission"]).all()
    assert set(brought["dispatch_id"]) <= set(records["dispatch_id"])


def test_a_missing_handover_is_planted_and_only_there(told: Account) -> None:
    records = told.rows(RECORDS)
    lacking = records.filter(
        (pl.col("outcome_code") == "transported") & pl.col("handover_encounter_id").is_null()
    )
    assert set(lacking["record_id"]) == told.keys(RECORDS, "handover_missing") != set()


def test_the_signal_is_lost_on_the_planted_mission_only(told: Account) -> None:
    gaps = (
        told.rows(POSITIONS)
        .sort("dispatch_id", "measured_at")
        .with_columns(pl.col("measured_at").diff().over("dispatch_id").alias("gap"))
    )
    lost = set(gaps.filter(pl.col("gap") > timedelta(minutes=10))["dispatch_id"])
    assert lost == {fault.item for fault in told.planted(POSITIONS)} != set()


def test_vital_signs_are_taken_on_the_mission(told: Account) -> None:
    taken = told.rows(VITALS).join(told.rows(DISPATCHES), on="dispatch_id", how="left")
    inside = taken["measured_at"].is_between(taken["scene_arrived_at"], taken["returned_at"])
    assert inside.all()
    assert (taken["systolic_mmhg"] > taken["diastolic_mmhg"]).all()


def test_late_reperfusion_is_planted_where_the_minutes_say_so(told: Account) -> None:
    triage = told.rows(TRIAGE)
    limits = {
        "door_to_needle_late": ("thrombolysis_at", 60), "door_to_balloon_late": ("catheter_at", 90),
    }  # fmt: skip
    for kind, (column, minutes) in limits.items():
        over = pl.col(column) - pl.col("arrived_at") > timedelta(minutes=minutes)
        assert set(triage.filter(over)["triage_id"]) == told.keys(TRIAGE, kind) != set()


def test_participants_belong_to_consultations_that_took_place(told: Account) -> None:
    held = told.rows(CONSULTATIONS).filter(pl.col("started_at").is_not_null())
    participants = told.rows(PARTICIPANTS)
    assert set(participants["consultation_id"]) == set(held["consultation_id"])
    roles = participants.group_by("consultation_id").agg("role_code")
    assert roles["role_code"].list.contains("applicant").all()
    assert roles["role_code"].list.contains("expert").all()


def test_urgent_requests_without_review_and_missing_results_are_planted(told: Account) -> None:
    rows = told.rows(CONSULTATIONS)
    assert rows["consultation_id"].is_unique().all()
    open_ones = rows.filter(pl.col("reviewed_at").is_null() & (pl.col("priority_code") == "S"))
    assert set(open_ones["consultation_id"]) == told.keys(CONSULTATIONS, "review_overdue") != set()
    silent = rows.filter(pl.col("ended_at").is_not_null() & pl.col("opinion").is_null())
    assert set(silent["consultation_id"]) == told.keys(CONSULTATIONS, "result_missing") != set()
    shares = rows["invited_share_fen"] <= rows["fee_fen"]
    assert shares.all()


def test_a_used_pack_can_be_traced_to_its_run_unless_planted(told: Account) -> None:
    used = told.rows(PACK_USE)
    packs = told.rows(PACKS).select("pack_id", "expires_date", "delivered_at")
    joined = used.drop("expires_date", "delivered_at").join(packs, on="pack_id", how="left")
    assert joined["delivered_at"].null_count() == 0
    assert (joined["delivered_at"] < joined["occurred_at"]).all()
    unknown = joined.join(told.rows(CYCLES), on="cycle_id", how="anti")
    assert set(unknown["trace_id"]) == told.keys(PACK_USE, "pack_without_cycle") != set()
    expired = joined.filter(pl.col("occurred_at").dt.date() > pl.col("expires_date"))
    assert set(expired["trace_id"]) == told.keys(PACK_USE, "expired_pack_used") != set()


def test_steps_of_a_pack_follow_each_other(told: Account) -> None:
    steps = ("recovered", "washed", "packed", "sterilized", "issued", "delivered")
    traces = told.rows(TRACES).filter(pl.col("event_code").is_in(steps))
    ordered = traces.with_columns(
        pl.col("event_code").replace_strict({s: n for n, s in enumerate(steps)}).alias("number")
    ).sort("pack_id", "number")
    moments = ordered.group_by("pack_id", maintain_order=True).agg("occurred_at")["occurred_at"]
    assert all(len(row) == len(steps) and row == sorted(row) for row in moments.to_list())


def test_packs_of_a_failed_run_are_recalled_or_known_to_be_used(told: Account) -> None:
    failed = told.keys(CYCLES, "failed_biological_indicator")
    runs = told.rows(CYCLES).filter(pl.col("biological_result_code") == "failed")
    assert set(runs["cycle_id"]) == failed != set()
    assert (runs["recalled_at"] > runs["biological_result_at"]).all()
    assert runs["is_released"].all()
    traces = told.rows(TRACES)
    recalled = set(traces.filter(pl.col("event_code") == "recalled")["pack_id"])
    used = set(told.rows(PACK_USE)["pack_id"])
    used |= set(traces.filter(pl.col("event_code") == "used")["pack_id"])
    touched = set(traces.filter(pl.col("cycle_id").is_in(list(failed)))["pack_id"])
    assert touched <= recalled | used
    assert not recalled & used


@pytest.mark.parametrize("system", WASTE)
def test_weight_is_lost_only_where_planted(told: Account, system: str) -> None:
    moves = told.rows(f"{system}movements").drop("row", strict=False)
    stored = moves.filter(pl.col("kind_code") == "stored").select(
        "bag_id", pl.col("weight_kg").alias("before"), pl.col("occurred_at").alias("stored_at")
    )
    gone = moves.filter(pl.col("kind_code") == "outbound").join(stored, on="bag_id")
    light = gone.filter(pl.col("before") - pl.col("weight_kg") > 0.12)
    assert set(light["movement_id"]) == told.keys(f"{system}movements", "mass_gap") != set()
    old = gone.filter(pl.col("occurred_at") - pl.col("stored_at") > timedelta(hours=48))
    planted = told.keys(f"{system}movements", "storage_over_48_hours")
    assert set(old["movement_id"]) == planted != set()


@pytest.mark.parametrize("system", WASTE)
def test_a_bag_that_is_not_planted_leaves_in_this_month_or_the_next(
    told: Account, system: str
) -> None:
    bags, moves = told.rows(f"{system}bags"), told.rows(f"{system}movements")
    assert bags["bag_id"].is_unique().all()
    assert moves["movement_id"].is_unique().all()
    left = set(moves.filter(pl.col("kind_code") == "outbound")["bag_id"])
    closed = bags.filter(pl.col("sealed_at").dt.month() < 3)
    assert set(closed["bag_id"]) - left == {
        key for key in told.keys(f"{system}bags", "bag_not_closed") if key < "YF202603"
    }
    assert set(moves["bag_id"]) <= set(bags["bag_id"])
