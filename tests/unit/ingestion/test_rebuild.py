"""A lake can be made anew from bronze and its keys: the same rows, the same books."""

from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from ingestion import bronze
from ingestion.rebuild import rebuild
from tests.unit.ingestion.builders import visit
from tests.unit.ingestion.one_feed import ENTITY, Site, feed, site_at


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    yield from site_at(tmp_path)


def silver(site: Site, entity: str) -> pl.DataFrame:
    paths = sorted(site.lake.silver(entity).glob("*/*.parquet"))
    frame = pl.read_parquet(paths, hive_partitioning=False)
    return frame.sort("batch_id", "record_number", "row_digest")


def fill(site: Site) -> None:
    site.put("a.csv", visit(1), visit(1), visit(2, 收缩压="999"))
    site.ingest(feed())
    site.put("b.csv", visit(1, 收缩压="150"), visit(3, 身份证号="653999197001010010"))
    site.ingest(feed())


def test_every_row_and_every_booking_comes_back(site: Site) -> None:
    fill(site)
    before = [silver(site, entity) for entity in (ENTITY, "source_person")]
    batches = [tuple(row)[:8] for row in site.ledger.live(feed().feed)]
    books, refused = site.books(), site.open()
    site.ledger.close()
    done = rebuild(site.lake, {feed().feed: feed()})
    site.ledger.__init__(site.lake.home)  # type: ignore[misc]
    assert (done.feeds, done.batches, done.without_contract) == (1, 2, ())
    assert site.books() == books == (5, 3, 1, 1)
    assert site.open() == refused
    assert [tuple(row)[:8] for row in site.ledger.live(feed().feed)] == batches
    for old, entity in zip(before, (ENTITY, "source_person"), strict=True):
        assert silver(site, entity).equals(old)
    assert site.ingest(feed()).files == 0, "the files in the inbox are known"


def test_a_stop_before_the_swap_leaves_the_lake_as_it_was(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(site)
    before = site.books(), site.silver()
    monkeypatch.setattr("ingestion.rebuild._swap", lambda *_: (_ for _ in ()).throw(OSError()))
    with pytest.raises(OSError):
        rebuild(site.lake, {feed().feed: feed()})
    assert (site.books(), site.silver()) == before


def test_bytes_without_a_contract_stay_and_are_named(site: Site) -> None:
    fill(site)
    done = rebuild(site.lake, {})
    assert done.without_contract == (feed().feed,)
    assert len(bronze.batches(site.lake, feed().feed)) == 2
