"""One bad file never stops the others: it is named, they are taken."""

import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from ingestion import guard, landing
from ingestion.contract import Contract
from ingestion.formats import tabular
from ingestion.formats.source import Parsed, SourceFile
from ingestion.ingest import FeedRun, ingest_feed
from ingestion.lake import Lake
from ingestion.ledger import Ledger
from ingestion.quarantine import entries, replay
from ingestion.vault import Vault
from tests.unit.ingestion.builders import contract, visit

PROJECT = Path(__file__).resolve().parents[3]
FAR_CELL = PROJECT / "tests/samples/field_faults/xlsx-one-stray-cell-at-the-far-corner.xlsx"
PLAIN = tabular.read


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    lake = Lake.open(tmp_path)
    (lake.inbox / "clinic").mkdir(parents=True)
    return lake


def put(lake: Lake, name: str, *numbers: int, mark: str = "") -> None:
    rows = [visit(number) for number in numbers]
    lines = [",".join(rows[0]), *(",".join(row.values()) for row in rows)]
    (lake.inbox / "clinic" / name).write_text("\n".join(lines) + mark + "\n", "utf-8")


def take(lake: Lake, feed: Contract) -> tuple[FeedRun, list[dict[str, Any]]]:
    with Vault(lake.home) as vault, Ledger(lake.home) as ledger:
        run = ingest_feed(lake, feed, vault=vault, ledger=ledger, settle=0)
        assert ledger.balanced()
        return run, [dict(row) for row in entries(ledger)]


@pytest.fixture
def marked_files_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader that raises over a file with a mark, here; the process apart reads as it is."""

    def read(files: Sequence[SourceFile], *words: Any, **more: Any) -> Parsed:
        if any(b"\nMARK" in file.data for file in files):
            raise ZeroDivisionError("张三")
        return PLAIN(files, *words, **more)

    monkeypatch.setattr(tabular, "read", read)


@pytest.mark.usefixtures("marked_files_fail")
def test_when_a_reader_raises_here_every_file_is_read_apart(lake: Lake) -> None:
    put(lake, "a.csv", 1)
    put(lake, "b.csv", 2, mark="\nMARK")
    put(lake, "c.csv", 3)
    run, quarantine = take(lake, contract())
    assert (run.files, run.count.accepted) == (3, 3)
    assert [q["reason_code"] for q in quarantine] == ["malformed_table"], "one cell, by itself"


def test_a_file_that_kills_the_process_apart_is_set_aside_and_the_rest_taken(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a.csv", "b.csv", "c.csv"):
        put(lake, name, ord(name[0]))
    put(lake, "b.csv", *range(100, 60_000))
    monkeypatch.setattr(guard, "parse_in_time", lambda *_: None)
    monkeypatch.setenv("YIGONG_FILE_SECONDS", "0")
    monkeypatch.setattr(guard, "SECONDS_PER_MEGABYTE", 0.0)
    plain = guard.patience
    monkeypatch.setattr(guard, "patience", lambda size: 0.001 if size > 1e6 else plain(size) + 20)
    run, quarantine = take(lake, contract())
    assert (run.files, run.count.accepted) == (3, 2)
    assert [(q["file_name"], q["reason_code"]) for q in quarantine] == [
        ("clinic/b.csv", "too_costly")
    ]
    assert [(one.name, one.why) for one in run.left] == [("clinic/b.csv", "set_aside")]

    monkeypatch.undo()
    with Vault(lake.home) as vault, Ledger(lake.home) as ledger:
        done = replay(lake, contract(), vault=vault, ledger=ledger)
        assert (done.tried, done.accepted) == (1, 59_900)
        assert ledger.balanced()


def test_memory_of_a_file_is_capped(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    put(lake, "a.csv", 1)
    put(lake, "b.csv", 2, mark='\n"xx",11111,22222,33333,44444,5555' * 2_500_000)
    monkeypatch.setattr(guard, "parse_in_time", lambda *_: None)
    monkeypatch.setenv("YIGONG_FILE_MEMORY_MB", "1600")
    run, quarantine = take(lake, contract())
    assert run.count.accepted == 1
    assert [(q["file_name"], q["reason_code"]) for q in quarantine] == [
        ("clinic/b.csv", "too_costly")
    ]


def test_a_reader_that_does_not_end_is_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    def read(*_: Any, **__: Any) -> Parsed:
        while True:
            time.sleep(0.01)

    monkeypatch.setattr(tabular, "read", read)
    monkeypatch.setattr(guard, "patience", lambda _: 0.1)
    before = signal.getsignal(signal.SIGALRM)
    assert guard.parse_in_time(contract(), [SourceFile("a", b"x")]) is None
    assert signal.getsignal(signal.SIGALRM) == before


def test_rows_that_cannot_be_conformed_are_found_by_halving(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(1, 8):
        put(lake, f"{number}.csv", number)
    plain = landing.conform

    def conform(source: Any, **words: Any) -> Any:
        if (source["随访编号"] == "F0005").any():
            raise ZeroDivisionError("张三")
        return plain(source, **words)

    monkeypatch.setattr(landing, "conform", conform)
    run, quarantine = take(lake, contract())
    assert (run.files, run.count.accepted) == (7, 6)
    (piece,) = quarantine
    assert (piece["file_name"], piece["reason_code"]) == ("clinic/5.csv", "reader_failed")
    assert piece["detail"] == "hypertension_visit: ZeroDivisionError", "where, not what"


def test_a_run_after_one_that_died_reads_the_same_files_apart(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(lake, "a.csv", 1)
    died = subprocess.run([sys.executable, "-c", DIES, str(lake.home)], cwd=PROJECT, check=False)
    assert died.returncode == -signal.SIGABRT
    monkeypatch.setattr(guard, "parse_in_time", lambda *_: pytest.fail("read here again"))
    run, _ = take(lake, contract())
    assert run.count.accepted == 1
    put(lake, "b.csv", 2)
    monkeypatch.undo()
    assert take(lake, contract())[0].count.accepted == 1, "and is forgotten then"


DIES = """
import os, sys
from pathlib import Path
from ingestion import guard
from ingestion.lake import Lake
from tests.unit.ingestion.builders import contract
from tests.unit.ingestion.test_guard import take
guard.parse_in_time = lambda *_: os.abort()
take(Lake.open(Path(sys.argv[1])), contract())
"""


def test_a_workbook_with_a_stray_cell_in_the_far_corner_is_refused_by_name(lake: Lake) -> None:
    feed = contract(location={"kind": "directory", "pattern": "clinic/*"})
    (lake.inbox / "clinic" / "far.xlsx").write_bytes(FAR_CELL.read_bytes())
    put(lake, "good.csv", 1)
    run, quarantine = take(lake, feed)
    assert run.count.accepted == 1
    (piece,) = quarantine
    assert (piece["reason_code"], piece["detail"]) == (
        "too_costly", "used range up to cell XFD1048576",
    )  # fmt: skip
    assert str(run.left[0]).endswith("clinic/far.xlsx：已整个隔离（解析超过单文件内存或时间上限）")


def test_a_file_above_the_limit_of_its_feed_is_kept_and_refused_unread(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(lake, "a.csv", 1, 2)
    monkeypatch.setattr(guard, "parse_in_time", lambda *_: pytest.fail("read"))
    _, quarantine = take(lake, contract(options={"max_bytes": 10}))
    assert [q["reason_code"] for q in quarantine] == ["file_too_large"]
