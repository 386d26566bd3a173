"""Links over time: corrections un-mix, history answers, clerks are heard, parts give the whole."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import fastexcel
import polars as pl
import pytest
import xlsxwriter

from county.hard_persons import HardPersons
from identity import decisions, review, store
from identity.persons import EVENT_SCHEMA
from ingestion.clock import now
from ingestion.contract import Contract
from ingestion.ingest import ingest_feed
from ingestion.lake import Lake
from ingestion.ledger import Ledger
from ingestion.vault import Vault
from tests.demo import DEMO
from tests.unit.ingestion.builders import contract, visit

SAMPLES = Path(__file__).parents[2] / "samples" / "field_faults"
HOME_NUMBER, OTHER_NUMBER = "110105194912310046", "11010519491231002X"


@dataclass
class County:
    """A lake with two members' follow-ups; files are taken and linked at once."""

    lake: Lake
    vault: Vault
    ledger: Ledger
    feeds: dict[str, Contract] = field(default_factory=dict)
    files: int = 0

    def take(self, member: str, *rows: dict[str, str]) -> store.LinkRun:
        self.files += 1
        name = f"m{member.lower()}"
        feed = contract(
            feed=f"{name}__his__hypertension", member=f"653999{member}",
            location={"kind": "directory", "pattern": f"{name}/*.csv"}, person=_PERSON,
        )  # fmt: skip
        folder = self.lake.inbox / name
        folder.mkdir(parents=True, exist_ok=True)
        lines = [",".join(rows[0]), *(",".join(row.values()) for row in rows)]
        (folder / f"f{self.files:04d}.csv").write_text("\n".join(lines), "utf-8")
        run = ingest_feed(self.lake, feed, vault=self.vault, ledger=self.ledger, settle=0)
        assert run.count.quarantined == 0
        return store.update_links(self.lake)

    def person(self, member: str, local_id: str) -> str:
        key = self.source(member, local_id)
        links = store.read(self.lake, "person_link", store.LINK_SCHEMA)
        return str(links.filter(pl.col("source_person_id") == key)["person_id"].item())

    def source(self, member: str, local_id: str) -> str:
        return self.vault.token("person", f"local|653999{member}|{local_id}")

    def events(self) -> list[str]:
        return store.read(self.lake, "person_event", EVENT_SCHEMA)["event"].to_list()

    def conflicts(self) -> set[str]:
        return set(pl.read_parquet(self.lake.identity / "conflict.parquet")["conflict"])


_PERSON = {
    "local_id": {"from": "档案号"}, "person_name": {"from": "姓名"},
    "id_number": {"from": "身份证号"}, "sex_code": {"from": "性别"},
    "birth_date": {"from": "出生日期"}, "phone": {"from": "电话"},
    "health_card_number": {"from": "健康卡号"}, "insurance_number": {"from": "医保编号"},
    "address": {"from": "住址"},
}  # fmt: skip


@contextmanager
def at(home: Path) -> Iterator[County]:
    lake = Lake.open(home)
    with Vault(home) as vault, Ledger(home) as ledger:
        yield County(lake, vault, ledger)


@pytest.fixture
def county(tmp_path: Path) -> Iterator[County]:
    with at(tmp_path) as found:
        yield found


def row(number: int, local_id: str, name: str, **more: str) -> dict[str, str]:
    base = visit(number, 档案号=local_id, 姓名=name, 身份证号="", 电话=f"1390000{number:04d}")
    return {**base, "健康卡号": "", "医保编号": "", "住址": "", **more}


def test_somebody_elses_number_corrected_later_un_mixes_them(county: County) -> None:
    """Seen: three of four source persons stayed with the wrong person for ever, history empty."""
    mine = {"身份证号": OTHER_NUMBER, "出生日期": "1949-12-31", "性别": "1"}
    county.take("T01", row(1, "A", "王国强", **mine))
    county.take("T02", row(2, "B", "", **mine))
    assert county.person("T01", "A") == county.person("T02", "B")
    first = county.person("T01", "A")
    before = now()
    own = {**mine, "身份证号": HOME_NUMBER}
    assert row_is_valid(HOME_NUMBER)
    run = county.take("T02", row(3, "B", "李建华", **own))
    assert run.splits == 1
    assert county.person("T01", "A") == first != county.person("T02", "B")
    assert county.events()[-1] == "split"
    assert "id_number_changed" in county.conflicts()
    then, _ = store.history(county.lake, first, as_of=before)
    today, events = store.history(county.lake, first)
    assert len(then) == 2
    assert today["unlinked_at"].null_count() == 1
    assert events["event"].to_list()[-1] == "split"
    county.take("T02", row(4, "B", "", **{**mine, "住址": "甲村1号"}))
    assert county.person("T01", "A") == county.person("T02", "B") == first
    assert county.events()[-1] == "merge"


