"""Compares a lake with the answer key of the county it took in.

Belongs here: ledger, refusals and unmapped codes against the key's planted faults, difference by
difference. Not here: the key itself (`county/answer_key.py`), values of rows (`county_rows.py`) or
of indicators, which tests compare.
"""

from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from ingestion.lake import Lake
from ingestion.ledger import Ledger
from ingestion.quarantine import entries
from pipelines.county_rows import check_rows

_COUNTS = ("received", "accepted", "quarantined", "duplicate")
_PLACE = ["feed", "file", "record_number"]


@dataclass(frozen=True)
class CountyCheck:
    """What agreed and every difference. A difference is one line of text: place, lake, key."""

    feeds: int
    rows: int
    refusals: int
    unmapped: int
    true_rows: int
    values: int
    library_rows: int
    balanced: bool
    differences: list[str] = field(default_factory=list)


def check_county(lake: Lake, county: Path) -> CountyCheck:
    """Compare ledger, quarantine, silver and libraries of a lake with `county/answer_key`.

    Raises:
        FileNotFoundError: there is no answer key.
    """
    key = county / "answer_key"
    if not (key / "ledger.parquet").is_file():
        raise FileNotFoundError(f"{county} holds no county with an answer key")
    truth = pl.read_parquet(key / "ledger.parquet")
    faults = pl.read_parquet(key / "faults.parquet")
    with Ledger(lake.home) as ledger:
        totals = {feed: dict(row) for feed, row in ledger.feeds().items()}
        balanced = ledger.balanced()
        refused = pl.DataFrame(
            [
                (r["feed"], r["file_name"], r["record_number"], r["reason_code"])
                for r in entries(ledger)
            ],
            schema=[*_PLACE, "reason_code"], orient="row",
            schema_overrides={"record_number": pl.Int64},
        )  # fmt: skip
        rows = check_rows(lake, county, ledger)
    planted = faults.filter(pl.col("outcome") == "quarantined").select(*_PLACE, "reason_code")
    unmapped = faults.filter(pl.col("outcome") == "unmapped")
    return CountyCheck(
        feeds=len(truth),
        rows=int(truth["received"].sum()),
        refusals=len(planted),
        unmapped=len(unmapped),
        true_rows=rows.rows,
        values=rows.values,
        library_rows=rows.library_rows,
        balanced=balanced,
        differences=[
            *_ledger(totals, truth),
            *_refusals(refused, planted),
            *_unmapped(totals, unmapped),
            *rows.differences,
        ],
    )


def _ledger(totals: dict[str, dict[str, int]], truth: pl.DataFrame) -> list[str]:
    found = []
    for row in truth.iter_rows(named=True):
        mine = totals.get(row["feed"], dict.fromkeys(_COUNTS, 0))
        given, expected = [mine[c] for c in _COUNTS], [row[c] for c in _COUNTS]
        if given != expected:
            found.append(f"ledger {row['feed']}: {given}, key {expected} ({', '.join(_COUNTS)})")
    extra = sorted(set(totals) - set(truth["feed"]))
    return found + [f"ledger {feed}: not in the key" for feed in extra]


def _refusals(refused: pl.DataFrame, planted: pl.DataFrame) -> list[str]:
    """Both ways: planted and not refused for its reason, refused and not planted."""
    both = refused.join(planted, on=_PLACE, how="full", suffix="_key", coalesce=True)
    odd = both.filter(~pl.col("reason_code").eq_missing(pl.col("reason_code_key")))
    return [
        f"quarantine {feed} {file} record {record}: {mine}, key {theirs}"
        for feed, file, record, mine, theirs in odd.sort(_PLACE).iter_rows()
    ]


def _unmapped(totals: dict[str, dict[str, int]], planted: pl.DataFrame) -> list[str]:
    expected = dict(planted.group_by("feed").len().iter_rows())
    return [
        f"unmapped {feed}: {row['unmapped']}, key {expected.get(feed, 0)}"
        for feed, row in totals.items()
        if row["unmapped"] != expected.get(feed, 0)
    ]
