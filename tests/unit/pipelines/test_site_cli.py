"""Choosing a county and trying its folder, on the command line."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ingestion.site import Site
from ingestion.site_check import check_feed

PROJECT = Path(__file__).resolve().parents[3]
TINY = PROJECT / "tests" / "sites" / "tiny"


def yigong(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pipelines.cli", *words],
        env=os.environ | {"YIGONG_HOME": str(home)}, cwd=PROJECT, capture_output=True, text=True,
    )  # fmt: skip


@pytest.mark.parametrize(
    "words",
    [("status",), ("run",), ("ingest",), ("build",), ("publish",), ("unmapped",), ("dev",),
     ("indicators", "--period", "2026"), ("quarantine", "replay"), ("site", "check")],
    ids=" ".join,
)  # fmt: skip
def test_a_command_that_needs_contracts_says_in_one_line_how_to_choose_a_county(
    words: tuple[str, ...], tmp_path: Path
) -> None:
    done = yigong(tmp_path, *words)
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert "还没有选定县" in line
    assert "yigong init --site demo" in line


def test_a_lake_belongs_to_the_county_it_was_given_and_keeps_it(tmp_path: Path) -> None:
    from ingestion.lake import Lake

    home = tmp_path / "lake"
    told = json.loads(yigong(home, "init", "--site", str(TINY), "--json").stdout)
    assert (told["site"], told["county"], told["feeds"], told["former"]) == ("tiny", "QH", 5, None)
    assert json.loads(yigong(home, "status", "--json").stdout)["site"] == "tiny"
    assert check_feed(Site.open(TINY), "north__clinic__visits", Lake.open(home)).problem is None
    refused = yigong(home, "init", "--site", "demo")
    assert refused.returncode == 1
    assert "不能改为" in refused.stderr
    assert json.loads(yigong(home, "status", "--json").stdout)["site"] == "tiny"


def test_checking_a_folder_needs_no_lake_and_ends_with_one_when_something_is_wrong(
    tmp_path: Path,
) -> None:
    good = yigong(tmp_path, "site", "check", str(TINY), "--json")
    assert good.returncode == 0
    found = json.loads(good.stdout)
    assert [row["problem"] for row in found["feeds"]] == [None] * 5
    assert sum(row["accepted"] for row in found["feeds"]) == 37
    lacking = tmp_path / "lacking"
    (lacking / "contracts").mkdir(parents=True)
    for name in ("site.yml", "contracts/bureau", "crosswalks"):
        (lacking / name).symlink_to(TINY / name)
    bad = yigong(tmp_path, "site", "check", str(lacking))
    assert bad.returncode == 1
    assert "没有样本" in bad.stdout
    assert yigong(tmp_path, "site", "check", str(tmp_path / "no")).returncode == 1