def test_somebody_elses_number_under_another_name_does_not_mix_them_at_all(
    county: County,
) -> None:
    mine = {"身份证号": OTHER_NUMBER, "出生日期": "1949-12-31", "性别": "1"}
    county.take("T01", row(1, "A", "王国强", **mine))
    county.take("T02", row(2, "B", "李建华", **mine))
    assert county.person("T01", "A") != county.person("T02", "B")
    assert "one_id_two_people" in county.conflicts()


def row_is_valid(number: str) -> bool:
    from ingestion.person_values import valid_id_number

    return bool(pl.select(valid_id_number(pl.lit(number))).item())


def test_a_reused_local_number_is_a_conflict_and_two_ids_are_never_one_person(
    county: County,
) -> None:
    """Seen: seven persons with two or more valid ID numbers."""
    county.take("T01", row(1, "A", "王国强", 身份证号=OTHER_NUMBER, 出生日期="1949-12-31"))
    county.take("T02", row(2, "B", "王国强", 身份证号=OTHER_NUMBER, 出生日期="1949-12-31"))
    reused = row(3, "A", "热依拉·买买提", 身份证号="653999196001010027", 出生日期="1960-01-01")
    county.take("T01", reused)
    assert county.person("T01", "A") != county.person("T02", "B")
    assert "local_number_reused" in county.conflicts()


def test_a_clerks_word_survives_relinking_and_can_be_taken_back(county: County) -> None:
    same = {"身份证号": OTHER_NUMBER, "出生日期": "1949-12-31"}
    county.take("T01", row(1, "A", "王国强", **same))
    county.take("T02", row(2, "B", "王国强", **same))
    left, right = county.source("T01", "A"), county.source("T02", "B")
    mark = decisions.decide(county.lake, left, right, "different", by="张", reason="同名冒用")
    assert store.update_links(county.lake).splits == 1
    store.relink(county.lake, dry_run=False)
    assert county.person("T01", "A") != county.person("T02", "B")
    decisions.revoke(county.lake, mark, by="张")
    assert store.update_links(county.lake).merges == 1
    assert county.person("T01", "A") == county.person("T02", "B")


def test_a_merge_that_a_member_sends_is_followed(tmp_path: Path) -> None:
    """Seen: P69999 of the A40 sample stayed a second person."""
    lake = Lake.open(tmp_path)
    feed = DEMO.contracts["county_hospital__his__adt"]
    folder = lake.inbox / Path(feed.location.pattern).parent
    folder.mkdir(parents=True)
    merge = (SAMPLES / "hl7-ADT-A40-merge-vanishes.hl7").read_bytes()
    visit_before = (SAMPLES / "hl7-PID5-family-given-given-name-lost.hl7").read_bytes()
    suffix = Path(feed.location.pattern).name.replace("*", "{}")
    with Vault(lake.home) as vault, Ledger(lake.home) as ledger:

        def person(local_id: str) -> str:
            key = vault.token("person", f"local|{feed.member}|{local_id}")
            links = store.read(lake, "person_link", store.LINK_SCHEMA)
            return str(links.filter(pl.col("source_person_id") == key)["person_id"].item())

        def take(name: str, data: bytes) -> None:
            (folder / suffix.format(name)).write_bytes(data)
            ingest_feed(lake, feed, vault=vault, ledger=ledger, settle=0)
            store.update_links(lake)

        take("1", visit_before.replace(b"P70001", b"P69999").replace("测^试甲".encode(), b""))
        take("2", visit_before)
        assert person("P69999") != person("P70001")
        take("3", merge)
        assert person("P69999") == person("P70001")
    assert "merge" in store.read(lake, "person_event", EVENT_SCHEMA)["event"].to_list()


