"""A second county with other codes, members and five feeds: files in, numbers and cockpit out.

Nothing in the product knows it, and nothing of the demo shows in it.
"""

import json
import os
import shutil
import socket
from collections import Counter
from collections.abc import Iterator
from typing import Any

import duckdb
import pytest
import requests

from ingestion.site import Site
from tests.dashboards.running_cockpit import PYTHON, Cockpit
from tests.end_to_end.conftest import PROJECT, Yigong

TINY = Site.open(PROJECT / "tests" / "sites" / "tiny")
ORGANIZATIONS = {"QH", "QH-C", "QH-H1", "QH-T1", "QH-T2"}


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Yigong:
    """A lake of the second county, whose folder lies in it, that has run once over its samples."""
    home = tmp_path_factory.mktemp("lake")
    shutil.copytree(TINY.folder, home / "county")
    command = Yigong(home, home / "county")
    for feed, contract in TINY.contracts.items():
        (sample,) = TINY.samples(feed)
        target = command.home / "inbox" / contract.location.pattern.replace("*", "a")
        target.parent.mkdir(parents=True)
        shutil.copy(sample, target)
        os.utime(target, (0, 0))
    command("run")
    return command


@pytest.fixture(scope="module")
def values(lake: Yigong) -> dict[tuple[str, str], dict[str, Any]]:
    """The year's values by indicator and organization."""
    found = json.loads(lake("indicators", "--period", "2026", "--json"))
    return {(row["indicator_id"], row["organization_id"]): row for row in found}


Values = dict[tuple[str, str], dict[str, Any]]


def test_the_lake_has_the_feeds_of_its_county_and_no_others(lake: Yigong) -> None:
    found = json.loads(lake("status", "--json"))
    assert (found["site"], found["ledger_balanced"], found["version"]) == ("tiny", True, 1)
    assert {f["feed"]: f["state"] for f in found["feeds"]} == dict.fromkeys(TINY.contracts, "ok")
    shown = json.loads(lake("query", "select feed, state from feed_status", "--json"))
    assert {row["feed"]: row["state"] for row in shown} == dict.fromkeys(TINY.contracts, "ok")


@pytest.mark.parametrize("indicator", ["BPH-17", "BPH-18"])
def test_what_no_contract_of_the_county_fills_reads_no_feed_everywhere(
    indicator: str, values: Values
) -> None:
    states = {o: row["state"] for (i, o), row in values.items() if i == indicator}
    assert states == dict.fromkeys(ORGANIZATIONS, "no_feed")
    assert all(row["value"] is None for (i, _), row in values.items() if i == indicator)
    assert values["CM24-11", "QH"]["state"] == "no_feed"


def test_what_a_feed_says_of_one_organization_is_not_expected_of_others(values: Values) -> None:
    controlled = {o: row for (i, o), row in values.items() if i == "BPH-15-YTD"}
    assert Counter(row["state"] for row in controlled.values()) == {"ok": 3, "not_applicable": 2}
    for organization in ("QH", "QH-C", "QH-T1"):
        row = controlled[organization]
        assert (row["numerator"], row["denominator"]) == (2, 3)


def test_the_countys_own_indicator_is_stated(values: Values) -> None:
    row = values["QH-01", "QH"]
    assert (row["state"], row["numerator"], row["denominator"]) == ("ok", 6, 24)


def test_nothing_of_another_county_is_published(lake: Yigong) -> None:
    path = lake.home / "published" / "current" / "county.duckdb"
    with duckdb.connect(str(path.resolve()), read_only=True) as connection:
        tables = connection.execute(
            "select table_name from information_schema.columns where column_name ="
            " 'organization_id' order by 1"
        ).fetchall()
        found = {
            organization
            for (table,) in tables
            for (organization,) in connection.execute(
                f'select distinct organization_id from "{table}"'
            ).fetchall()
        }
    assert len(tables) > 8
    assert found == ORGANIZATIONS | {"QH-B"}


@pytest.fixture(scope="module")
def cockpit(lake: Yigong) -> Iterator[Cockpit]:
    if not PYTHON.exists():
        if os.environ.get("CI") == "true":
            pytest.fail("the cockpit's environment is missing")
        pytest.skip("the cockpit's environment is not installed: make setup")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    running = Cockpit(f"http://127.0.0.1:{port}", lake.home, port)
    try:
        started = running.run("start")
        assert started.returncode == 0, (started.stdout + started.stderr)[-3000:]
        yield running
    finally:
        running.run("stop")


@pytest.mark.superset
@pytest.mark.slow
def test_the_cockpit_shows_each_account_its_rows(cockpit: Cockpit) -> None:
    assert set(cockpit.accounts) == {"admin", "manager", "assessor", "analyst", "north"}
    seen = {name: organizations(cockpit, name) for name in ("manager", "north")}
    assert seen == {"manager": ORGANIZATIONS, "north": {"QH-T1"}}


def organizations(cockpit: Cockpit, username: str) -> set[str]:
    """Organizations whose indicator values an account is shown."""
    session = cockpit.login(username)
    listed = session.request("GET", "/api/v1/dataset/?q=(columns:!(id,table_name),page_size:100)")
    ids = {item["table_name"]: item["id"] for item in listed.json()["result"]}
    answer = session.query(ids["indicator_display"], ["organization_id"], [])
    assert answer.status_code == 200, answer.text[:500]
    return {row["organization_id"] for row in answer.json()["result"][0]["data"]}


@pytest.mark.superset
@pytest.mark.slow
def test_every_chart_of_the_cockpit_can_be_asked(cockpit: Cockpit) -> None:
    session = cockpit.login("manager")
    listed = session.request("GET", "/api/v1/chart/?q=(columns:!(id,slice_name),page_size:100)")
    shown = {c["slice_name"]: session.chart(c["id"])["rowcount"] for c in listed.json()["result"]}
    assert len(shown) > 15
    assert sum(count > 0 for count in shown.values()) > 10


@pytest.mark.superset
@pytest.mark.slow
def test_an_account_that_the_county_takes_back_is_closed(cockpit: Cockpit) -> None:
    password = cockpit.accounts["north"]["password"]
    line = "{username: south, display_name: 南岸卫生院用户, organization: QH-T2}"
    roles = cockpit.home / "county" / "roles.yml"
    roles.write_text(f"accounts:\n  - {line}\n", "utf-8")
    assert cockpit.run("stop").returncode == 0
    assert cockpit.run("start").returncode == 0
    assert set(cockpit.accounts) == {"admin", "manager", "assessor", "analyst", "south"}
    assert organizations(cockpit, "south") == {"QH-T2"}
    answer = requests.post(
        f"{cockpit.base_url}/api/v1/security/login",
        json={"username": "north", "password": password, "provider": "db"},
        timeout=60,
    )
    assert answer.status_code == 401
