"""The county's files give exactly the numbers its simulator knows to be true."""

import json
from decimal import Decimal

import polars as pl
import pytest

from county.answer_key import definitions
from ingestion.lake import Lake
from pipelines.county_check import CountyCheck, check_county
from tests.end_to_end.conftest import CountyFolder, Yigong

JUDGED_LATE = {d.indicator_id for d in definitions() if d.judged != "at any time"}


def published_indicators(yigong: Yigong, period: str) -> dict[tuple[str, str], dict]:
    rows = json.loads(yigong("indicators", "--period", period, "--json"))
    return {(row["indicator_id"], row["organization_id"]): row for row in rows}


def test_every_indicator_value_equals_the_answer_key(yigong: Yigong, county: CountyFolder) -> None:
    truth = pl.read_parquet(county.key / "indicators.parquet")
    differences = []
    for period in truth["period"].unique().sort():
        found = published_indicators(yigong, period)
        for row in truth.filter(pl.col("period") == period).iter_rows(named=True):
            key = (row["indicator_id"], row["organization_id"])
            if key not in found:
                differences.append((*key, period, "missing"))
                continue
            mine = found[key]
            expected = tuple(round(Decimal(str(row[c])), 2) for c in ("numerator", "denominator"))
            given = tuple(
                round(Decimal(str(mine[c] or 0)), 2) for c in ("numerator", "denominator")
            )
            state = row["state"]
            if mine["state"] == "below_quality_floor" and mine["excluded_count"]:
                state = "below_quality_floor"  # right number, too many rows left out
            if (given, mine["state"]) != (expected, state):
                differences.append((*key, period, given, mine["state"], expected, state))
            known = (str(row["as_of"]), row["is_to_date"])
            if state == "ok" and (mine["as_of"], mine["is_to_date"]) != known:
                differences.append((*key, period, mine["as_of"], mine["is_to_date"], known))
        extra = set(found) - set(
            truth.filter(pl.col("period") == period)
            .select("indicator_id", "organization_id")
            .iter_rows()
        )
        # What is judged when the year is over is stated without a value before.
        differences += [
            (*key, period, "not in the key")
            for key in extra
            if not (key[0] in JUDGED_LATE and found[key]["state"] == "not_applicable")
        ]
    assert not differences, f"{len(differences)} differences: {differences[:10]}"
    assert truth["indicator_id"].n_unique() >= 10
    assert truth.filter(pl.col("denominator") > 0).height > 300


def test_a_whole_county_is_complete_to_its_last_day(yigong: Yigong) -> None:
    """Closed rooms, monthly tables and registers are no gaps; the year is one to date."""
    status = json.loads(yigong("status", "--json"))
    feeds = {feed["feed"]: feed for feed in status["feeds"]}
    rooms = feeds["village_rooms__his__visits"]
    assert rooms["complete_through"] == "2026-06-30"
    assert {one["covered_share"] for one in rooms["organizations"]} == {1.0}
    assert len(rooms["organizations"]) > 3
    year = published_indicators(yigong, "2026")["CM24-07", "653999"]
    assert (year["is_to_date"], year["as_of"], year["covered_share"]) == (True, "2026-06-30", 1.0)
    month = published_indicators(yigong, "2026-03")["CM24-07", "653999"]
    assert (month["is_to_date"], month["as_of"], month["reason"]) == (False, "2026-03-31", None)


@pytest.fixture(scope="module")
def checked(yigong: Yigong, county: CountyFolder) -> CountyCheck:
    return check_county(Lake.open(yigong.home), county.root)


def test_every_value_of_silver_is_true(checked: CountyCheck) -> None:
    assert [line for line in checked.differences if not line.startswith("library")] == []
    assert checked.true_rows > 10_000
    assert checked.library_rows > 1_000


def test_every_current_row_of_the_libraries_is_true(checked: CountyCheck) -> None:
    assert [line for line in checked.differences if line.startswith("library")] == []


def test_the_ledger_balances_and_equals_the_planted_faults(
    yigong: Yigong, county: CountyFolder
) -> None:
    status = json.loads(yigong("status", "--json"))
    assert status["ledger_balanced"] is True
    mine = {feed["feed"]: feed for feed in status["feeds"]}
    truth = pl.read_parquet(county.key / "ledger.parquet")
    differences = []
    for row in truth.iter_rows(named=True):
        columns = ("received", "accepted", "quarantined", "duplicate")
        given = {c: mine[row["feed"]][c] for c in columns}
        expected = {c: row[c] for c in columns}
        if given != expected:
            differences.append((row["feed"], given, expected))
    assert not differences
    assert all(feed["received"] > 0 for feed in mine.values())


