"""What surveys, assessments, funds, village management, configuration and returns keep true."""

from datetime import date

import polars as pl
import pytest

from county.scene import Scene
from tests.unit.county.domain_months import Told, scenes_of, tables

OWN = (
    "surveys", "assessments", "public_funds", "village_management", "configuration",
    "hospital_returns",
)  # fmt: skip
QUARTERLY = {
    "consortium__performance__plan_items", "consortium__self_assessment__scores",
    "consortium__self_assessment__evidence",
}  # fmt: skip
SURVEYS = (
    "county_hospital__satisfaction__answers", "tcm_hospital__satisfaction__answers",
    "consortium__performance__survey_answers", "health_commission__primary_assessment__answers",
)  # fmt: skip
VILLAGE = ("township_a__village_management__", "consortium__village_cloud__")
RESIDENTS, MONTHS = 1500, 4


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    return scenes_of(RESIDENTS, MONTHS)


@pytest.fixture(scope="module")
def told(scenes: list[Scene]) -> Told:
    """What each feed of these domains sends, month after month."""
    return tables(scenes, *OWN)


def together(told: Told, feed: str) -> pl.DataFrame:
    return pl.concat([piece.rows for piece in told[feed]], how="diagonal_relaxed")


def planted(told: Told, feed: str) -> list[str]:
    return [fault.key for piece in told[feed] for fault in piece.planted]


def test_every_feed_has_rows_whenever_it_is_due(told: Told) -> None:
    for feed, pieces in told.items():
        assert len(pieces) == (2 if feed in QUARTERLY else MONTHS), feed
        assert all(len(piece.rows) for piece in pieces), feed


@pytest.mark.parametrize("feed", SURVEYS)
def test_answers_name_nobody_and_each_question_is_answered_once(told: Told, feed: str) -> None:
    answers = together(told, feed)
    assert not {"person", "name", "local_id", "staff_id"} & set(answers.columns)
    assert answers.select("response_id", "question_code").is_unique().all()
    given = answers["answer_score"].is_not_null() | answers["answer_text"].is_not_null()
    assert given.all()


@pytest.mark.parametrize("feed", SURVEYS[:2])
def test_cloned_questionnaires_are_equal_perfect_and_too_fast(told: Told, feed: str) -> None:
    keys = planted(told, feed)
    answers = together(told, feed)
    cloned = answers.filter(pl.col("response_id").is_in(keys))
    assert len(keys) >= 3 * MONTHS
    assert set(cloned["answer_score"]) == {100}
    honest = answers.filter(~pl.col("response_id").is_in(keys))
    assert set(cloned["answering_seconds"]) == {14}
    assert honest.filter(pl.col("answering_seconds") > 30).height > 0.8 * len(honest)
    assert honest.filter(pl.col("answer_score") < 100).height > 0


def test_weights_of_a_plan_add_up_to_a_hundred_unless_planted(told: Told) -> None:
    for piece in told["consortium__performance__plan_items"]:
        sums = piece.rows.group_by("plan_id").agg(pl.col("weight_score").sum())
        wrong = set(sums.filter(pl.col("weight_score") != 100)["plan_id"])
        assert wrong == {fault.key for fault in piece.planted}


def test_a_later_plan_is_a_higher_version(told: Told) -> None:
    first, later = told["consortium__performance__plan_items"]
    assert set(first.rows["version_number"]) == {1}
    assert set(later.rows["version_number"]) == {2}
    assert set(first.rows["valid_from"]) == {date(2026, 1, 1)}
    assert set(later.rows["valid_from"]) == {date(2026, 4, 1)}


def test_self_assessments_show_the_evidence_they_count_and_the_boaster_none(told: Told) -> None:
    scores = together(told, "consortium__self_assessment__scores")
    evidence = together(told, "consortium__self_assessment__evidence")
    own = ["assessment_id", "item_code"]
    shown = evidence.group_by(own).len("shown")
    joined = scores.join(shown, on=own, how="left").with_columns(pl.col("shown").fill_null(0))
    assert (joined["shown"] == joined["evidence_count"]).all()
    boasts = scores.filter(
        pl.col("assessment_id").is_in(planted(told, "consortium__self_assessment__scores"))
    )
    assert (boasts["score"] == boasts["full_score"]).all()
    assert set(boasts["evidence_count"]) == {0}


def test_only_the_planted_check_found_less_than_was_reported(told: Told) -> None:
    feed = "health_commission__primary_assessment__site_checks"
    checks = together(told, feed)
    below = checks.filter(pl.col("found_value") < pl.col("reported_value"))
    assert set(below["assessment_id"]) == set(planted(told, feed))
    assert len(set(checks["organization_id"])) > 4


