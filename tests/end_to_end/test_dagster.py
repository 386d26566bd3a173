"""Dagster for real: every asset, every check, what a failed check stops, and the page.

One process runs the job twice, as the daemon would; between the runs the commission's register
arrives with a second county in it. Only the event log is in memory.
"""

import json
import os
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from county.build import build_county
from tests.end_to_end.conftest import PROJECT, Yigong, subset

pytestmark = pytest.mark.slow

TWO_RUNS = """
import json, sys
from pathlib import Path
import dagster as dg
from pipelines.definitions import defs
from tests.end_to_end.test_states_and_stops import register

home = Path(sys.argv[1])
graph = defs.resolve_asset_graph()
told = {
    "loaded": sorted({name.split(".")[0] for name in sys.modules}),
    "keys": sorted(key.to_user_string() for key in graph.get_all_asset_keys()),
    "check_count": len(graph.asset_check_keys),
    "runs": [],
}
job = defs.resolve_job_def("daily_run")
for arrives in ("county", "register"):
    if arrives == "register":
        register(home, "653998", "另一个县", level="县")
    with dg.DagsterInstance.ephemeral() as instance:
        run = job.execute_in_process(instance=instance, raise_on_error=False)
    told["runs"].append({
        "success": run.success,
        "materialized": {
            event.asset_key.to_user_string(): {
                name: value.value for name, value in event.materialization.metadata.items()
            }
            for event in run.get_asset_materialization_events()
        },
        "checks": [
            {
                "check": f"{found.asset_key.to_user_string()} {found.check_name}",
                "passed": found.passed,
                "severity": found.severity.value,
            }
            for found in run.get_asset_check_evaluations()
        ],
    })
(home / "told.json").write_text(json.dumps(told, default=str))
"""


@dataclass(frozen=True)
class Run:
    success: bool
    materialized: dict[str, dict[str, Any]]
    checks: list[dict[str, Any]]

    def failed(self, severity: str) -> list[str]:
        return [c["check"] for c in self.checks if not c["passed"] and c["severity"] == severity]


@dataclass(frozen=True)
class Told:
    loaded: list[str]
    keys: list[str]
    check_count: int
    runs: list[Run]


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Yigong:
    """A county whose insurance feed is missing: a warning, and nothing worse."""
    root = tmp_path_factory.mktemp("county") / "county"
    build_county(300, 2, 11, root)
    command = Yigong(tmp_path_factory.mktemp("lake"))
    folders = [p.name for p in (root / "inbox").iterdir() if p.name != "insurance_settlements"]
    subset(folders, root / "inbox", command.home / "inbox")
    command.choose()
    return command


@pytest.fixture(scope="module")
def told(lake: Yigong) -> Told:
    done = subprocess.run(
        [sys.executable, "-c", TWO_RUNS, str(lake.home)],
        env=os.environ | {"YIGONG_HOME": str(lake.home)},
        capture_output=True,
        text=True,
        cwd=PROJECT,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads((lake.home / "told.json").read_text())
    return Told(**{**found, "runs": [Run(**run) for run in found["runs"]]})


def test_loading_the_definitions_leaves_the_checker_alone(told: Told) -> None:
    assert "great_expectations" not in told.loaded, "slow to import; only a check may need it"


def test_the_job_materializes_every_asset_with_its_rows_and_time(told: Told) -> None:
    first = told.runs[0]
    assert first.success
    missing = set(told.keys) - set(first.materialized)
    assert missing == {"bronze/insurance_bureau__settlement__settlements"}, "it brought nothing"
    assert list(first.materialized)[-1] == "published/current"
    lacking = [
        key
        for key, metadata in first.materialized.items()
        if "seconds" not in metadata
        or ("dagster/row_count" not in metadata and not key.startswith("staging/"))
    ]
    assert not lacking


def test_every_check_is_evaluated_and_a_warning_does_not_stop(told: Told, lake: Yigong) -> None:
    first = told.runs[0]
    assert len(first.checks) == told.check_count - 1, "a feed that brought nothing has none"
    assert first.failed("WARN") == [
        "resource/key_meeting keys_meet", "operations/feed_status feeds_arrive",
    ]  # fmt: skip
    assert first.failed("ERROR") == []
    manifest = json.loads((lake.home / "published" / "v1" / "manifest.json").read_text())
    assert manifest["quality"]["warning"] == 2
    assert manifest["quality"]["passed"] > 30


def test_a_critical_failure_stops_publishing(told: Told, lake: Yigong) -> None:
    second = told.runs[1]
    assert not second.success
    assert second.failed("ERROR") == ["resource/organization one_county"]
    missing = set(told.keys) - set(second.materialized)
    assert {key for key in missing if not key.startswith("bronze/")} == {"published/current"}
    brought = {key for key in second.materialized if key.startswith("bronze/")}
    assert brought == {"bronze/health_commission__registry__organizations"}
    assert (lake.home / "published" / "current").readlink() == Path("v1")


def test_what_the_job_published_is_read_by_the_command_line(told: Told, lake: Yigong) -> None:
    assert told.runs[0].success
    rows = json.loads(lake("indicators", "--period", "2026-02", "--json"))
    states = {row["state"] for row in rows if row["organization_id"] == "653999"}
    assert {"ok", "no_feed"} <= states


LOCATION = """{
  workspaceOrError { ... on Workspace { locationEntries { name locationOrLoadError {
    __typename ... on RepositoryLocation { repositories { sensors { name } schedules { name } } }
  } } } }
  assetNodes { id }
}"""


def answer(url: str, *, seconds: float) -> dict[str, Any]:
    """What the page's server says of its code location, once it is up."""
    end = time.monotonic() + seconds
    while True:
        try:
            return requests.post(f"{url}/graphql", json={"query": LOCATION}, timeout=60).json()
        except requests.ConnectionError:
            assert time.monotonic() < end, "the page did not come up"
            time.sleep(0.5)


def test_the_page_loads_the_location_from_anywhere_and_stops(
    told: Told, lake: Yigong, tmp_path: Path
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [str(Path(sys.executable).parent / "yigong"), "dev", "--port", str(port)]
    environment = os.environ | {"YIGONG_HOME": str(lake.home)}
    with (tmp_path / "dev.log").open("w") as log:
        page = subprocess.Popen(command, env=environment, cwd=tmp_path, stdout=log, stderr=log)
    try:
        data = answer(f"http://127.0.0.1:{port}", seconds=180)["data"]
    finally:
        page.terminate()
        page.wait(timeout=60)
    (location,) = data["workspaceOrError"]["locationEntries"]
    assert location["name"] == "yigong"
    (repository,) = location["locationOrLoadError"]["repositories"]
    assert repository["sensors"] == [{"name": "command_line"}, {"name": "inbox_sensor"}]
    assert repository["schedules"] == [{"name": "daily"}]
    assert len(data["assetNodes"]) == len(told.keys)