def test_without_splink_sure_rules_link_and_weighing_follows_once_it_is_there(
    county: County, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("splink")
    monkeypatch.setitem(sys.modules, "splink", None)
    assert not county.take("T01", row(1, "A", "王国强")).weighed
    monkeypatch.undo()
    run = store.update_links(county.lake)
    assert run.is_new and run.weighed


def test_nothing_is_done_when_nothing_changed(county: County) -> None:
    assert county.take("T01", row(1, "A", "王国强")).is_new
    assert not store.update_links(county.lake).is_new


def test_the_middle_band_is_asked_answered_and_audited(county: County, tmp_path: Path) -> None:
    pytest.importorskip("splink")
    born = {"出生日期": "1949-12-31", "性别": "1"}
    county.take("T01", row(1, "A", "王国强", **born, 住址="甲村1号"))
    county.take("T02", row(2, "B", "王国强", **born, 住址="乙村2号"))
    assert county.person("T01", "A") != county.person("T02", "B")
    (asked,) = review.questions(county.lake).to_dicts()
    path = tmp_path / "核对.xlsx"
    assert review.write_workbook(
        county.lake, county.vault, path, by="张", reason="核对", limit=10
    ) == 1  # fmt: skip
    assert path.stat().st_mode & 0o077 == 0
    looks = county.vault._database.execute(
        "select count(*), max(reason) from reveal_log"
    ).fetchone()
    assert looks == (2, "张：核对")
    table = fastexcel.read_excel(path).load_sheet(0, dtypes="string").to_polars()
    assert table["甲姓名"].to_list() == ["王国强"]
    filled = tmp_path / "填好.xlsx"
    fill(table, filled, ["同一人"])
    done = review.read_workbook(county.lake, filled, by="张")
    assert (done.same, done.refused) == (1, [])
    assert store.update_links(county.lake).merges == 1
    assert county.person("T01", "A") == county.person("T02", "B")
    assert review.questions(county.lake).is_empty()
    assert asked["pair_id"] == review.pair_id(county.source("T01", "A"), county.source("T02", "B"))


def fill(table: pl.DataFrame, path: Path, answers: list[str]) -> None:
    book = xlsxwriter.Workbook(str(path))
    sheet = book.add_worksheet()
    rows = table.with_columns(pl.Series("判定", answers))
    sheet.write_row(0, 0, rows.columns)
    for line, cells in enumerate(rows.fill_null("").rows(), 1):
        sheet.write_row(line, 0, cells)
    book.close()


def test_a_workbook_of_somebody_else_is_refused_by_row(county: County, tmp_path: Path) -> None:
    path = tmp_path / "x.xlsx"
    table = pl.DataFrame({"编号": ["nobody", "b"], "理由": ["", ""]})
    fill(table, path, ["同一人", "也许"])
    done = review.read_workbook(county.lake, path, by="张")
    assert [line[:5] for line in done.refused] == ["第 2 行", "第 3 行"]


@pytest.mark.slow
def test_linking_delivery_by_delivery_gives_the_people_that_linking_at_once_gives(
    county: County,
) -> None:
    pytest.importorskip("splink")
    rows = HardPersons(250, 7).rows()
    members = {"county_hospital": "H01", "township": "T01", "insurance": "T02",
               "public_health": "T03", "mch_centre": "T04"}  # fmt: skip
    number = 0
    for part in (rows[::2], rows[1::2]):
        for (member,), some in part.group_by("member", maintain_order=True):
            lines = []
            for one in some.iter_rows(named=True):
                number += 1
                lines.append(hard_row(number, one))
            county.take(members[str(member)], *lines)
    _, would_move = store.relink(county.lake, dry_run=True)
    assert would_move.height <= 2, would_move
    links = store.read(county.lake, "person_link", store.LINK_SCHEMA)
    assert links["linked_at"].n_unique() > 5
    assert isinstance(links["linked_at"][0], datetime)


def hard_row(number: int, one: dict[str, str]) -> dict[str, str]:
    words = {
        "档案号": "local_id", "姓名": "person_name", "身份证号": "id_number", "性别": "sex_code",
        "出生日期": "birth_date", "电话": "phone", "健康卡号": "health_card_number",
        "医保编号": "insurance_number", "住址": "address",
    }  # fmt: skip
    return {**row(number % 10000, "", ""), "随访编号": f"F{number:06d}",
            **{word: one[name] or "" for word, name in words.items()}}  # fmt: skip