def test_only_the_planted_photos_show_another_place(told: Told) -> None:
    feed = "health_commission__primary_assessment__photos"
    photos = together(told, feed)
    again = photos.filter(pl.col("content_sha256").is_duplicated())
    places = again.group_by("content_sha256").agg(pl.col("organization_id").n_unique())
    assert set(places["organization_id"]) == {2}
    assert len(places) == MONTHS
    assert set(planted(told, feed)) <= set(again["evidence_id"])


def test_money_spent_stays_below_what_arrived_unless_planted(told: Told) -> None:
    feed = "health_commission__finance__public_health_funds"
    moved = together(told, feed)
    sums = moved.filter(~pl.col("movement_id").is_in(planted(told, feed))).group_by(
        "organization_id", "service_code"
    ).agg(
        pl.col("amount_fen").filter(pl.col("movement_kind_code") == kind).sum().alias(name)
        for kind, name in (("1", "allocated"), ("2", "arrived"), ("3", "spent"))
    )  # fmt: skip
    assert (sums["spent"] < sums["arrived"]).all()
    assert (sums["arrived"] < sums["allocated"]).all()
    over = moved.filter(pl.col("movement_id").is_in(planted(told, feed)))
    above = over.join(sums, on=["organization_id", "service_code"])
    assert len(above) == MONTHS
    assert (above["amount_fen"] > above["allocated"]).all()


@pytest.mark.parametrize("system", VILLAGE)
def test_a_village_doctor_is_paid_for_the_services_reported(told: Told, system: str) -> None:
    worked = together(told, system + "staff")
    paid = together(told, system + "funds").filter(pl.col("fund_kind_code") == "1")
    reported = worked["public_health_service_count"].sum()
    assert paid["service_count"].sum() == reported > 0
    for piece in told[system + "staff"]:
        keys = [fault.key for fault in piece.planted]
        claims = pl.col("staff_id").is_in(keys)
        most = piece.rows.sort("public_health_service_count")["staff_id"][-1]
        assert [most] == keys
        assert piece.rows.filter(claims & (pl.col("public_health_service_count") < 40)).is_empty()


def test_every_room_reports_to_exactly_one_system(told: Told, scenes: list[Scene]) -> None:
    first, second = (set(together(told, s + "drugs")["organization_id"]) for s in VILLAGE)
    rooms = set(scenes[0].organizations.filter(pl.col("level") == "village")["organization_id"])
    assert not first & second
    assert first | second == rooms


def test_an_entry_has_each_version_once_and_operations_come_from_known_users(told: Told) -> None:
    entries = together(told, "county_hospital__configuration__master_data")
    assert entries.select("register_code", "entry_id", "version_number").is_unique().all()
    users = set(entries.filter(pl.col("register_code") == "user")["entry_id"])
    operations = together(told, "county_hospital__configuration__operations")
    assert set(operations["user_id"]) <= users
    nightly = operations.filter(pl.col("occurred_at").dt.hour() < 6)
    assert set(nightly["log_id"]) == set(
        planted(told, "county_hospital__configuration__operations")
    )


def test_only_the_planted_prices_differ_from_the_standard(told: Told) -> None:
    feed = "county_hospital__configuration__prices"
    prices = together(told, feed)
    differing = prices.filter(pl.col("price_fen") != pl.col("standard_price_fen"))
    assert set(differing["price_id"]) == set(planted(told, feed))


def test_a_failed_message_never_arrived_and_says_why(told: Told) -> None:
    messages = together(told, "county_hospital__configuration__messages")
    failed = messages.filter(pl.col("state_code") == "4")
    assert len(failed) >= MONTHS
    assert failed["delivered_at"].null_count() == len(failed)
    assert failed["error_text"].null_count() == 0
    assert (messages["acknowledged_at"] >= messages["delivered_at"]).drop_nulls().all()


def test_the_kinds_of_income_add_up(told: Told) -> None:
    kinds = ("drug_income", "consumable_income", "test_income", "service_income")
    for feed in ("county_hospital__performance__returns", "tcm_hospital__performance__returns"):
        for piece in told[feed]:
            month = piece.rows.filter(pl.col("period_kind_code") == "month")
            value = dict(month.select("item_code", "item_value").iter_rows())
            assert sum(value[kind] for kind in kinds) == pytest.approx(value["medical_income"])


def test_only_the_boaster_returns_more_visits_than_there_were(
    told: Told, scenes: list[Scene]
) -> None:
    hospitals = {"county_hospital": "653999H01", "tcm_hospital": "653999H02"}
    for member, code in hospitals.items():
        for scene, piece in zip(scenes, told[f"{member}__performance__returns"], strict=True):
            seen = scene.visits.filter(pl.col("organization_id") == code).height
            row = piece.rows.filter(
                (pl.col("item_code") == "visit_count") & (pl.col("period_kind_code") == "month")
            )
            assert (row["item_value"][0] > seen) == bool(piece.planted)
