"""What the centres for laboratory, imaging, ECG and pathology must keep true, month by month."""

import numpy as np
import polars as pl
import pytest

from county.domains.centres.laboratory_centre.westgard import violated
from county.scene import Scene
from tests.unit.county.domain_months import Told, scenes_of, tables

OWN = ("laboratory_centre", "imaging_centre", "ecg_centre", "pathology")
RESIDENTS, MONTHS = 2500, 3
HOSPITAL = "county_hospital"
NOT_MONTHLY = {
    f"{HOSPITAL}__lis__external_assessment",
    f"{HOSPITAL}__imaging_centre__report_templates",
    f"{HOSPITAL}__pathology__privileges",
}
WITH_PERSON = ["encounter_id", "person"]


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    return scenes_of(RESIDENTS, MONTHS)


@pytest.fixture(scope="module")
def told(scenes: list[Scene]) -> Told:
    """What each feed of the sharing centres sends, month after month."""
    return tables(scenes, *OWN)


@pytest.fixture(scope="module")
def care(scenes: list[Scene]) -> pl.DataFrame:
    """Every visit and stay of the period."""
    return pl.concat([f.select(WITH_PERSON) for s in scenes for f in (s.visits, s.stays)])


def rows_of(told: Told, feed: str) -> pl.DataFrame:
    return pl.concat([piece.rows for piece in told[feed]], how="vertical_relaxed")


def planted(told: Told, feed: str, kind: str) -> set[str]:
    return {p.key for piece in told[feed] for p in piece.planted if p.kind == kind}


def test_every_feed_speaks_every_month(told: Told) -> None:
    silent = [
        feed for feed, pieces in told.items()
        if feed not in NOT_MONTHLY
        and (len(pieces) != MONTHS or any(piece.rows.is_empty() for piece in pieces))
    ]  # fmt: skip
    assert len(told) == 33
    assert not silent


@pytest.mark.parametrize(
    "feed",
    ["lis__requests", "imaging_centre__requests", "ecg_centre__requests", "pathology__requests"],
)
def test_who_is_examined_was_in_care_there(told: Told, care: pl.DataFrame, feed: str) -> None:
    assert rows_of(told, f"{HOSPITAL}__{feed}").join(care, on=WITH_PERSON, how="anti").is_empty()


def test_a_result_comes_from_an_accepted_specimen_of_a_request(told: Told) -> None:
    requests = rows_of(told, f"{HOSPITAL}__lis__requests")
    specimens = rows_of(told, f"{HOSPITAL}__lis__specimens")
    results = rows_of(told, f"{HOSPITAL}__lis__shared_results")
    chain = results.join(
        specimens.select("request_id", "is_rejected", "laboratory_received_at"), on="request_id"
    ).join(requests.select("request_id", "requested_at", "status_code"), on="request_id")
    assert len(chain) == len(results)
    assert not chain["is_rejected"].any()
    assert set(chain["status_code"]) == {"CM"}
    assert (chain["reported_at"] > chain["laboratory_received_at"]).all()
    assert (chain["collected_at"] > chain["requested_at"]).all()
    assert results["item_sequence"].is_unique().all()


def test_refused_specimens_have_a_reason_and_no_report(told: Told) -> None:
    specimens = rows_of(told, f"{HOSPITAL}__lis__specimens")
    refused = specimens.filter("is_rejected")
    assert len(refused)
    assert refused["rejection_reason_code"].null_count() == 0
    assert specimens.filter(~pl.col("is_rejected"))["rejection_reason_code"].is_null().all()
    results = rows_of(told, f"{HOSPITAL}__lis__shared_results")
    assert not set(refused["request_id"]) & set(results["request_id"])


def test_a_trip_carries_its_specimens(told: Told) -> None:
    specimens = rows_of(told, f"{HOSPITAL}__lis__specimens")
    trips = rows_of(told, f"{HOSPITAL}__logistics__trips")
    assert trips["trip_id"].is_unique().all()
    loads = specimens.group_by("trip_id").agg(
        pl.len().alias("loaded"), pl.col("collected_at").max(),
        pl.col("laboratory_received_at").min(),
    )  # fmt: skip
    joined = trips.filter(pl.col("cargo_code") == "specimen").join(loads, on="trip_id", how="left")
    assert (joined["loaded"] == joined["item_count"]).all()
    assert (joined["collected_at"] < joined["departed_at"]).all()
    assert (joined["laboratory_received_at"] > joined["handed_over_at"]).all()


