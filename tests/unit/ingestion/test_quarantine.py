"""Replay takes in what passes now, once; the books always say what happened to every row."""

import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingestion.ingest import ingest_feed
from ingestion.landing import Landing
from ingestion.ledger import Ledger
from ingestion.quarantine import entries
from ingestion.vault import Vault
from tests.unit.ingestion.builders import HYPERTENSION, visit
from tests.unit.ingestion.one_feed import Site, feed, mode, site_at


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    yield from site_at(tmp_path / "one")


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Site]:
    """A second lake, to compare with."""
    yield from site_at(tmp_path / "two")


WITHOUT_CODES = feed(visit_mode_code=mode())
WITH_CODES = feed(visit_mode_code=mode(code_map="township_b_followup_mode"))


def test_rows_with_an_unknown_code_come_in_once_the_crosswalk_is_there(site: Site) -> None:
    site.put("a.csv", visit(1), visit(2, 方式="MZ"), visit(3, 方式="JT"))
    site.ingest(WITHOUT_CODES)
    assert site.books() == (3, 1, 2, 0)
    assert site.open() == [("unknown_code", "clinic/a.csv", 2), ("unknown_code", "clinic/a.csv", 3)]
    done = site.replay(WITH_CODES)
    assert (done.tried, done.accepted, done.still_refused) == (2, 2, 0)
    assert site.books() == (3, 3, 0, 0)
    assert site.open() == []
    assert site.silver() == ["F0001", "F0002", "F0003"]


def test_rows_with_an_odd_date_come_in_once_the_contract_names_its_form(site: Site) -> None:
    site.put("a.csv", visit(1), visit(2, 随访日期="05.03.2026"))
    site.ingest(feed())
    assert site.open() == [("impossible_date", "clinic/a.csv", 2)]
    mended = feed(visited_date={"from": "随访日期", "format": "%d.%m.%Y"})
    site.replay(mended)
    assert site.books() == (2, 2, 0, 0)
    assert site.silver() == ["F0001", "F0002"]


def test_a_second_replay_changes_nothing(site: Site) -> None:
    site.put("a.csv", visit(1, 方式="MZ"), visit(2, 方式="MZ", 收缩压="999"))
    site.ingest(WITHOUT_CODES)
    site.replay(WITH_CODES)
    before, rows = site.everything(), site.silver()
    done = site.replay(WITH_CODES)
    assert (done.tried, done.accepted, done.still_refused) == (1, 0, 1)
    assert site.everything() == before
    assert site.silver() == rows == ["F0001"]


def test_a_row_still_bad_stays_open_under_its_present_reason(site: Site) -> None:
    site.put("a.csv", visit(1, 方式="MZ"), visit(2, 方式="MZ", 收缩压="999"))
    site.ingest(WITHOUT_CODES)
    done = site.replay(WITH_CODES)
    assert (done.tried, done.accepted) == (2, 1)
    assert site.open() == [("out_of_range", "clinic/a.csv", 2)]
    assert site.books() == (2, 1, 1, 0)


def test_a_row_still_bad_is_one_entry_even_when_more_of_it_is_read(site: Site) -> None:
    site.put("a.csv", visit(1, 收缩压="999"))
    site.ingest(feed(diastolic_mmhg=None))
    site.replay(feed())
    assert site.open() == [("out_of_range", "clinic/a.csv", 1)]
    assert site.books() == (1, 0, 1, 0)


def test_a_row_the_contract_no_longer_finds_gives_way_to_what_hides_it_and_comes_back(
    site: Site,
) -> None:
    site.put("a.csv", visit(1, 收缩压="999"))
    site.ingest(feed())
    site.replay(feed(systolic_mmhg={"from": "高压"}))
    assert site.open() == [("missing_column", "clinic/a.csv", 0)]
    site.replay(feed())
    assert site.open() == [("out_of_range", "clinic/a.csv", 1)]
    assert site.books() == (1, 0, 1, 0)


def test_a_file_in_the_wrong_encoding_becomes_rows_as_if_it_had_always_been_right(
    site: Site, other: Site
) -> None:
    rows = [visit(1), visit(1), visit(2), visit(3, 收缩压="999"), visit(4, 方式="微信")]
    for one in (site, other):
        one.put("a.csv", *rows, encoding="gb18030")
    site.ingest(feed("utf-8"))
    assert site.books() == (1, 0, 1, 0)
    assert site.open() == [("wrong_encoding", "clinic/a.csv", 0)]
    right = feed("gb18030")
    site.replay(right)
    other.ingest(right)
    assert site.books() == other.books() == (5, 3, 1, 1)
    assert site.open() == other.open()
    assert site.silver() == other.silver() == ["F0001", "F0002", "F0004"]
    before = site.everything()
    site.replay(right)
    assert site.everything() == before


