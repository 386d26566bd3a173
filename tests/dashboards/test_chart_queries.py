"""Every chart's query, replayed: figures agree with SQL, rows stay with those who may read them."""

from __future__ import annotations

import json
import os
import shutil
import stat
import time
from collections.abc import Iterator
from typing import Any

import asset_files
import duckdb
import pytest
import requests

from tests.dashboards.running_cockpit import Api, Cockpit

pytestmark = pytest.mark.superset

ASSETS = asset_files.read_assets()
ORGANIZED = sorted(
    table for table, dataset in ASSETS.datasets.items() if "organization_id" in dataset.columns
)
INSTITUTION = "653999T01"
SUBTREE = f"select organization_id from organization_ancestor where ancestor_id = '{INSTITUTION}'"


def _own(column: str) -> str:
    return (
        f"select sum({column}) from service_month "
        "where month = (select max(month) from service_month) and {scope}"
    )


def _own_ratio(numerator: str, denominator: str) -> str:
    return _own("0").replace(
        "sum(0)", f"cast(sum({numerator}) as double) / nullif(sum({denominator}), 0)"
    )


def _indicator(identifier: str) -> str:
    return (
        f"select value from indicator_display where indicator_id = '{identifier}' "
        "and is_latest_month and organization_id = '{top}'"
    )


TILES = {
    "primary_care_share_tile": _indicator("CM24-07"),
    "county_inpatient_share_tile": _indicator("CM24-11"),
    "hypertension_standard_tile": _indicator("BPH-14-YTD"),
    "hypertension_control_tile": _indicator("BPH-15-YTD"),
    "outpatient_visits_tile": _own("outpatient_visits"),
    "discharges_tile": _own("discharges"),
    "bed_occupancy_tile": _own_ratio("occupied_bed_days", "open_bed_days"),
    "average_stay_tile": _own_ratio("discharge_bed_days", "discharges"),
}


@pytest.fixture(scope="module")
def ids(chart_ids: dict[str, int]) -> dict[str, int]:
    return {name: chart_ids[asset_files.stable_id("chart", name)] for name in ASSETS.charts}


def latest(result: dict[str, Any], metric: str) -> Any:
    """The tile's figure: the metric of the last month."""
    rows = sorted(result["data"], key=lambda row: row["month"])
    return rows[-1][metric] if rows else None


def only_blanks(result: dict[str, Any]) -> bool:
    """No row, or one row of an aggregate over nothing."""
    rows = result["data"]
    return not rows or (len(rows) == 1 and not any(rows[0].values()))


@pytest.mark.parametrize("name", sorted(ASSETS.charts))
def test_every_chart_has_rows(name: str, cockpit: Cockpit, ids: dict[str, int]) -> None:
    assert cockpit.login("manager").chart(ids[name])["rowcount"] > 0


@pytest.mark.parametrize("name", sorted(TILES))
def test_a_tile_shows_what_sql_says(
    name: str, cockpit: Cockpit, ids: dict[str, int], county: duckdb.DuckDBPyConnection
) -> None:
    sql = TILES[name].format(scope="true", top="653999")
    expected = county.execute(sql).fetchone()
    shown = latest(cockpit.login("manager").chart(ids[name]), ASSETS.charts[name]["metric"])
    assert expected is not None
    assert shown == pytest.approx(float(expected[0]), rel=1e-9)


@pytest.mark.parametrize("name", sorted(set(TILES) - {"county_inpatient_share_tile"}))
def test_a_tile_of_an_institution_shows_its_own_figure(
    name: str, cockpit: Cockpit, ids: dict[str, int], county: duckdb.DuckDBPyConnection
) -> None:
    sql = TILES[name].format(scope=f"organization_id in ({SUBTREE})", top=INSTITUTION)
    expected = county.execute(sql).fetchone()
    shown = latest(cockpit.login("township_a").chart(ids[name]), ASSETS.charts[name]["metric"])
    assert expected is not None
    assert shown == pytest.approx(float(expected[0]), rel=1e-9)


def test_a_figure_of_the_county_is_not_shown_to_an_institution(
    cockpit: Cockpit, ids: dict[str, int]
) -> None:
    result = cockpit.login("township_a").chart(ids["county_inpatient_share_tile"])
    assert all(row["rate"] is None for row in result["data"])


