"""One writer at a time, a clean start, and failures as one line that says what to do."""

import errno
import json
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingestion.agreement import SilverDisagrees, require_agreement
from ingestion.choice import choose_site
from ingestion.ingest import ingest_feed
from ingestion.lake import Lake
from ingestion.ledger import Ledger
from ingestion.vault import Vault
from pipelines import dbt_build, failures, publish, reading, run_lock
from pipelines.run_lock import Busy, DiskFull, writing
from tests.demo import DEMO
from tests.unit.ingestion.builders import contract, visit

PROJECT = Path(__file__).resolve().parents[3]
HOLDER = """
import sys, time
from pathlib import Path
from ingestion.lake import Lake
from pipelines.run_lock import writing
with writing(Lake.open(Path(sys.argv[1])), "yigong run"):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    lake = Lake.open(tmp_path / "lake")
    choose_site(lake.home, DEMO)
    Vault(lake.home).close()
    return lake


@pytest.fixture
def holder(lake: Lake) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", HOLDER, str(lake.home)]
    with subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout
        assert child.stdout.readline() == "held\n"
        yield child
        child.kill()


def yigong(home: Path | str, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pipelines.cli", *words],
        env=os.environ | {"YIGONG_HOME": str(home)},
        cwd=PROJECT, capture_output=True, text=True, timeout=200,
    )  # fmt: skip


def test_a_second_writer_is_told_who_holds_the_lake(
    lake: Lake, holder: subprocess.Popen[str]
) -> None:
    with pytest.raises(Busy), writing(lake, "yigong ingest"):
        pytest.fail("two writers")
    done = yigong(lake.home, "ingest")
    assert done.returncode == 1
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith(f"错误：数据湖正在被 yigong run（进程 {holder.pid}，20")
    assert yigong(lake.home, "status").returncode == 0, "readers need no lock"


def test_a_killed_writer_lets_go_and_what_it_left_is_swept(
    lake: Lake, holder: subprocess.Popen[str]
) -> None:
    stale = [
        lake.silver("encounter") / "day=2026-01-01" / ".a.parquet.1.tmp",
        lake.bronze("clinic__his__a") / "day=2026-01-01" / ".b.parquet.1.tmp",
    ]
    for path in stale:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"half")
    for name in (".v3.building", ".v1.dropped"):
        (lake.published / name).mkdir(parents=True)
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    with writing(lake, "yigong run"), writing(lake, "within it"):
        assert not any(path.exists() for path in stale)
        assert list(lake.published.iterdir()) == []
    stale[0].write_bytes(b"somebody's")
    with writing(lake, "yigong run"):
        assert stale[0].exists(), "after a clean end nothing is looked for"


def test_there_must_be_room_to_begin(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_lock, "MIN_FREE_BYTES", 1 << 60)
    with pytest.raises(DiskFull, match="磁盘空间不足"):
        run_lock.require_room(lake.home, run_lock.MIN_FREE_BYTES)


@pytest.mark.parametrize("words", [("status",), ("ingest",), ("run",)], ids=" ".join)
@pytest.mark.skipif(not Path("/proc/self").exists(), reason="no /proc")
def test_a_home_that_cannot_be_written_is_one_line(words: tuple[str, ...]) -> None:
    done = yigong("/proc/yigong", *words)
    assert done.returncode == 1
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("错误：")
    assert "请检查 YIGONG_HOME 的位置与权限" in line


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "磁盘已满"),
        (PermissionError(errno.EACCES, "Permission denied", "/x"), "/x 无权访问"),
        (OSError(errno.EROFS, "Read-only file system", "/x"), "/x 是只读的"),
        (FileNotFoundError(errno.ENOENT, "No such file", "/x/y"), "错误：/x/y 不存在或无法创建"),
        (sqlite3.OperationalError("attempt to write a readonly database"), "是只读的"),
        (sqlite3.DatabaseError("database disk image is malformed"), "yigong restore"),
        (ValueError("没有数据源"), "错误：没有数据源"),
        (KeyError("x"), "KeyError"),
    ],
)
def test_failures_say_what_to_do(
    error: Exception, said: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert failures.report(error) == 1
    line = capfd.readouterr().err.strip()
    assert said in line
    assert "\n" not in line


def test_whoever_fails_on_a_full_disk_it_is_said_so(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(failures, "_free_bytes", lambda: 0)
    failures.report(RuntimeError("Invalid thrift"))
    assert "磁盘已满" in capfd.readouterr().err


def test_a_damaged_manifest_of_dbt_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DBT_TARGET_PATH", str(tmp_path))
    (tmp_path / "manifest.json").write_text('{"nodes": {"mod')
    os.utime(tmp_path / "manifest.json", (time.time() + 60, time.time() + 60))
    monkeypatch.setattr(
        dbt_build, "invoke", lambda _: (tmp_path / "manifest.json").write_text('{"nodes": {}}')
    )
    assert dbt_build.manifest() == {"nodes": {}}


def test_a_damaged_manifest_of_a_version_is_named(lake: Lake) -> None:
    version = lake.published / "v1"
    version.mkdir(parents=True)
    (version / "manifest.json").write_text("{")
    (lake.published / "current").symlink_to("v1")
    with pytest.raises(ValueError, match="发布清单损坏"):
        reading.status(lake)


def test_a_stop_while_old_versions_go_leaves_no_half_version(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(1, 4):
        (lake.published / f"v{number}").mkdir(parents=True)

    def stopped(path: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(publish.shutil, "rmtree", stopped)
    with pytest.raises(KeyboardInterrupt):
        publish._prune(lake, 1)
    assert publish._versions(lake) == [2, 3]
    monkeypatch.undo()
    publish._prune(lake, 1)
    assert [path.name for path in lake.published.iterdir()] == ["v3"]


def take_one(lake: Lake) -> Path:
    (lake.inbox / "clinic").mkdir(parents=True, exist_ok=True)
    rows = [visit(1), visit(2)]
    lines = [",".join(rows[0]), *(",".join(row.values()) for row in rows)]
    (lake.inbox / "clinic" / "a.csv").write_text("\n".join(lines), "utf-8")
    with Vault(lake.home) as vault, Ledger(lake.home) as ledger:
        ingest_feed(lake, contract(), vault=vault, ledger=ledger, settle=0)
    (path,) = lake.silver("hypertension_visit").glob("*/*--*.parquet")
    return path


def test_silver_that_does_not_hold_what_is_booked_is_never_published(lake: Lake) -> None:
    path = take_one(lake)
    with Ledger(lake.home) as ledger:
        require_agreement(lake, ledger)
        held = path.read_bytes()
        path.unlink()
        with pytest.raises(SilverDisagrees, match="台账 2 行，白银层 0 行"):
            require_agreement(lake, ledger)
        path.write_bytes(held)
        path.with_name(path.name.replace("--", "--9")).write_bytes(held)
        with pytest.raises(SilverDisagrees, match="台账 0 行，白银层 2 行"):
            publish.publish(lake, {"nodes": {}}, quality={})


def test_the_lake_is_its_owners_alone(tmp_path: Path) -> None:
    home = tmp_path / "lake"
    (home / "inbox" / "clinic").mkdir(parents=True)
    (home / "inbox").chmod(0o755)
    choose_site(home, DEMO)
    assert yigong(home, "ingest").returncode == 0
    take_one(Lake.open(home))
    Lake.open(home)
    closed = [path for path in home.iterdir() if path.name != "inbox"]
    assert {stat.S_IMODE(path.stat().st_mode) & 0o077 for path in closed} == {0}
    made = [path for path in (home / "logs").rglob("*") if path.is_file()]
    assert made
    assert all(path.stat().st_mode & 0o077 == 0 for path in made)
    assert (home / "inbox").stat().st_mode & 0o055, "whoever fills the inbox still may"
    assert json.loads(yigong(home, "status", "--json").stdout)["ledger_balanced"]
