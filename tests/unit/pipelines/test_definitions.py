"""The asset graph: its keys, what every asset says of itself, what waits for what; the sensor.

`asset_keys.txt` is the snapshot; write it again with
`make derived` and read the diff.
"""

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import dagster as dg
import pytest
from dagster._core.execution.api import create_execution_plan

from ingestion.choice import choose_site
from tests.demo import DEMO

SNAPSHOT = Path(__file__).with_name("asset_keys.txt")
CHINESE = re.compile(r"[\u4e00-\u9fff]")


@contextmanager
def loaded(home: Path) -> Iterator[ModuleType]:
    """The code location on an empty lake of the demo; the environment is given back afterwards."""
    before = dict(os.environ)
    choose_site(home, DEMO)
    os.environ["YIGONG_HOME"] = str(home)
    try:
        from pipelines import definitions

        yield definitions
    finally:
        os.environ.clear()
        os.environ.update(before)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("lake")


@pytest.fixture(scope="module")
def location(home: Path) -> Iterator[ModuleType]:
    with loaded(home) as definitions:
        yield definitions


@pytest.fixture
def inbox(home: Path) -> Iterator[Path]:
    """The inbox as each test finds it: empty."""
    folder = home / "inbox" / "commission_births"
    folder.mkdir(parents=True, exist_ok=True)
    yield folder
    for path in folder.iterdir():
        path.unlink()


def all_keys(definitions: ModuleType) -> list[str]:
    graph = definitions.defs.resolve_asset_graph()
    return sorted(key.to_user_string() for key in graph.get_all_asset_keys())


def asset_keys(definitions: ModuleType) -> str:
    """The product's own keys, a line each: those of feeds are the county's."""
    return "".join(f"{key}\n" for key in all_keys(definitions) if not key.startswith("bronze/"))


def test_every_feed_of_the_site_is_an_asset(location: ModuleType) -> None:
    found = {key for key in all_keys(location) if key.startswith("bronze/")}
    assert found == {f"bronze/{feed}" for feed in DEMO.contracts}


def test_the_asset_keys_are_those_of_the_snapshot(location: ModuleType) -> None:
    assert asset_keys(location) == SNAPSHOT.read_text("utf-8"), __doc__


def test_every_asset_has_group_owner_kind_and_a_chinese_description(location: ModuleType) -> None:
    lacking = [
        spec.key.to_user_string()
        for spec in location.defs.resolve_all_asset_specs()
        if not (
            spec.group_name not in (None, "default")
            and spec.owners
            and spec.kinds
            and CHINESE.search(spec.description or "")
        )
    ]
    assert not lacking


def test_every_table_tells_its_columns(location: ModuleType) -> None:
    tables = [
        spec
        for spec in location.defs.resolve_all_asset_specs()
        if spec.group_name not in ("bronze", "reference", "identity", "published", "staging")
    ]
    assert len(tables) > 50
    for spec in tables:
        schema = spec.metadata["dagster/column_schema"]
        columns = getattr(schema, "value", schema).columns
        assert columns and all(CHINESE.search(c.description or "") for c in columns), spec.key


def waits_for(location: ModuleType, step: str) -> set[str]:
    """Steps that must have ended well before this one starts, near and far."""
    plan = create_execution_plan(location.defs.resolve_job_def("daily_run"))
    found: set[str] = set()
    todo = [step]
    while todo:
        near = plan.get_step_by_key(todo.pop()).get_execution_dependency_keys() - found
        found |= near
        todo += near
    return found


def test_models_wait_for_silver_checks_the_ledger_and_the_links(location: ModuleType) -> None:
    before = waits_for(location, "libraries_and_marts")
    assert {"expectations_silver", "reference__ledger", "identity__person_link"} <= before
    assert "ingest" in before


def test_the_page_goes_by_the_order_of_the_command_line(location: ModuleType) -> None:
    from pipelines.run import STAGES

    steps = {
        "ingest": "ingest", "check_silver": "expectations_silver",
        "link": "identity__person_link", "reference": "reference__ledger",
        "build": "libraries_and_marts", "check_libraries": "expectations_libraries",
        "check_marts": "expectations_marts", "publish": "published__current",
    }  # fmt: skip
    assert list(steps) == [stage.name for stage in STAGES]
    plan = create_execution_plan(location.defs.resolve_job_def("daily_run"))
    assert {step.key for step in plan.steps} == set(steps.values())
    for number, stage in enumerate(STAGES):
        later = {steps[other.name] for other in STAGES[number + 1 :]}
        assert not waits_for(location, steps[stage.name]) & later, stage.name