@pytest.mark.parametrize("table", ORGANIZED)
def test_an_institution_sees_only_its_subtree_of_a_dataset(
    table: str,
    cockpit: Cockpit,
    dataset_ids: dict[str, int],
    county: duckdb.DuckDBPyConnection,
) -> None:
    answer = cockpit.login("township_a").query(dataset_ids[table], ["organization_id"], [])
    assert answer.status_code == 200, answer.text[:300]
    seen = {row["organization_id"] for row in answer.json()["result"][0]["data"]}
    expected = county.execute(
        f"select distinct organization_id from {table} where organization_id in ({SUBTREE})"
    ).fetchall()
    assert seen == {row[0] for row in expected}
    assert seen or "YIGONG_TEST_HOME" in os.environ, "the fixture must have rows here"


@pytest.mark.parametrize("name", sorted(ASSETS.charts))
def test_every_chart_of_an_institution_carries_its_rule(
    name: str, cockpit: Cockpit, ids: dict[str, int], county: duckdb.DuckDBPyConnection
) -> None:
    result = cockpit.login("township_a").chart(ids[name])
    if ASSETS.charts[name]["dataset"] not in ORGANIZED:
        return
    assert f"ancestor_id = '{INSTITUTION}'" in result["query"]
    names = {
        row[0]
        for row in county.execute(
            f"select organization_name from organization where organization_id in ({SUBTREE})"
        ).fetchall()
    }
    seen = {row["organization_name"] for row in result["data"] if "organization_name" in row}
    assert seen <= names


def test_an_institution_cannot_reach_around_its_rule(
    cockpit: Cockpit, dataset_ids: dict[str, int]
) -> None:
    metric = {
        "expressionType": "SQL",
        "sqlExpression": "(select sum(outpatient_visits) from service_month)",
        "label": "all_visits",
    }
    answer = cockpit.login("township_a").query(dataset_ids["service_month"], [], [metric])
    assert answer.status_code != 200
    assert "all_visits" not in json.dumps(answer.json().get("result", ""))


@pytest.fixture(scope="module")
def stranger(cockpit: Cockpit) -> Iterator[Api]:
    """An account with the rights of an institution and no row rule."""
    admin = cockpit.login("admin")
    roles = admin.request("GET", "/api/v1/security/roles/?q=(page_size:100)").json()["result"]
    like = next(role["id"] for role in roles if role["name"] == f"机构用户·{INSTITUTION}")
    rights = admin.request("GET", f"/api/v1/security/roles/{like}/permissions/").json()["result"]
    made = admin.request("POST", "/api/v1/security/roles/", json={"name": "没有规则的角色"})
    role = made.json()["id"]
    admin.request(
        "POST",
        f"/api/v1/security/roles/{role}/permissions",
        json={"permission_view_menu_ids": [right["id"] for right in rights]},
    )
    password = "a-stranger-of-the-tests"
    user = admin.request(
        "POST",
        "/api/v1/security/users/",
        json={
            "username": "stranger", "first_name": "外人", "last_name": "测试", "active": True,
            "email": "stranger@localhost", "password": password, "roles": [role],
        },
    )  # fmt: skip
    assert user.status_code == 201, user.text
    yield cockpit.login("stranger", password)
    admin.request("DELETE", f"/api/v1/security/users/{user.json()['id']}")
    admin.request("DELETE", f"/api/v1/security/roles/{role}")


@pytest.mark.parametrize("table", ORGANIZED)
def test_an_account_without_a_rule_sees_nothing(
    table: str, stranger: Api, dataset_ids: dict[str, int]
) -> None:
    answer = stranger.query(dataset_ids[table], ["organization_id"], [])
    assert answer.status_code == 200, answer.text[:300]
    assert answer.json()["result"][0]["data"] == []


def _sql_lab(api: Api, sql: str) -> requests.Response:
    databases = api.request("GET", "/api/v1/database/").json().get("result", [])
    return api.request(
        "POST",
        "/api/v1/sqllab/execute/",
        json={
            "database_id": databases[0]["id"] if databases else 1,
            "sql": sql,
            "schema": "main",
            "runAsync": False,
            "queryLimit": 10,
            "client_id": f"t{time.monotonic_ns() % 10**9}",
        },
    )


@pytest.mark.parametrize("username", ["admin", "analyst"])
def test_sql_lab_answers_those_who_may_query(username: str, cockpit: Cockpit) -> None:
    answer = _sql_lab(cockpit.login(username), "select count(*) as visits from service_month")
    assert answer.status_code == 200, answer.text[:300]
    assert answer.json()["data"][0]["visits"] > 0


