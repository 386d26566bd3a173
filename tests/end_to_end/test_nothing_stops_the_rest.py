"""Whatever lies in the inbox, every good file of every feed comes in and the rest is named."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ingestion.choice import choose_site
from ingestion.contract import Contract
from ingestion.ingest import FeedRun, ingest_feed
from ingestion.lake import Lake
from ingestion.site import Site
from pipelines import reading, steps
from tests.demo import DEMO

PROJECT = Path(__file__).resolve().parents[2]
FAR_CELL = PROJECT / "tests/samples/field_faults/xlsx-one-stray-cell-at-the-far-corner.xlsx"
VISITS, WORKBOOKS, LAST = (
    "township_a__his__visits", "township_b__his__visits", "village_rooms__his__visits",
)  # fmt: skip
CONTRACTS = DEMO.contracts


def place(inbox: Path, feed: str, name: str) -> Path:
    """The feed's sample in its folder, at rest."""
    (sample,) = DEMO.samples(feed)
    folder = inbox / Path(CONTRACTS[feed].location.pattern).parent
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / name
    shutil.copy(sample, target)
    os.utime(target, (0, 0))
    return target


def yigong(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    choose_site(home, DEMO)
    return subprocess.run(
        [sys.executable, "-m", "pipelines.cli", *words],
        env=os.environ | {"YIGONG_HOME": str(home)},
        cwd=PROJECT, capture_output=True, text=True, timeout=200,
    )  # fmt: skip


def test_one_run_takes_what_is_good_and_names_the_rest(tmp_path: Path) -> None:
    home, outside = tmp_path / "lake", tmp_path / "secret.csv"
    inbox = home / "inbox"
    outside.write_bytes(b"secret")
    folder = place(inbox, VISITS, "R[red].CSV").parent
    (folder / "link.csv").symlink_to(outside)
    (folder / "readme[red].txt").write_bytes(b"x")
    far = place(inbox, WORKBOOKS, "far.xlsx")
    far.write_bytes(FAR_CELL.read_bytes())
    os.utime(far, (0, 0))
    place(inbox, LAST, "good.csv")

    done = yigong(home, "ingest", "--json")
    assert done.returncode == 7, done.stderr
    taken = {row["feed"]: row["accepted"] for row in json.loads(done.stdout) if row["files"]}
    assert set(taken) == {VISITS, WORKBOOKS, LAST}
    assert taken[VISITS] > 0
    assert taken[LAST] > 0
    lines = [line for line in done.stderr.splitlines() if line.startswith("未接入：")]
    name = folder.name
    assert lines == [
        f"未接入：{VISITS} {name}/link.csv：链接指向收件目录之外，拒绝读取",
        f"未接入：{WORKBOOKS} {far.parent.name}/far.xlsx"
        "：已整个隔离（解析超过单文件内存或时间上限）",
        f"未接入：{name}/readme[red].txt：没有契约认领",
    ]
    found = json.loads(yigong(home, "status", "--json").stdout)
    assert [(one["why"], one["name"]) for one in found["left"]] == [
        ("link_outside", f"{name}/link.csv"),
        ("set_aside", f"{far.parent.name}/far.xlsx"),
        ("unmatched", f"{name}/readme[red].txt"),
    ]

    (folder / "link.csv").unlink()
    again = yigong(home, "ingest", "--json")
    assert again.returncode == 0, "what nobody claims is named and harmless"
    assert "readme[red].txt" in again.stderr


def part_of_the_demo(folder: Path, *feeds: str) -> Site:
    """A site with some of the demo's feeds."""
    for feed in feeds:
        member, name = feed.split("__", 1)
        (folder / "contracts" / member).mkdir(parents=True)
        shutil.copy(
            DEMO.folder / "contracts" / member / f"{name}.yml", folder / "contracts" / member
        )
    shutil.copytree(DEMO.folder / "crosswalks", folder / "crosswalks")
    shutil.copy(DEMO.folder / "site.yml", folder)
    return Site.open(folder)


def test_a_feed_that_raises_keeps_no_other_from_being_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = Lake.open(tmp_path)
    place(lake.inbox, VISITS, "a.csv")
    place(lake.inbox, LAST, "a.csv")
    choose_site(lake.home, part_of_the_demo(tmp_path / "site", VISITS, LAST))

    def ingest(lake: Lake, contract: Contract, **words: object) -> FeedRun:
        if contract.feed == VISITS:
            raise ZeroDivisionError("张三")
        return ingest_feed(lake, contract, **words)  # type: ignore[arg-type]

    monkeypatch.setattr(steps, "ingest_feed", ingest)
    done = steps.ingest(lake)
    assert not done.whole
    assert [(run.feed, run.files) for run in done.feeds] == [(VISITS, 0), (LAST, 1)]
    assert [str(one) for one in done.left] == [f"{VISITS}：本数据源接入中断（ZeroDivisionError）"]
    assert reading.left_lying(lake)[0]["feed"] == VISITS
