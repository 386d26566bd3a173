"""The real cockpit for the tests: Superset on a free port over a published county, and a browser.

The county is a small one of the simulator that the pipeline has taken in, built and published.

YIGONG_TEST_HOME, when set, is a data home whose published county is used instead;
nothing is written into it. Without the Superset environment or Chromium the tests skip with a
reason; under CI=true they fail.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from county.build import build_county
from ingestion.choice import choose_site
from standards.catalogue import load_systems
from tests.dashboards.running_cockpit import DASHBOARDS, PYTHON, Cockpit
from tests.demo import DEMO

RESIDENTS, MONTHS, SEED = 300, 2, 7
CHROMIUM = Path(os.environ.get("YIGONG_CHROMIUM", "/usr/bin/chromium"))
CHROMIUM_OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
sys.path.insert(0, str(DASHBOARDS))  # its files import each other by their plain names


def need(path: Path, what: str) -> None:
    """Skip with a reason when something is not installed; under CI that is a failure."""
    if path.exists():
        return
    if os.environ.get("CI") == "true":
        pytest.fail(f"{what} is missing: {path.name}")
    pytest.skip(f"{what} is not installed")


def small_inbox(folder: Path) -> Path:
    """A small county's files, without the feeds that no figure of the cockpit comes from."""
    build_county(RESIDENTS, MONTHS, SEED, folder)
    needed = {e for s in load_systems() for i in s.indicators for e in i.requires}
    needed |= {"organization", "resident", "diagnosis", "prescription", "laboratory_result"}
    kept = {
        contract.location.pattern.split("/")[0]
        for contract in DEMO.contracts.values()
        if needed & set(contract.mapping().records)
    }
    for member in (folder / "inbox").iterdir():
        if member.name not in kept:
            shutil.rmtree(member)
    return folder / "inbox"


@pytest.fixture(scope="session")
def cockpit_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data home with a county that the pipeline has published."""
    home = tmp_path_factory.mktemp("cockpit")
    if given := os.environ.get("YIGONG_TEST_HOME"):
        for name in ("published", "lake.yml"):
            (home / name).symlink_to(Path(given).resolve() / name)
    else:
        inbox = small_inbox(home / "county")
        choose_site(home, DEMO)
        done = subprocess.run(
            [str(Path(sys.executable).parent / "yigong"), "run", "--inbox", str(inbox)],
            env=os.environ | {"YIGONG_HOME": str(home)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    return home


@pytest.fixture(scope="session")
def warehouse_file(cockpit_home: Path) -> Path:
    """The published DuckDB file."""
    return (cockpit_home / "published" / "current" / "county.duckdb").resolve()


@pytest.fixture(scope="session")
def county(warehouse_file: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A read-only connection to the published county."""
    with duckdb.connect(str(warehouse_file), read_only=True) as connection:
        yield connection


@pytest.fixture(scope="session")
def cockpit(cockpit_home: Path) -> Iterator[Cockpit]:
    """The real cockpit on a free port of this machine."""
    need(PYTHON, "the Superset environment dashboards/.venv")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    running = Cockpit(f"http://127.0.0.1:{port}", cockpit_home, port)
    try:
        started = running.run("start")
        assert started.returncode == 0, (started.stdout + started.stderr)[-3000:]
        yield running
    finally:
        running.run("stop")


@pytest.fixture(scope="session")
def chart_ids(cockpit: Cockpit) -> dict[str, int]:
    """Chart id by the uuid that the bundle gives it."""
    response = cockpit.login("admin").request(
        "GET", "/api/v1/chart/?q=(columns:!(id,uuid),page_size:100)"
    )
    return {item["uuid"]: item["id"] for item in response.json()["result"]}


@pytest.fixture(scope="session")
def dataset_ids(cockpit: Cockpit) -> dict[str, int]:
    """Dataset id by table name."""
    response = cockpit.login("admin").request(
        "GET", "/api/v1/dataset/?q=(columns:!(id,table_name),page_size:100)"
    )
    return {item["table_name"]: item["id"] for item in response.json()["result"]}


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Headless Chromium with an empty profile."""
    need(CHROMIUM, "Chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            str(tmp_path_factory.mktemp("profile")),
            executable_path=str(CHROMIUM),
            headless=True,
            args=CHROMIUM_OPTIONS,
            viewport={"width": 1680, "height": 1000},
            locale="zh-CN",
        )
        yield context
        context.close()
