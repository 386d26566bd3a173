"""What the platform's own logs must keep true: calls, heartbeats, cases, accounts, audit, keys."""

from datetime import datetime, timedelta

import polars as pl
import pytest

from county.domains.platform.platform_access.audit_log import chained_text, digest_of
from tests.demo import DEMO
from tests.unit.county.domain_months import Account

CALLS = "consortium__service_bus__calls"
HEARTBEATS = "consortium__edge__heartbeats"
TRANSFERS = "consortium__edge__transfers"
EVENTS = "consortium__process_engine__events"
USERS = "consortium__identity_provider__users"
GRANTS = "consortium__identity_provider__role_grants"
SIGN_INS = "consortium__identity_provider__sign_ins"
AUDIT = "consortium__security__audit"
KEYS = "consortium__security__key_events"
LOGS = (CALLS, HEARTBEATS, TRANSFERS, EVENTS, USERS, GRANTS, SIGN_INS, AUDIT, KEYS,
        "county_hospital__emr__access_log")  # fmt: skip


@pytest.fixture(scope="module")
def told() -> Account:
    """Three months of a county of 2,500."""
    domains = ("platform_exchange", "process_flow", "platform_access", "referral", "consultation")
    return Account(2500, 3, *domains)


@pytest.mark.parametrize("feed", LOGS)
def test_a_log_has_no_person_and_unique_numbers(told: Account, feed: str) -> None:
    assert not DEMO.contracts[feed].person
    rows = told.rows(feed)
    assert "person" not in rows.columns
    key = next(
        name for name, field in DEMO.contracts[feed].fields.items()
        if field.required and name.endswith("_id") and name != "organization_id"
    )  # fmt: skip
    assert rows[key].is_unique().all()


def test_an_outage_is_the_only_long_silence_and_ends_with_the_planted_beat(told: Account) -> None:
    planted = told.keys(HEARTBEATS, "outage")
    assert len(planted) == len(told.scenes)
    for piece in told.sent[HEARTBEATS]:
        beats = piece.rows.sort("agent_id", "sent_at").with_columns(
            pl.col("sent_at").diff().over("agent_id").alias("gap")
        )
        usual = beats["gap"].median()
        assert isinstance(usual, timedelta)
        silent = beats.filter(pl.col("gap") > usual * 2.5)
        assert silent["heartbeat_id"].to_list() == [fault.key for fault in piece.planted]


def test_no_run_starts_while_its_agent_is_silent(told: Account) -> None:
    for beats, runs in zip(told.sent[HEARTBEATS], told.sent[TRANSFERS], strict=True):
        back = beats.rows.filter(pl.col("heartbeat_id") == beats.planted[0].key).row(0, named=True)
        own = beats.rows.filter(pl.col("agent_id") == back["agent_id"])
        before = own.filter(pl.col("sent_at") < back["sent_at"])["sent_at"].max()
        usual = own.sort("sent_at")["sent_at"].diff().median()
        assert isinstance(before, datetime)
        assert isinstance(usual, timedelta)
        deep = pl.col("started_at").is_between(before + usual, back["sent_at"] - usual)
        assert runs.rows.filter((pl.col("agent_id") == back["agent_id"]) & deep).is_empty()


def test_the_thin_run_is_planted(told: Account) -> None:
    runs = told.rows(TRANSFERS)
    share = pl.col("row_count") / pl.col("row_count").median().over("dataset_name", "agent_id")
    thin = runs.filter((share < 0.3) & (pl.col("row_count").max().over("dataset_name") > 60))
    assert set(thin["run_id"]) == told.keys(TRANSFERS, "volume_drop") != set()
    assert (runs["error_count"] <= runs["row_count"]).all()


def test_a_service_fails_on_its_bad_day_and_hardly_on_others(told: Account) -> None:
    calls = told.rows(CALLS).with_columns((pl.col("outcome_code") != "success").alias("failed"))
    planted = calls.filter(pl.col("call_id").is_in(list(told.keys(CALLS, "error_rate_breach"))))
    days = planted.select("service_code", "day")
    assert len(days) == len(told.scenes)
    bad = calls.join(days, on=["service_code", "day"], how="semi")["failed"].mean()
    rest = calls.join(days, on=["service_code", "day"], how="anti")["failed"].mean()
    assert isinstance(bad, float)
    assert isinstance(rest, float)
    assert bad > 0.5 > 0.06 > rest