def test_a_file_unreadable_for_another_reason_now_stays_in_quarantine(site: Site) -> None:
    site.put("a.csv", {k: v for k, v in visit(1).items() if k != "舒张压"}, encoding="gb18030")
    site.ingest(feed("utf-8"))
    site.replay(feed("gb18030"))
    assert site.open() == [("missing_column", "clinic/a.csv", 0)]
    assert site.books() == (1, 0, 1, 0)
    site.replay(feed("gb18030", diastolic_mmhg=None))
    assert site.books() == (1, 1, 0, 0)


def test_rows_beside_an_unreadable_piece_are_not_taken_again(site: Site) -> None:
    site.put("a.csv", visit(1), {"随访编号": "F0002", "随访日期": "2026-03-05"}, visit(3))
    site.ingest(feed(diastolic_mmhg=None))
    assert site.books() == (3, 2, 1, 0)
    site.replay(feed())
    assert site.silver() == ["F0001", "F0003"]
    assert site.books() == (3, 2, 1, 0)


def test_the_same_bad_row_in_another_file_is_a_duplicate_seen_twice(site: Site) -> None:
    site.put("a.csv", visit(1, 收缩压="999"))
    site.ingest(feed())
    site.put("b.csv", visit(1, 收缩压="999"), visit(2))
    site.ingest(feed())
    assert site.books() == (3, 1, 1, 1)
    (piece,) = entries(site.ledger)
    assert (piece["file_name"], piece["seen"]) == ("clinic/a.csv", 2)
    assert piece["last_seen"] > piece["first_seen"]


def test_the_same_unreadable_file_under_another_name_is_a_duplicate(site: Site) -> None:
    for name in ("a.csv", "b.csv"):
        site.put(name, visit(1), encoding="gb18030")
    site.ingest(feed("utf-8"))
    assert site.books() == (2, 0, 1, 1)


def fail_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next commit of any ledger fails, as if the machine had stopped before it."""

    def stop(*_: object, **__: object) -> None:
        monkeypatch.undo()
        raise sqlite3.OperationalError("stopped")

    monkeypatch.setattr(Ledger, "commit", stop)


def test_a_stop_between_silver_and_ledger_leaves_no_double_rows(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.put("a.csv", visit(1), visit(2), visit(3, 收缩压="999"))
    fail_once(monkeypatch)
    with pytest.raises(sqlite3.OperationalError):
        site.ingest(feed())
    assert site.silver() == [], "rows that are not booked are not shown"
    run = site.ingest(feed())
    assert (run.files, run.count.accepted) == (1, 2)
    assert site.books() == (3, 2, 1, 0)
    assert site.silver() == ["F0001", "F0002"]
    assert len(list(site.lake.bronze(HYPERTENSION["feed"]).glob("*/*.parquet*"))) == 1


def test_a_stop_in_a_replay_loses_no_rows(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.put("a.csv", visit(1, 方式="MZ"))
    site.ingest(WITHOUT_CODES)
    fail_once(monkeypatch)
    with pytest.raises(sqlite3.OperationalError):
        site.replay(WITH_CODES)
    done = site.replay(WITH_CODES)
    site.ingest(WITH_CODES)
    assert done.accepted == 1
    assert site.silver() == ["F0001"]
    assert site.books() == (1, 1, 0, 0)


def test_two_at_once_take_a_feed_one_after_the_other(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.put("a.csv", visit(1), visit(2))
    landed, go_on = threading.Event(), threading.Event()
    land = Landing.land

    def slowly(*words: object, **options: object) -> object:
        outcome = land(*words, **options)
        landed.set()
        go_on.wait(2)
        return outcome

    monkeypatch.setattr(Landing, "land", slowly)

    def take() -> None:
        with Vault(site.lake.home) as vault, Ledger(site.lake.home) as ledger:
            ingest_feed(site.lake, feed(), vault=vault, ledger=ledger, settle=0)

    first = threading.Thread(target=take)
    second = threading.Thread(target=take)
    first.start()
    landed.wait(10)
    second.start()
    second.join(0.5)
    go_on.set()
    first.join()
    second.join()
    assert site.books() == (2, 2, 0, 0)
    assert site.silver() == ["F0001", "F0002"]
