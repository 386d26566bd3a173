"""Silver can change: what arrived is conformed again with today's definitions, batch by batch."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from ingestion.again import Conformed, WouldRefuse, conform_again, lag, unreadable_silver
from ingestion.contract import Contract
from ingestion.definition import definition_of
from ingestion.entity import Column, entities
from ingestion.landing import Landing
from ingestion.ledger import Ledger
from tests.unit.ingestion.builders import HYPERTENSION, visit
from tests.unit.ingestion.one_feed import ENTITY, Site, feed, mode, site_at


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    yield from site_at(tmp_path / "one")


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Site]:
    """A second lake, to compare with."""
    yield from site_at(tmp_path / "two")


WITHOUT_CODES = feed(visit_mode_code=mode(required=False))
WITH_CODES = feed(visit_mode_code=mode(required=False, code_map="township_b_followup_mode"))
STRICT_CODES = feed(visit_mode_code=mode(code_map="township_b_followup_mode"))


def again(site: Site, contract: Contract, *, careful: bool = False) -> Conformed:
    behind = lag(contract, site.ledger).batches
    done = conform_again(
        site.lake, contract, vault=site.vault, ledger=site.ledger, batches=behind, careful=careful
    )
    assert site.ledger.balanced()
    return done


def rows(site: Site) -> pl.DataFrame:
    paths = sorted(site.lake.silver(ENTITY).glob("*/*.parquet"))
    frame = pl.read_parquet(paths, hive_partitioning=False)
    return frame.drop("batch_id", "arrival_batch_id", "received_at", "source_person_id").sort(
        "visit_id"
    )


def days(site: Site) -> list[tuple[object, ...]]:
    return [tuple(row) for row in site.ledger.database.execute("select * from feed_day")]


def changes(site: Site) -> list[tuple[object, ...]]:
    found = site.ledger.database.execute(
        "select entity, change, what, row_count from conform_change order by 1, 2, 3"
    )
    return [tuple(row) for row in found]


def test_a_mended_code_list_reaches_rows_that_came_before_it(site: Site, other: Site) -> None:
    for one in (site, other):
        one.put("a.csv", visit(1, 方式="MZ"), visit(2, 方式="DH"), visit(3, 方式="JT"))
    site.ingest(WITHOUT_CODES)
    assert rows(site)["visit_mode_code"].to_list() == [None, None, None]
    assert site.ledger.unmapped_codes()[0]["seen"] == 1
    site.put("b.csv", visit(1, 方式="MZ"))
    site.ingest(WITH_CODES)
    assert rows(site)["visit_mode_code"].to_list() == [None, None, None], "a repeat is dropped"
    behind = lag(WITH_CODES, site.ledger)
    assert behind.changed == ("contract", "crosswalk/township_b_followup_mode")
    assert (len(behind.batches), behind.files, behind.rows) == (1, 1, 3)
    done = again(site, WITH_CODES)
    other.ingest(WITH_CODES)
    assert rows(site).equals(rows(other))
    assert (done.batches, done.changed, done.refused) == (1, 1, 0)
    assert rows(site)["visit_mode_code"].to_list() == ["1", "3", "2"]
    assert done.mapped == 3
    assert changes(site) == [
        (ENTITY, "mapped", f"visit_mode_code:{code}", 1) for code in ("DH", "JT", "MZ")
    ]
    assert days(site) == days(other)
    assert lag(WITH_CODES, site.ledger).batches == ()


def test_the_books_read_as_if_it_had_been_taken_so_at_once(site: Site, other: Site) -> None:
    for one in (site, other):
        one.put("a.csv", visit(1), visit(2, 收缩压="999", 方式="JT"), visit(3, 方式="MZ"))
        one.put("b.csv", visit(2, 收缩压="999", 方式="JT"), visit(3, 方式="MZ"), visit(4))
    right = STRICT_CODES
    site.ingest(feed(visit_mode_code=mode()))
    again(site, right)
    other.ingest(right)
    assert site.books() == other.books()
    assert site.open() == other.open()
    assert site.silver() == other.silver()
    assert days(site) == days(other)


def test_what_no_longer_passes_goes_to_quarantine_and_is_counted(site: Site) -> None:
    site.put("a.csv", visit(1), visit(2, 方式="MZ"))
    site.ingest(WITHOUT_CODES)
    strict = feed(visit_mode_code=mode())
    before = site.books()
    with pytest.raises(WouldRefuse):
        again(site, strict, careful=True)
    assert site.books() == before, "careful: nothing has happened"
    assert site.silver() == ["F0001", "F0002"]
    done = again(site, strict)
    assert (done.accepted, done.refused) == (0, 1)
    assert changes(site) == [(ENTITY, "refused", "unknown_code", 1)]
    assert site.books() == (2, 1, 1, 0)
    assert site.silver() == ["F0001"]


def test_a_label_or_a_column_nobody_fills_changes_nothing(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.put("a.csv", visit(1))
    site.ingest(feed())
    same = feed().model_copy(update={"label_zh": "另名", "owner": "别人"})
    assert lag(same, site.ledger).batches == ()
    entity = entities()[ENTITY]
    columns = {**entity.columns, "new_note": Column(type="string", label_zh="新列")}
    wider = entity.model_copy(update={"columns": columns})
    monkeypatch.setitem(entities(), ENTITY, wider)
    assert lag(feed(), site.ledger).batches == ()
    columns["new_note"] = Column(type="string", label_zh="新列", required=True)
    assert definition_of(feed()).changed(
        next(iter(site.ledger.definitions({site.ledger.live(feed().feed)[0]["definition_id"]})))
    ) == [f"entity/{ENTITY}"]


def test_a_column_in_another_type_is_named_until_it_is_conformed_again(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.put("a.csv", visit(1))
    site.ingest(feed())
    contracts = {feed().feed: feed()}
    assert unreadable_silver(site.lake, contracts, site.ledger) == []
    entity = entities()[ENTITY]
    pressure = entity.columns["systolic_mmhg"].model_copy(update={"type": "double"})
    other = entity.model_copy(update={"columns": {**entity.columns, "systolic_mmhg": pressure}})
    monkeypatch.setitem(entities(), ENTITY, other)
    assert unreadable_silver(site.lake, contracts, site.ledger) == [f"{ENTITY}.systolic_mmhg"]
    again(site, feed())
    assert unreadable_silver(site.lake, contracts, site.ledger) == []


def test_a_stop_in_the_middle_leaves_the_rest_lagging_and_loses_nothing(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = feed(visit_mode_code=mode())
    for name, number in (("a.csv", 1), ("b.csv", 2), ("c.csv", 3)):
        site.put(name, visit(number, 方式="MZ"), visit(number + 10, 方式="JT"))
        site.ingest(old)
    new = STRICT_CODES
    commit = Ledger.commit
    calls = iter(range(9))

    def stop(*words: object, **options: object) -> None:
        if next(calls) == 1:
            monkeypatch.undo()
            raise sqlite3.OperationalError("stopped")
        commit(*words, **options)

    monkeypatch.setattr(Ledger, "commit", stop)
    with pytest.raises(sqlite3.OperationalError):
        again(site, new)
    assert len(lag(new, site.ledger).batches) == 2
    again(site, new)
    assert lag(new, site.ledger).batches == ()
    assert site.books() == (6, 6, 0, 0)
    assert len(site.silver()) == 6
    left = [p.name for p in site.lake.home.glob("silver/*/*/*.pending")]
    assert left == []


def test_a_stop_between_books_and_silver_is_made_good(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.put("a.csv", visit(1, 方式="MZ"))
    site.ingest(feed(visit_mode_code=mode()))
    new = STRICT_CODES

    def stop(*_: object) -> None:
        monkeypatch.undo()
        raise OSError("stopped")

    monkeypatch.setattr("ingestion.silver.show", stop)
    with pytest.raises(OSError, match="stopped"):
        again(site, new)
    site.ingest(new)
    assert site.silver() == ["F0001"]
    assert site.books() == (1, 1, 0, 0)


def test_replay_keeps_rows_that_today_s_contract_would_refuse(site: Site) -> None:
    site.put("a.csv", visit(1), visit(2, 随访日期="05.03.2026"), visit(1))
    site.ingest(feed())
    assert site.books() == (3, 1, 1, 1)
    mended = feed(visited_date={"from": "随访日期", "format": "%d.%m.%Y"})
    site.replay(mended)
    assert site.books() == (3, 2, 0, 1)
    assert site.silver() == ["F0001", "F0002"]
    assert sum(int(row[-1]) for row in days(site)) == 2
    assert lag(mended, site.ledger).batches != (), "the row that stayed was not conformed again"


def test_batches_are_read_by_id_not_landed_twice(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    landed: list[str] = []
    land = Landing.land

    def watch(landing: Landing, *words: object, **options: object) -> object:
        landed.append(landing.arrival_id)
        return land(landing, *words, **options)

    site.put("a.csv", visit(1))
    site.ingest(feed())
    site.put("b.csv", visit(2))
    site.ingest(feed())
    monkeypatch.setattr(Landing, "land", watch)
    again(site, feed(visited_date={"from": "随访日期", "format": "%Y-%m-%d"}))
    assert landed == sorted(landed)
    assert len(landed) == len(set(landed)) == 2
    assert HYPERTENSION["feed"] in site.ledger.feeds()