@pytest.mark.parametrize("username", ["manager", "assessor", "township_a"])
def test_sql_lab_is_closed_to_readers(username: str, cockpit: Cockpit) -> None:
    answer = _sql_lab(cockpit.login(username), "select 1")
    assert answer.status_code in (401, 403), answer.text[:300]


@pytest.mark.parametrize(
    "sql",
    [
        "select * from read_text('/etc/passwd')",
        "select * from read_csv('/etc/passwd')",
        "select * from '/etc/passwd'",
        "set enable_external_access = true",
        "attach '/etc/passwd' as host",
        "copy service_month to 'out.csv'",
        "create table mine as select 1",
        "delete from service_month",
    ],
)
def test_sql_lab_cannot_leave_the_published_file(sql: str, cockpit: Cockpit) -> None:
    answer = _sql_lab(cockpit.login("admin"), sql)
    assert answer.status_code != 200, answer.text[:300]
    assert "CSRF" not in answer.text
    assert "root:" not in answer.text


def test_passwords_are_generated_and_private(cockpit: Cockpit) -> None:
    path = cockpit.home / "superset" / "accounts.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    passwords = [account["password"] for account in cockpit.accounts.values()]
    assert len(set(passwords)) == len(passwords)
    assert min(map(len, passwords)) >= 20


def test_nobody_comes_in_without_an_account(cockpit: Cockpit) -> None:
    answer = requests.get(f"{cockpit.base_url}/api/v1/chart/", timeout=30)
    assert answer.status_code == 401 or answer.json().get("count") == 0
    page = requests.get(
        f"{cockpit.base_url}/superset/dashboard/county-overview/",
        timeout=30,
        allow_redirects=False,
    )
    assert page.status_code in (302, 401, 403)


def test_a_page_may_load_nothing_from_outside(cockpit: Cockpit) -> None:
    policy = requests.get(f"{cockpit.base_url}/login/", timeout=30).headers[
        "Content-Security-Policy"
    ]
    assert "http:" not in policy and "https:" not in policy
    assert "default-src 'self'" in policy


def test_starting_again_changes_nothing(cockpit: Cockpit) -> None:
    process = cockpit.home / "superset" / "gunicorn.pid"
    before = cockpit.accounts, process.read_text()
    again = cockpit.run("start")
    assert again.returncode == 0, again.stderr[-1000:]
    assert cockpit.base_url in again.stdout
    log = (cockpit.home / "superset" / "bootstrap.log").read_text(encoding="utf-8")
    assert "nothing to do" in log.splitlines()[-1]
    assert (cockpit.accounts, process.read_text()) == before
    assert cockpit.run("status").returncode == 0


def test_a_new_publication_is_seen_after_refresh(cockpit: Cockpit, ids: dict[str, int]) -> None:
    published = cockpit.home / "published"
    if published.is_symlink():
        pytest.skip("a given data home is not written to")
    manager = cockpit.login("manager")
    path = f"/api/v1/chart/{ids['outpatient_visits_tile']}/data/"
    before = latest(manager.request("GET", path).json()["result"][0], "outpatient_visits_total")
    shutil.copytree(published / "v1", published / "v2")
    with duckdb.connect(str(published / "v2" / "county.duckdb")) as connection:
        connection.execute("update service_month set outpatient_visits = outpatient_visits + 1000")
        organizations = connection.execute(
            "select count(distinct organization_id) from service_month"
        ).fetchone()[0]
    swap = published / "next"
    try:
        swap.symlink_to("v2")
        swap.replace(published / "current")
        assert cockpit.run("refresh").returncode == 0
        after = latest(manager.request("GET", path).json()["result"][0], "outpatient_visits_total")
    finally:
        swap.unlink(missing_ok=True)
        swap.symlink_to("v1")
        swap.replace(published / "current")
        cockpit.run("refresh")
    assert after == before + 1000 * organizations


def test_guessing_passwords_is_throttled(cockpit: Cockpit) -> None:
    """Last of this file: afterwards the interface takes no login from here for a minute."""
    wrong = {"username": "admin", "password": "wrong", "provider": "db"}
    codes = [
        requests.post(
            f"{cockpit.base_url}/api/v1/security/login", json=wrong, timeout=30
        ).status_code
        for _ in range(40)
    ]
    assert 200 not in codes
    assert 429 in codes
