"""What the convenience and medical management domains must keep true, month by month."""

import polars as pl
import pytest

from county.scene import Scene
from tests.unit.county.domain_months import Told, scenes_of, tables

OWN = (
    "booking", "referral", "pharmacy", "recognition", "insurance_detail", "tcm", "education",
    "internet_services",
)  # fmt: skip
RESIDENTS, MONTHS = 1500, 2


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    return scenes_of(RESIDENTS, MONTHS)


@pytest.fixture(scope="module")
def told(scenes: list[Scene]) -> Told:
    """What each feed of these domains sends, month after month."""
    return tables(scenes, *OWN)


def together(told: Told, feed: str) -> pl.DataFrame:
    return pl.concat([piece.rows for piece in told[feed]], how="vertical_relaxed")


def test_every_feed_has_rows_in_every_month(told: Told) -> None:
    empty = [
        feed for feed, pieces in told.items()
        if len(pieces) != MONTHS or any(piece.rows.is_empty() for piece in pieces)
    ]  # fmt: skip
    assert not empty


def test_a_booking_that_was_kept_leads_to_a_visit_or_stay(told: Told, scenes: list[Scene]) -> None:
    bookings = together(told, "consortium__booking__bookings")
    kept = bookings.filter(pl.col("status_code") == "2")
    care = pl.concat(
        [f.select("encounter_id", "person") for s in scenes for f in (s.visits, s.stays)]
    )
    assert kept.join(care, on=["encounter_id", "person"], how="anti").is_empty()
    others = bookings.filter(pl.col("status_code") != "2")
    assert others["encounter_id"].null_count() == len(others)


def test_no_session_holds_more_bookings_than_places(told: Told) -> None:
    slots = together(told, "consortium__booking__slots")
    assert slots["slot_id"].is_unique().all()
    assert (slots["booked_count"] <= slots["capacity_count"]).all()
    bookings = together(told, "consortium__booking__bookings")
    named = bookings.filter(pl.col("slot_id").is_not_null())
    assert named.join(slots, on="slot_id", how="anti").is_empty()


def test_every_referral_step_follows_its_referral(told: Told) -> None:
    events = together(told, "consortium__referral__events")
    referrals = together(told, "consortium__referral__referrals")
    joined = events.join(referrals, on="referral_id", how="left")
    assert joined["applied_at"].null_count() == 0
    assert (joined["occurred_at"] >= joined["applied_at"]).all()


def test_planted_referrals_are_never_closed_and_the_others_may_be(told: Told) -> None:
    planted = {
        fault.key for piece in told["consortium__referral__referrals"] for fault in piece.planted
    }
    events = together(told, "consortium__referral__events")
    closed = set(events.filter(pl.col("event_kind_code").is_in(["5", "6", "8"]))["referral_id"])
    assert planted
    assert closed
    assert not planted & closed


def test_the_fee_lines_of_a_stay_sum_to_its_fee(told: Told, scenes: list[Scene]) -> None:
    lines = together(told, "insurance_bureau__settlement__fee_items")
    sums = lines.group_by("encounter_id").agg(pl.col("amount_fen").sum())
    stays = pl.concat([s.stays.filter(pl.col("end").is_not_null()) for s in scenes])
    joined = sums.join(stays.unique("encounter_id"), on="encounter_id", how="left")
    assert len(joined) > 10
    assert (joined["amount_fen"] == joined["fee_fen"]).all()


def test_a_planted_repeat_has_an_earlier_report_in_the_window_and_no_reason(told: Told) -> None:
    pieces = told["consortium__recognition__events"]
    keys = [fault.key for piece in pieces for fault in piece.planted]
    events = together(told, "consortium__recognition__events")
    repeats = events.filter(pl.col("recognition_event_id").is_in(keys))
    assert len(repeats) == len(keys) >= MONTHS
    assert repeats["is_repeated"].all()
    assert repeats["refusal_reason_code"].null_count() == len(repeats)
    age = (repeats["prompted_at"] - repeats["earlier_reported_at"]).dt.total_hours() / 24
    assert (age <= repeats["window_days"]).all()


def test_every_rule_hit_that_a_pharmacist_saw_has_its_intervention(told: Told) -> None:
    reviews = together(told, "consortium__rx_review__reviews")
    hits = reviews.filter((pl.col("stage_code") == "2") & (pl.col("rule_hit_count") > 0))
    interventions = together(told, "consortium__rx_review__interventions")
    assert set(hits["review_id"]) == set(interventions["review_id"])


def test_shortage_steps_answer_a_registration_in_their_order(told: Told) -> None:
    steps = together(told, "consortium__drug_shortage__supplies")
    registrations = together(told, "consortium__drug_shortage__registrations")
    assert steps.join(registrations, on="registration_id", how="anti").is_empty()
    ordered = steps.sort("registration_id", "step_code")
    times = ordered.group_by("registration_id", maintain_order=True).agg("occurred_at")
    assert all(row == sorted(row) for row in times["occurred_at"].to_list())


def test_a_decocted_prescription_has_its_batch(told: Told) -> None:
    dispensed = together(told, "tcm_hospital__pharmacy__dispensing")
    batches = together(told, "tcm_hospital__pharmacy__decoctions")
    decocted = set(dispensed.filter("is_decocted")["tcm_dispensing_id"])
    assert decocted == set(batches["tcm_dispensing_id"].drop_nulls())


def test_who_learns_works_here(told: Told, scenes: list[Scene]) -> None:
    learning = together(told, "consortium__education__learning")
    courses = together(told, "consortium__education__courses")
    assert learning.join(courses, on="course_id", how="anti").is_empty()
    assert set(learning["staff_id"]) <= set(scenes[0].staff["staff_id"])