def test_a_logger_alarms_exactly_outside_its_limits(told: Told) -> None:
    readings = rows_of(told, f"{HOSPITAL}__logistics__cold_chain")
    outside = ~readings["temperature_celsius"].is_between(
        readings["lower_limit_celsius"][0], readings["upper_limit_celsius"][0]
    )
    assert (readings["is_alarm"] == outside).all()
    assert readings.filter(pl.col("trip_id").is_not_null())["is_alarm"].any()
    assert readings.select("device_id", "measured_at").is_unique().all()


@pytest.mark.parametrize(
    ("alarms", "reports"),
    [
        ("lis__critical_values", "lis__shared_results"),
        ("imaging_centre__critical_values", "imaging_centre__reports"),
        ("ecg_centre__critical_values", "ecg_centre__reports"),
    ],
)
def test_a_critical_value_stands_in_a_report_and_silence_is_planted(
    told: Told, alarms: str, reports: str
) -> None:
    found = rows_of(told, f"{HOSPITAL}__{alarms}")
    issued = rows_of(told, f"{HOSPITAL}__{reports}").select("report_id", "person").unique()
    assert found.join(issued, on=["report_id", "person"], how="anti").is_empty()
    assert (found["notified_at"] >= found["found_at"]).all()
    silent = found.filter(pl.col("acknowledged_at").is_null())["critical_value_id"]
    assert len(silent)
    assert set(silent) == planted(told, f"{HOSPITAL}__{alarms}", "critical_value_unacknowledged")


def test_only_critical_results_carry_a_double_flag(told: Told) -> None:
    results = rows_of(told, f"{HOSPITAL}__lis__shared_results")
    double = results.filter(pl.col("abnormal_flag").is_in(["HH", "LL"]))
    alarms = rows_of(told, f"{HOSPITAL}__lis__critical_values")
    assert set(double["report_id"]) == set(alarms["report_id"])


@pytest.mark.parametrize(
    ("runs", "expected"),
    [
        ([[3.2, 0.0]], ["1-3s", None]),
        ([[2.2, 0.0]], ["1-2s", None]),
        ([[2.2, -2.1]], ["R-4s", "R-4s"]),
        ([[2.2, 0.0], [2.1, 0.0]], ["2-2s", None]),
        ([[2.2, 0.0], [-2.1, 0.0]], ["1-2s", None]),
        ([[1.2, 0.0]] * 4, ["4-1s", None]),
        ([[1.2, 0.0]] * 3, [None, None]),
        ([[0.3, -0.2]] * 10, ["10-x", "10-x"]),
    ],
)
def test_westgard_rules(runs: list[list[float]], expected: list[str | None]) -> None:
    values = np.array(runs)
    assert violated(values, values[:0], 2)[-1].tolist() == expected
    assert violated(values[-1:], values[:-1], 2)[-1].tolist() == expected


@pytest.mark.parametrize("feed", [f"{HOSPITAL}__lis__quality_control",
                                  "township_a__lis__quality_control"])  # fmt: skip
def test_lost_control_is_handled_or_planted(told: Told, feed: str) -> None:
    controls = rows_of(told, feed)
    lost = controls.filter("is_out_of_control")
    assert set(lost["westgard_rule_code"].drop_nulls()) <= {"1-3s", "2-2s", "R-4s", "4-1s", "10-x"}
    unhandled = lost.filter(pl.col("action").is_null())["control_id"]
    assert set(unhandled) == planted(told, feed, "out_of_control_without_action")
    assert 0 < len(unhandled) < len(lost)
    deviation = (pl.col("value_number") - pl.col("target_mean")) / pl.col(
        "target_standard_deviation"
    )
    assert controls.filter(deviation.abs() > 3)["is_out_of_control"].all()


def test_copied_controls_repeat_the_value_before(told: Told) -> None:
    feed = "township_a__lis__quality_control"
    copied = planted(told, feed, "cloned_control")
    before = rows_of(told, feed).sort("measured_at").with_columns(
        pl.col("value_number").shift(1).over("test_code", "control_level_code").alias("before")
    )  # fmt: skip
    found = before.filter(pl.col("control_id").is_in(list(copied)))
    assert len(found) == len(copied) >= 3 * MONTHS
    assert (found["value_number"] == found["before"]).all()


def test_an_image_without_a_report_is_planted(told: Told) -> None:
    requests = rows_of(told, f"{HOSPITAL}__imaging_centre__requests")
    lost = planted(told, f"{HOSPITAL}__imaging_centre__requests", "examination_without_report")
    reports = rows_of(told, f"{HOSPITAL}__imaging_centre__reports")
    read = requests.filter(pl.col("status_code") == "CM")
    assert lost
    assert not lost & set(reports["request_id"])
    # Only reports of the last evening may still be missing.
    waiting = set(read["request_id"]) - set(reports["request_id"])
    assert len(waiting) <= 3
    assert (reports["reported_at"] > reports["examined_at"]).all()