def test_every_planted_fault_that_must_be_refused_is_in_quarantine_for_its_reason(
    yigong: Yigong, county: CountyFolder
) -> None:
    faults = pl.read_parquet(county.key / "faults.parquet").filter(
        pl.col("outcome") == "quarantined"
    )
    entries = json.loads(yigong("quarantine", "list", "--json"))
    found = {
        (e["feed"], e["file_name"].split("/")[-1], e["record_number"]): e["reason_code"]
        for e in entries
    }
    missed = []
    for fault in faults.iter_rows(named=True):
        key = (fault["feed"], fault["file"].split("/")[-1], fault["record_number"])
        if found.get(key) != fault["reason_code"]:
            missed.append((key, fault["kind"], fault["reason_code"], found.get(key)))
    assert not missed, f"{len(missed)} of {len(faults)}: {missed[:8]}"


@pytest.mark.parametrize(
    ("entity", "column", "target", "share"),
    [
        ("laboratory_result", "request_id", "laboratory_request", 0.95),
        ("examination_report", "request_id", "examination_request", 0.95),
        ("recognition_event", "earlier_report_id", "laboratory_result", 0.6),
        ("prescription_review", "prescription_id", "prescription", 0.85),
        ("dispensing", "prescription_id", "prescription", 0.95),
        ("encounter", "encounter_id", "diagnosis", 0.95),
        ("insurance_item", "settlement_id", "insurance_settlement", 0.95),
        ("insurance_item", "item_code", "service_price", 0.8),
        ("charge_item", "item_code", "price_item", 0.75),
        ("ecg_trace", "request_id", "ecg_request", 0.95),
        ("specimen", "request_id", "laboratory_request", 0.95),
    ],
)
def test_keys_of_the_county_meet(
    yigong: Yigong, entity: str, column: str, target: str, share: float
) -> None:
    """Of all feeds together: what systems say of each other names rows that are there."""
    rows = [
        row
        for row in json.loads(yigong("keys", "--entity", entity, "--json"))
        if row["column_name"] == column and row["target"].startswith(target)
    ]
    filled, met = (sum(row[name] for row in rows) for name in ("filled_count", "met_count"))
    assert filled > 0
    assert met >= share * filled
    assert sum(row["filled_count"] for row in rows) >= 0.85 * sum(row["row_count"] for row in rows)


def test_evidence_adds_up_to_the_headline(yigong: Yigong) -> None:
    for indicator, organization, period in (
        ("CM24-07", "653999", "2026"),
        ("PRI-22", "653999T01", "2026-03"),
        ("BPH-15-YTD", "653999T02", "2026Q1"),
        ("CM24-11", "653999", "2026-02"),
    ):
        value = published_indicators(yigong, period)[indicator, organization]
        found = json.loads(
            yigong(
                "evidence", indicator, "--organization", organization, "--period", period, "--json"
            )
        )
        for side in ("numerator", "denominator"):
            total = sum(Decimal(str(row["value"])) for row in found[side]["rows"])
            assert total == Decimal(str(value[side])), (indicator, side)
            assert found[side]["rows"], (indicator, side)


def test_true_persons_are_found(yigong: Yigong, county: CountyFolder) -> None:
    """Links never join two true persons; what stays split is what no sure rule can join."""
    persons = pl.read_parquet(county.key / "persons.parquet")
    rows = json.loads(
        yigong("query", "select count(distinct person_id) as persons from person", "--json")
    )
    assert abs(rows[0]["persons"] - len(persons)) <= 0.02 * len(persons)


def test_a_second_run_takes_nothing_twice(yigong: Yigong, county: CountyFolder) -> None:
    before = json.loads(yigong("status", "--json"))
    yigong("run", "--inbox", str(county.inbox))
    after = json.loads(yigong("status", "--json"))
    assert after["feeds"] == before["feeds"]
    assert after["version"] == before["version"]  # nothing new, nothing to publish


def test_a_missing_indicator_or_period_is_a_clear_error(yigong: Yigong) -> None:
    assert "没有统计期" in yigong("indicators", "--period", "1999", expect=1)
    words = ("evidence", "XX-1", "--organization", "653999", "--period", "2026")
    assert "没有指标" in yigong(*words, expect=1)
