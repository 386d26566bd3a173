"""Booking: the ledger balances, repeats are dropped once, names never reach silver."""

from contextlib import contextmanager
from pathlib import Path

import polars as pl
import pytest

from ingestion import silver
from ingestion.booking import Batch, Count, UnbalancedLedger
from ingestion.clock import now
from ingestion.contract import Contract
from ingestion.definition import Definition
from ingestion.formats.source import Parsed, Problem
from ingestion.lake import Lake
from ingestion.landing import Landing, Outcome
from ingestion.ledger import Ledger
from ingestion.vault import Vault
from tests.unit.ingestion.builders import contract, table, visit
from tests.unit.ingestion.one_feed import feed, site_at


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake.open(tmp_path)


def land(
    lake: Lake, parsed: Parsed, feed: Contract | None = None, known: set[str] | None = None
) -> Outcome:
    feed = feed or contract()
    moment = now()
    with Vault(lake.home) as vault:
        batch_id = f"{moment:%Y%m%dT%H%M%S%f}"
        landing = Landing(lake, feed, vault, batch_id, batch_id, moment)
        outcome = landing.land(parsed, [("clinic/a.csv", "d1")], known=known or set())
    silver.show(outcome.files)
    return outcome


def parsed(*rows: dict[str, str], problems: list[Problem] | None = None) -> Parsed:
    return Parsed(
        tables={"hypertension_visit": table(*rows)}, problems=problems or [], records=[len(rows)]
    )


def test_accepted_quarantined_and_duplicate_add_up(lake: Lake) -> None:
    outcome = land(lake, parsed(visit(1), visit(1), visit(2), visit(3, 收缩压="999")))
    assert outcome.counts["hypertension_visit"] == Count(4, 2, 1, 1)


def test_the_same_row_again_is_a_duplicate_across_batches(lake: Lake) -> None:
    land(lake, parsed(visit(1)))
    assert land(lake, parsed(visit(1), visit(2))).counts["hypertension_visit"] == Count(2, 1, 0, 1)


def test_a_changed_row_is_a_new_version_not_a_duplicate(lake: Lake) -> None:
    land(lake, parsed(visit(1)))
    outcome = land(lake, parsed(visit(1, 收缩压="150")))
    assert outcome.counts["hypertension_visit"].accepted == 1


def test_a_refused_row_seen_again_is_a_duplicate(lake: Lake) -> None:
    first = land(lake, parsed(visit(1, 收缩压="999")))
    known = {piece.quarantine_id for piece in first.quarantined}
    again = land(lake, parsed(visit(1, 收缩压="999")), known=known)
    assert again.counts["hypertension_visit"] == Count(1, 0, 0, 1)


def test_an_unreadable_piece_is_booked_with_its_place(lake: Lake) -> None:
    problem = Problem(file=0, record=3, item=0, code="malformed_table", detail="line 4")
    outcome = land(lake, parsed(visit(1), problems=[problem]))
    assert outcome.counts["unreadable"] == Count(1, 0, 1, 0)
    assert outcome.quarantined[0].file_name == "clinic/a.csv"
    assert outcome.quarantined[0].record_number == 3


def test_silver_carries_tokens_and_no_names(lake: Lake) -> None:
    land(lake, parsed(visit(1, 身份证号="653999196001010026")))
    for path in lake.home.glob("silver/**/*.parquet"):
        content = pl.read_parquet(path, hive_partitioning=False).cast(pl.String).write_csv()
        assert "阿依古丽" not in content
        assert "10012345678" not in content
        assert "653999196001010026" not in content


def test_the_vault_gives_the_name_back_and_logs_the_look(lake: Lake) -> None:
    land(lake, parsed(visit(1)))
    rows = pl.read_parquet(sorted(lake.silver("hypertension_visit").glob("*/*--*.parquet")))
    with Vault(lake.home) as vault:
        fields = vault.reveal(rows["source_person_id"][0], reason="test")
        looks = vault._database.execute("select count(*) from reveal_log").fetchone()[0]
    assert fields["person_name"] == "阿依古丽·买买提"
    assert looks == 1


def test_the_vault_file_holds_no_plain_name(lake: Lake) -> None:
    land(lake, parsed(visit(1)))
    assert "阿依古丽".encode() not in (lake.home / "vault.sqlite").read_bytes()


def test_the_ledger_refuses_a_batch_that_does_not_add_up(lake: Lake) -> None:
    batch = Batch("b1", "f", "m", now(), Definition({}), [], 1, {"encounter": Count(3, 1, 1, 0)})
    with Ledger(lake.home) as ledger, pytest.raises(UnbalancedLedger):
        ledger.commit(batch)


def test_tampering_with_the_ledger_shows(lake: Lake) -> None:
    with Ledger(lake.home) as ledger:
        ledger.commit(
            Batch("b1", "f", "m", now(), Definition({}), [], 2, {"encounter": Count(2, 2)})
        )
        assert ledger.balanced()
        ledger.database.execute("update batch set received = 3, accepted = 3")
        assert not ledger.balanced()


def test_rows_know_which_file_of_the_batch_they_are_of(lake: Lake) -> None:
    with contextmanager(site_at)(lake.home) as site:
        site.put("b.csv", visit(1, 收缩压="150"))
        site.put("a.csv", visit(1))
        site.ingest(feed())
    (path,) = lake.silver("hypertension_visit").glob("*/*--*.parquet")
    rows = pl.read_parquet(path, hive_partitioning=False).sort("file_number")
    assert rows["file_number"].to_list() == [0, 1]
    assert rows["systolic_mmhg"].to_list()[1] == 150, "b.csv comes after a.csv"
