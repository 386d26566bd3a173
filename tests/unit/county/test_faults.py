"""What the county plants is what the pipeline answers, fault by fault and row by row."""

from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from county import build
from county.outbox import Outbox
from county.parameters import parameters, use_parameters
from county.profiles import Profile, apply_profile
from county.scene import Planted
from county.systems.faults import RowFaults
from county.systems.layouts import Layout
from ingestion.ingest import ingest_feed
from ingestion.lake import Lake
from ingestion.ledger import Ledger
from ingestion.quarantine import entries
from ingestion.vault import Vault
from tests.demo import DEMO
from tests.unit.county.built import Built

COLUMNS = ("received", "accepted", "quarantined", "duplicate")
LAYOUT = Layout.model_validate(
    {"file": "a_{month}.csv", "key": "id", "columns": {"id": "id", "value": "value"}}
)


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    """A small county in which four rows of ten are followed by a broken copy."""

    def heavy(name: str) -> Profile:
        profile = apply_profile(name)
        parameters()["faults"].update(row_fault=0.4, quarantined_ceiling=1.0)
        return profile

    root = tmp_path_factory.mktemp("broken") / "county"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(build, "apply_profile", heavy)
        yield Built(root, build.build_county(200, 1, 11, root))
    use_parameters({})


def test_every_fault_is_refused_for_the_reason_the_layout_gives(
    broken: Built, tmp_path: Path
) -> None:
    lake = Lake.open(tmp_path)
    lake.inbox.symlink_to(broken.root / "inbox")
    faults = broken.key("faults").filter(pl.col("outcome") == "quarantined")
    truth = {row["feed"]: row for row in broken.key("ledger").iter_rows(named=True)}
    with Vault(lake.home) as vault, Ledger(lake.home) as ledger:
        for feed, contract in DEMO.contracts.items():
            if feed in truth:
                ingest_feed(lake, contract, vault=vault, ledger=ledger, settle=0)
        refused = {
            (e["feed"], Path(e["file_name"]).name, e["record_number"]): e["reason_code"]
            for e in entries(ledger)
        }
        books = ledger.feeds()
    wrong = [
        (feed, row["kind"], row["reason_code"], refused.get(place))
        for row in faults.iter_rows(named=True)
        if refused.get(
            place := ((feed := row["feed"]), Path(row["file"]).name, row["record_number"])
        ) != row["reason_code"]
    ]  # fmt: skip
    assert not wrong, f"{len(wrong)} of {len(faults)}: {sorted(set(wrong))[:10]}"
    uneven = {
        feed: (tuple(books[feed][c] for c in COLUMNS), tuple(row[c] for c in COLUMNS))
        for feed, row in truth.items()
        if any(books[feed][c] != row[c] for c in COLUMNS)
    }
    assert not uneven


def sheet(rows: RowFaults, planted: list[Planted], *, last: bool, month: str = "202601") -> int:
    frame = pl.DataFrame({"id": [f"{month}{n}" for n in range(2_000)], "value": ["1"] * 2_000})
    return rows.sheet("feed", LAYOUT, f"a_{month}.csv", frame, planted, last=last).accepted


def test_late_rows_come_with_the_next_file_and_none_is_lost(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path)
    rows = RowFaults(outbox, 7)
    first = sheet(rows, [], last=False)
    second = sheet(rows, [], last=True, month="202602")
    assert first < 2_000 < second
    assert first + second == 4_000
    late = outbox.fault_frame().filter(pl.col("kind") == "late_row")
    assert set(late["file"]) == {"a_202602.csv"}
    assert len(late) == 2_000 - first


def test_a_fault_of_meaning_names_its_record(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path)
    sheet(RowFaults(outbox, 7), [Planted("cloned_reading", "2026013", "value")], last=True)
    (fault,) = outbox.fault_frame().filter(pl.col("kind") == "cloned_reading").iter_rows(named=True)
    assert (fault["item"], fault["outcome"]) == ("value", "accepted")
    assert fault["record_number"] >= 4


def test_a_planted_key_without_a_row_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="cloned_reading"):
        sheet(RowFaults(Outbox(tmp_path), 7), [Planted("cloned_reading", "no")], last=True)


def test_equal_true_rows_are_an_error(tmp_path: Path) -> None:
    frame = pl.DataFrame({"id": ["1", "1"], "value": ["a", "a"]})
    with pytest.raises(ValueError, match="equal rows"):
        RowFaults(Outbox(tmp_path), 7).sheet("feed", LAYOUT, "a.csv", frame, [], last=True)
