"""A full extract takes back what it no longer holds, shows it, and can be taken back itself."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ingestion import bronze, silver
from ingestion.again import conform_again
from ingestion.agreement import require_agreement
from ingestion.contract import Contract
from ingestion.entity import entities
from ingestion.rebuild import rebuild
from ingestion.versions import current
from tests.unit.ingestion.builders import contract, visit
from tests.unit.ingestion.one_feed import ENTITY, Site, site_at


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    yield from site_at(tmp_path)


def snapshot(**more: object) -> Contract:
    return contract(holds={"file": "snapshot", **more})


def standing(site: Site) -> dict[str, int]:
    rows = current(silver.scan(site.lake, ENTITY).collect(), entities()[ENTITY].key)
    rows = rows.filter(rows["is_retracted"].is_null() | ~rows["is_retracted"])
    return dict(sorted(rows.select("visit_id", "systolic_mmhg").iter_rows()))


def take(site: Site, feed: Contract, name: str, *rows: dict[str, str]) -> None:
    site.put(name, *rows)
    site.ingest(feed)
    require_agreement(site.lake, site.ledger, every_row=True)


def test_what_a_new_extract_lacks_lapses_and_is_counted(site: Site) -> None:
    take(site, snapshot(), "a.csv", visit(1), visit(2), visit(3))
    take(site, snapshot(), "b.csv", visit(1), visit(3, 收缩压="150"))
    assert standing(site) == {"F0001": 130, "F0003": 150}
    assert [(r["entity"], r["row_count"]) for r in site.ledger.lapsed()] == [(ENTITY, 1)]
    assert site.books() == (5, 4, 0, 1)


def test_an_increment_takes_nothing_back(site: Site) -> None:
    take(site, contract(), "a.csv", visit(1), visit(2))
    take(site, contract(), "b.csv", visit(1, 收缩压="150"))
    assert standing(site) == {"F0001": 150, "F0002": 130}


def test_what_comes_back_as_it_was_counts_again(site: Site) -> None:
    take(site, snapshot(), "a.csv", visit(1), visit(2), visit(3))
    take(site, snapshot(), "b.csv", visit(1), visit(3))
    take(site, snapshot(), "c.csv", visit(1), visit(2), visit(3))
    assert standing(site) == {"F0001": 130, "F0002": 130, "F0003": 130}


def test_a_row_corrected_back_to_what_it_was_is_no_repeat(site: Site) -> None:
    take(site, snapshot(), "a.csv", visit(1))
    take(site, snapshot(), "b.csv", visit(1, 收缩压="150"))
    take(site, snapshot(), "c.csv", visit(1))
    assert standing(site) == {"F0001": 130}


def test_extracts_that_wait_together_are_taken_one_by_one(site: Site) -> None:
    site.put("v_20260301.csv", visit(1), visit(2), visit(3))
    site.put("v_20260401.csv", visit(1), visit(2))
    site.ingest(snapshot())
    assert list(standing(site)) == ["F0001", "F0002"]


def test_a_snapshot_of_a_month_leaves_other_months_alone(site: Site) -> None:
    monthly = snapshot(scope=["organization", "month"])
    take(site, monthly, "a.csv", visit(1), visit(2), visit(3, 随访日期="2026-02-05"))
    take(site, monthly, "b.csv", visit(1))
    assert list(standing(site)) == ["F0001", "F0003"]


def test_an_extract_that_shrank_too_far_takes_nothing_back_and_is_named(site: Site) -> None:
    take(site, snapshot(), "a.csv", *(visit(n) for n in range(1, 11)))
    take(site, snapshot(), "b.csv", visit(1))
    assert len(standing(site)) == 10
    assert [reason for reason, *_ in site.open()] == ["snapshot_shrank"]
    agreed = snapshot(lapses_at_most=1)
    batches = [row["batch_id"] for row in site.ledger.live(agreed.feed)]
    conform_again(site.lake, agreed, vault=site.vault, ledger=site.ledger, batches=batches)
    assert list(standing(site)) == ["F0001"] and site.open() == []


def test_a_refused_row_is_held_and_does_not_lapse(site: Site) -> None:
    take(site, snapshot(), "a.csv", visit(1), visit(2), visit(3))
    take(site, snapshot(), "b.csv", visit(1), visit(2, 收缩压="999"))
    assert list(standing(site)) == ["F0001", "F0002"]


def test_a_file_not_read_whole_takes_nothing_back(site: Site) -> None:
    take(site, snapshot(), "a.csv", visit(1), visit(2), visit(3))
    site.put("b.csv", visit(1), visit(3))
    path = site.lake.inbox / "clinic" / "b.csv"
    path.write_bytes(path.read_bytes() + b"\nF0009,2026-03-05,1\n")
    site.ingest(snapshot())
    assert len(standing(site)) == 3


def test_a_withdrawn_snapshot_gives_back_what_it_took(site: Site) -> None:
    take(site, snapshot(), "a.csv", visit(1), visit(2), visit(3))
    take(site, snapshot(), "b.csv", visit(1), visit(3, 收缩压="150"))
    take(site, snapshot(), "c.csv", visit(1), visit(2), visit(3, 收缩压="150"))
    feed, lake = snapshot(), site.lake
    second = site.ledger.live(feed.feed)[1]["arrival_id"]
    assert standing(site) == {"F0001": 130, "F0002": 130, "F0003": 150}
    bronze.withdraw(lake, feed.feed, second)
    batches = [row["batch_id"] for row in site.ledger.live(feed.feed)]
    conform_again(lake, feed, vault=site.vault, ledger=site.ledger, batches=batches)
    require_agreement(lake, site.ledger, every_row=True)
    assert site.ledger.lapsed() == []
    assert standing(site) == {"F0001": 130, "F0002": 130, "F0003": 150}
    site.ledger.close()
    rebuild(lake, {feed.feed: feed})
    assert standing(site) == {"F0001": 130, "F0002": 130, "F0003": 150}


@pytest.mark.parametrize(
    "wrong", [{"leads": ["total_fee_yuan"]}, {"holds": {"file": "snapshot", "scope": ["year"]}}]
)
def test_a_contract_leads_for_and_holds_only_what_it_can(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"leads for|scope"):
        contract(**wrong)


def test_rebuilding_from_bronze_lets_the_same_rows_lapse(site: Site) -> None:
    take(site, snapshot(), "a.csv", visit(1), visit(2), visit(3))
    take(site, snapshot(), "b.csv", visit(1), visit(3))
    before = standing(site)
    site.ledger.close()
    rebuild(site.lake, {snapshot().feed: snapshot()})
    assert standing(site) == before and list(before) == ["F0001", "F0003"]