def test_a_feed_is_missed_after_what_its_contract_allows(location: ModuleType) -> None:
    by_feed = {
        spec.key.path[1]: spec
        for spec in location.defs.resolve_all_asset_specs()
        if spec.key.path[0] == "bronze"
    }
    assert set(by_feed) == set(DEMO.contracts)
    for feed, contract in DEMO.contracts.items():
        policy = by_feed[feed].freshness_policy
        assert policy.fail_window.to_timedelta() == contract.arrives.allowed, feed
    assert len({c.arrives.allowed for c in DEMO.contracts.values()}) > 1


def test_conforming_again_has_a_partition_a_feed(location: ModuleType) -> None:
    job = location.defs.resolve_job_def("conform_again")
    assert job.partitions_def.get_partition_keys() == sorted(DEMO.contracts)


def test_what_a_command_told_comes_onto_the_page_once(location: ModuleType, home: Path) -> None:
    from ingestion.lake import Lake
    from pipelines.dagster_events import reported
    from pipelines.events import Checked, Made, tell

    key = dg.AssetKey(["emr", "encounter"])
    with reported(Lake(home), "yigong run"):
        tell(Made(("emr", "encounter"), {"dagster/row_count": 7}))
        tell(Checked(("emr", "encounter"), "has_rows", True, metadata={"failing_keys": [{"a": 1}]}))
    with dg.DagsterInstance.ephemeral() as instance:
        sensor = location.defs.resolve_sensor_def("command_line")
        with dg.build_sensor_context(instance=instance) as context:
            told = sensor(context)
        assert [type(e).__name__ for e in told.asset_events] == [
            "AssetMaterialization", "AssetCheckEvaluation",
        ]  # fmt: skip
        for event in told.asset_events:
            instance.report_runless_asset_event(event)
        made = instance.get_latest_materialization_event(key).asset_materialization
        assert made.metadata["dagster/row_count"].value == 7
        assert made.metadata["command"].value == "yigong run"
        with dg.build_sensor_context(instance=instance, cursor=told.cursor) as context:
            assert isinstance(sensor(context), dg.SkipReason)
    assert list((home / "dagster" / "untold").iterdir()) == []


def test_publishing_waits_for_everything(location: ModuleType) -> None:
    plan = create_execution_plan(location.defs.resolve_job_def("daily_run"))
    everything = {step.key for step in plan.steps} - {"published__current"}
    assert waits_for(location, "published__current") == everything


def test_critical_expectations_block_and_warnings_do_not(location: ModuleType) -> None:
    from expectations.suite import suites

    graph = location.defs.resolve_asset_graph()
    blocking = {
        (key.asset_key.path[0] == "silver", key.asset_key.path[-1], key.name): graph.get(
            key
        ).blocking
        for key in graph.asset_check_keys
    }
    for suite in suites():
        for expectation in suite.expectations:
            found = blocking[suite.layer == "silver", suite.table, expectation.id]
            assert found == (expectation.severity == "critical"), (suite.table, expectation.id)


def test_the_schedule_runs_the_whole_job_at_two_in_the_county(location: ModuleType) -> None:
    schedule = location.defs.resolve_schedule_def("daily")
    assert schedule.cron_schedule == "0 2 * * *"
    assert schedule.execution_timezone == "Asia/Shanghai"
    assert schedule.job_name == "daily_run"
    assert schedule.default_status == dg.DefaultScheduleStatus.STOPPED


def ask(location: ModuleType, instance: dg.DagsterInstance) -> list[str]:
    """Run keys that the sensor asks for."""
    with dg.build_sensor_context(instance=instance) as context:
        told = location.defs.resolve_sensor_def("inbox_sensor")(context)
    if isinstance(told, dg.SkipReason):
        assert CHINESE.search(told.skip_message or "")
        return []
    return [request.run_key for request in told.run_requests]


def test_the_sensor_asks_for_one_run_a_set_of_waiting_files(
    location: ModuleType, inbox: Path
) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        assert ask(location, instance) == []
        (inbox / "a.csv").write_text("1")
        first = ask(location, instance)
        assert len(first) == 1
        assert ask(location, instance) == first
        (inbox / "b.csv").write_text("2")
        second = ask(location, instance)
        assert len(second) == 1
        assert second != first


def test_the_sensor_is_quiet_while_a_run_takes_the_files(location: ModuleType, inbox: Path) -> None:
    (inbox / "a.csv").write_text("1")
    with dg.DagsterInstance.ephemeral() as instance:
        run = dg.DagsterRun(job_name="daily_run", status=dg.DagsterRunStatus.STARTED)
        instance.add_run(run)
        assert ask(location, instance) == []
        instance.report_run_failed(run)
        assert len(ask(location, instance)) == 1


def test_no_tool_phones_home(location: ModuleType, home: Path) -> None:
    settings = (home / "dagster" / "dagster.yaml").read_text("utf-8")
    assert "telemetry: {enabled: false}" in settings
    assert "nux: {enabled: false}" in settings


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder, loaded(Path(folder)) as fresh:
        SNAPSHOT.write_text(asset_keys(fresh), "utf-8")