@pytest.mark.parametrize("centre", ["imaging_centre", "ecg_centre", "pathology"])
def test_a_version_follows_its_report_and_says_something_else(told: Told, centre: str) -> None:
    versions = rows_of(told, f"{HOSPITAL}__{centre}__report_versions")
    reports = rows_of(told, f"{HOSPITAL}__{centre}__reports")
    joined = versions.join(reports, on="report_id")
    assert len(joined) == len(versions)
    assert (joined["conclusion_before"] == joined["conclusion"]).all()
    assert (joined["conclusion_after"] != joined["conclusion"]).all()
    assert (joined["changed_at"] > joined["reported_at"]).all()
    assert (joined["changed_staff_id"] != joined["reviewer_staff_id"]).all()


def test_the_careless_examiner_gives_fives_and_tens_alone(told: Told) -> None:
    feed = f"{HOSPITAL}__imaging_centre__quality_scores"
    scores = rows_of(told, feed)
    careless = scores.filter(
        pl.col("score_id").is_in(list(planted(told, feed, "digit_preference")))
    )
    assert len(careless) >= MONTHS
    assert careless["reviewer_staff_id"].n_unique() == 1
    assert (careless["score_points"] % 5 == 0).all()
    others = scores.join(careless, on="score_id", how="anti")
    assert (others["score_points"] % 5 != 0).any()
    assert ((scores["grade_code"] == "A") == scores["defect_code"].is_null()).all()


def test_a_suspected_infarction_is_always_critical(told: Told) -> None:
    reports = rows_of(told, f"{HOSPITAL}__ecg_centre__reports")
    suspected = reports.filter("is_infarction_suspected")
    alarms = rows_of(told, f"{HOSPITAL}__ecg_centre__critical_values")
    assert len(suspected) >= MONTHS
    assert set(suspected["report_id"]) <= set(alarms["report_id"])
    assert set(reports.filter("is_critical")["report_id"]) == set(alarms["report_id"])
    assert (reports["reviewed_at"] >= reports["reported_at"]).all()


def test_only_planted_pathology_reports_are_signed_outside_rights(told: Told) -> None:
    rights = rows_of(told, f"{HOSPITAL}__pathology__privileges")
    reports = rows_of(told, f"{HOSPITAL}__pathology__reports")
    signers = set(rights.filter(pl.col("level_code") == "sign")["staff_id"])
    outside = reports.filter(~pl.col("reporter_staff_id").is_in(list(signers)))["report_id"]
    assert set(outside) == planted(told, f"{HOSPITAL}__pathology__reports", "signed_outside_rights")
    assert 0 < len(outside) < len(reports)
    reviewed = reports.filter(pl.col("reviewer_staff_id").is_not_null())
    assert (reviewed["reporter_staff_id"] != reviewed["reviewer_staff_id"]).all()


def test_slides_come_before_the_report_and_frozen_ones_have_paraffin(told: Told) -> None:
    slides = rows_of(told, f"{HOSPITAL}__pathology__slides")
    reports = rows_of(told, f"{HOSPITAL}__pathology__reports")
    assert slides["slide_id"].is_unique().all()
    first = slides.group_by("request_id").agg(pl.col("made_at").min())
    joined = reports.join(first, on="request_id", how="left")
    assert (joined["made_at"] < joined["reported_at"]).all()
    frozen = reports.filter(pl.col("kind_code") == "frozen")
    later = reports.filter(pl.col("is_frozen_concordant").is_not_null())
    pairs = later.join(frozen, on="request_id", suffix="_frozen")
    assert len(pairs) == len(later) > 0
    agreed = pairs["is_malignant"] == pairs["is_malignant_frozen"]
    assert (agreed == pairs["is_frozen_concordant"]).all()


def test_every_day_of_every_centre_is_staffed(told: Told, scenes: list[Scene]) -> None:
    days = sum(len(scene.month.days) for scene in scenes)
    staff = set(scenes[0].staff["staff_id"])
    for centre in ("imaging_centre", "ecg_centre", "pathology"):
        roster = rows_of(told, f"{HOSPITAL}__{centre}__duty_roster")
        assert roster.filter(pl.col("shift_code") == "day")["shift_date"].n_unique() == days
        assert set(roster["staff_id"]) <= staff
        assert (roster["ended_at"] > roster["started_at"]).all()
