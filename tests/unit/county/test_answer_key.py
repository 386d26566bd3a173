"""The truth agrees with itself and with the ceiling of planted faults."""

import polars as pl

from county.answer_key import definitions
from ingestion.errors import REASONS
from tests.unit.county.built import Built

SHARES = ["CM24-07", "CM24-11", "CM24-12", "SEC-01", "PRI-22", "BPH-14-YTD", "BPH-15-YTD",
          "BPH-17-YTD", "BPH-18-YTD", "OPS-BED-01"]  # fmt: skip
ANY_PERIOD = [d for d in definitions() if d.judged == "at any time"]
LEAVES = pl.col("organization_id").str.contains("999[HTV]")


def test_shares_never_exceed_one(default: Built) -> None:
    shares = default.key("indicators").filter(pl.col("indicator_id").is_in(SHARES))
    assert shares.filter(pl.col("numerator") > pl.col("denominator")).is_empty()


def test_county_is_the_sum_of_its_leaves(default: Built) -> None:
    indicators = default.key("indicators")
    measures = default.key("measures")
    for definition in ANY_PERIOD:
        for month in ("2026-01", "2026-06"):
            county = indicators.filter(
                (pl.col("indicator_id") == definition.indicator_id)
                & (pl.col("organization_id") == "653999")
                & (pl.col("period") == month)
            )
            for half in ("numerator", "denominator"):
                rows = measures.filter(
                    (pl.col("measure_id") == getattr(definition, half)) & (pl.col("month") == month)
                )
                if definition.levels == ("hospital",):
                    rows = rows.filter(pl.col("organization_id").str.contains("999H"))
                elif definition.levels == ("township", "village"):
                    rows = rows.filter(pl.col("organization_id").str.contains("999[TV]"))
                assert abs(county[half].sum() - rows["value"].sum()) < 0.005, definition


def test_a_quarter_is_its_months_or_its_last_month(default: Built) -> None:
    county = default.key("indicators").filter(pl.col("organization_id") == "653999")
    by_period = {(i, p): d for i, p, d in county.select(
        "indicator_id", "period", "denominator").iter_rows()}  # fmt: skip
    for definition in ANY_PERIOD:
        months = [by_period[definition.indicator_id, f"2026-0{n}"] for n in (4, 5, 6)]
        latest = definition.denominator.endswith(("_registered", "_visited"))
        expected = months[-1] if latest else sum(months)
        assert abs(by_period[definition.indicator_id, "2026Q2"] - expected) < 0.005


def test_every_indicator_has_activity_every_month(default: Built) -> None:
    county = default.key("indicators").filter(
        (pl.col("organization_id") == "653999") & pl.col("period").str.contains("-")
    )
    assert county.filter(pl.col("denominator") == 0).is_empty()
    assert set(county["indicator_id"]) == {d.indicator_id for d in ANY_PERIOD}


def test_hospital_beds_are_plausibly_used(default: Built) -> None:
    rates = default.key("indicators").filter(
        (pl.col("indicator_id") == "OPS-BED-01") & (pl.col("period") == "2026")
    )
    used = rates["numerator"] / rates["denominator"]
    assert used.min() > 0.5
    assert used.max() < 0.95


def test_ledger_balances_below_the_ceiling(default: Built) -> None:
    ledger = default.key("ledger")
    parts = ledger["accepted"] + ledger["quarantined"] + ledger["duplicate"]
    assert (ledger["received"] == parts).all()
    assert (ledger["quarantined"] / ledger["received"]).max() < 0.03


def test_every_kind_of_fault_is_planted(default: Built) -> None:
    faults = default.key("faults")
    assert set(faults["outcome"]) == {"accepted", "duplicate", "quarantined", "unmapped"}
    assert {
        "duplicate_file", "duplicate_row", "duplicate_message", "missing_header_file",
        "truncated_file", "wrong_encoding_file", "empty_file", "malformed_file", "forbidden_file",
        "unsupported_file", "impossible_date", "missing_required", "unknown_code", "out_of_range",
        "discharge_before_admission", "unmapped_local_code", "missing_id_number",
        "invalid_id_number", "old_id_number", "name_variant",
    } <= set(faults["kind"])  # fmt: skip
    assert set(faults["reason_code"].drop_nulls()) <= set(REASONS)
    refused = faults.filter(pl.col("outcome") == "quarantined")
    assert refused["reason_code"].null_count() == 0


def test_every_planted_fault_names_a_file(small: Built) -> None:
    for name in small.key("faults")["file"].unique():
        assert (small.root / "inbox" / name).is_file()


def test_reversed_settlements_do_not_count(small: Built) -> None:
    admissions = small.key("measures").filter(pl.col("measure_id").str.starts_with("insured_"))
    by_measure = dict(admissions.group_by("measure_id").agg(pl.col("value").sum()).iter_rows())
    assert 0 < by_measure["insured_admissions_in_county"] < by_measure["insured_admissions"]


def test_strings_to_hide_cover_every_name_sent(small: Built) -> None:
    hidden = set(small.key("pii").filter(pl.col("kind") == "name")["value"])
    assert set(small.key("person_sources")["name"]) <= hidden