def test_the_engine_sees_the_cases_of_the_referral_and_consultation_platforms(
    told: Account,
) -> None:
    events = told.rows(EVENTS)
    referrals = told.rows("consortium__referral__referrals")
    consultations = told.rows("county_hospital__consultation__consultations")
    cases = events.group_by("process_code").agg(pl.col("case_id").unique())
    seen = dict(cases.iter_rows())
    assert set(seen["consultation"]) == set(consultations["consultation_id"])
    assert set(seen["referral"]) == set(referrals["referral_id"])


def test_a_step_out_of_order_is_planted_and_only_there(told: Account) -> None:
    events = told.rows(EVENTS)
    steps = events.filter(pl.col("step_code").is_in(["accepted", "arrived"])).pivot(
        "step_code", index="case_id", values="occurred_at"
    )
    odd = steps.filter(pl.col("arrived") < pl.col("accepted"))["case_id"]
    planted = told.keys(EVENTS, "step_out_of_order")
    named = events.filter(pl.col("process_event_id").is_in(list(planted)))
    assert set(odd) == set(named["case_id"]) != set()


def test_the_chain_of_digests_holds_but_for_the_planted_places(told: Account) -> None:
    rows = told.rows(AUDIT).with_columns(chained_text().alias("text")).sort("sequence_number")
    whole = [
        digest_of(before, text)
        for before, text in zip(rows["previous_digest"], rows["text"], strict=True)
    ]
    assert whole == rows["digest"].to_list()
    follows = rows["previous_digest"] == rows["digest"].shift(1)
    broken = set(rows.slice(1).filter(~follows.slice(1))["audit_id"])
    assert broken == told.keys(AUDIT, "audit_chain_broken") != set()


def test_the_abnormal_export_is_by_night_and_larger_than_any_other(told: Account) -> None:
    rows = told.rows(AUDIT)
    planted = pl.col("audit_id").is_in(list(told.keys(AUDIT, "abnormal_access")))
    odd, usual = rows.filter(planted), rows.filter(~planted)
    assert (odd["occurred_at"].dt.hour() < 5).all()
    assert odd["row_count"].min() > usual["row_count"].max()  # type: ignore[operator]


def test_who_signs_in_has_an_account(told: Account) -> None:
    users = set(told.rows(USERS)["user_id"])
    assert set(told.rows(SIGN_INS)["user_id"]) <= users
    assert set(told.rows(GRANTS)["user_id"]) <= users
    assert set(told.rows(AUDIT)["user_id"]) <= users


def test_the_burst_ends_in_a_locked_account(told: Account) -> None:
    rows = told.rows(SIGN_INS)
    last = rows.filter(pl.col("sign_in_id").is_in(list(told.keys(SIGN_INS, "sign_in_burst"))))
    assert len(last) == len(told.scenes)
    for row in last.iter_rows(named=True):
        tried = rows.filter(
            (pl.col("user_id") == row["user_id"])
            & pl.col("signed_in_at").is_between(
                row["signed_in_at"] - timedelta(minutes=15), row["signed_in_at"], closed="left"
            )
        )
        assert len(tried) >= 5
        assert set(tried["result_code"]) == {"wrong_secret"}


def test_who_has_left_is_refused(told: Account) -> None:
    closed = set(told.rows(USERS).filter(pl.col("status_code") == "closed")["user_id"])
    tried = told.rows(SIGN_INS).filter(pl.col("result_code") == "closed")
    assert set(tried["sign_in_id"]) == told.keys(SIGN_INS, "sign_in_after_leaving") != set()
    assert set(tried["user_id"]) <= closed
    assert not set(told.rows(GRANTS)["user_id"]) & closed


def test_a_role_without_approval_is_planted_and_only_there(told: Account) -> None:
    lacking = told.rows(GRANTS).filter(pl.col("approver_user_id").is_null())
    assert set(lacking["grant_id"]) == told.keys(GRANTS, "privilege_anomaly") != set()


def test_a_key_is_changed_before_it_runs_out(told: Account) -> None:
    events = told.rows(KEYS)
    assert (events["valid_to_date"] >= events["occurred_at"].dt.date()).all()
    assert "rotated" in set(events["event_code"])
    near = events.filter(pl.col("key_event_id").is_in(list(told.keys(KEYS, "key_near_expiry"))))
    assert len(near)
    assert (near["valid_to_date"] - near["occurred_at"].dt.date() <= timedelta(days=30)).all()
