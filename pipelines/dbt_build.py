"""Runs the dbt project in this process, for the command line and for Dagster. Not here: models."""

import contextlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb

from ingestion.lake import Lake
from pipelines.build_plan import drop_retired, forget, plan_build, remember
from pipelines.events import Checked, Made, tell
from pipelines.progress import Step, report
from pipelines.settings import PROJECT


class BuildFailed(RuntimeError):
    """A dbt model or test failed; the message names each, `results` has every node that ran."""

    def __init__(self, message: str, results: Sequence[Any]) -> None:
        self.results = results
        super().__init__(message)


def manifest_path() -> Path:
    return Path(os.environ["DBT_TARGET_PATH"]) / "manifest.json"


def manifest() -> dict[str, Any]:
    """The dbt manifest; parsed first if missing, damaged or older than the project's files."""
    path = manifest_path()
    if path.exists() and path.stat().st_mtime >= _newest_source():
        try:
            loaded: dict[str, Any] = json.loads(path.read_text("utf-8"))
            return loaded
        except ValueError:  # cut off by a full disk or a kill: it is made anew
            path.unlink()
            path.with_name("partial_parse.msgpack").unlink(missing_ok=True)
    invoke(["parse"])
    loaded = json.loads(path.read_text("utf-8"))
    return loaded


def build(select: Sequence[str] = (), *, anew: bool = False) -> list[Any]:
    """Build and test what is stale, or exactly the named models and tests; report each as it ends.

    Args:
        select: Models and tests to build whether stale or not.
        anew: Build everything, facts from all of silver.

    Returns:
        dbt's result of every model and test, in the order in which they ended; none when the
        warehouse is up to date.

    Raises:
        BuildFailed: a model or an error-severity test failed.
    """
    lake = Lake.open()
    plan = plan_build(lake, manifest(), chosen=select, anew=anew)
    names = list(select) or [*plan.models, *plan.tests]
    if not names:
        drop_retired(lake)
        return []
    done = 0

    def hear(event: Any) -> None:
        nonlocal done
        if event.info.name in ("LogModelResult", "LogTestResult", "LogUnitTestResult"):
            done += 1
            name = event.data.node_info.node_name
            report(Step("build", name, done, max(len(names), done)))

    os.environ["YIGONG_BUILD_ANEW"] = " ".join(plan.anew)
    forget(lake, plan.models)
    outcome = invoke(
        ["build", "--select", *names, "--indirect-selection", "empty"], callbacks=[hear]
    )
    results = list(outcome.result or [])
    _tell(lake, results)
    failed = [r for r in results if str(r.status) in ("error", "fail", "runtime error")]
    doubtful = {name for r in failed for name in (r.node.name, *_tested(r.node))}
    done_well = {r.node.name for r in results if str(r.status) == "success"} - doubtful
    remember(lake, plan, done_well & set(plan.states))
    if failed or not outcome.success:
        messages = "; ".join(f"{r.node.name}: {str(r.message)[:300]}" for r in failed)
        raise BuildFailed(messages or str(outcome.exception), results)
    if not select:
        drop_retired(lake)
    return results


def asset_path(layer: str, table: str) -> tuple[str, str]:
    """The asset of a table: its layer for silver, its model's folder otherwise."""
    if layer == "silver":
        return layer, table
    node = manifest()["nodes"][f"model.yigong.{table}"]
    return Path(node["original_file_path"]).parts[1], table


def _tell(lake: Lake, results: Sequence[Any]) -> None:
    """Tell what dbt has built and tested; nothing of a node that was skipped or broke."""
    rows = _row_counts(lake.warehouse)
    for result in results:
        name, status = result.node.name, str(result.status)
        seconds = round(result.execution_time, 2)
        if result.node.resource_type.value == "model":
            if status == "success":
                count = {"dagster/row_count": rows[name]} if name in rows else {}  # a view has none
                tell(Made(asset_path("", name), {"seconds": seconds, **count}))
        elif status in ("pass", "warn", "fail") and (about := _about(result.node)):
            tell(
                Checked(
                    asset_path("", about), name, status == "pass", status == "fail",
                    {"unexpected": int(result.failures or 0), "seconds": seconds},
                )
            )  # fmt: skip


def _about(node: Any) -> str | None:
    """The model that a test belongs to."""
    named = getattr(node, "attached_node", None) or next(iter(_models_of(node)), None)
    return named.split(".")[-1] if named else None


def _row_counts(warehouse: Path) -> dict[str, int]:
    """Rows of every table of the warehouse."""
    if not warehouse.exists():
        return {}
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        tables = connection.execute("select table_name from duckdb_tables()").fetchall()
        parts = [f"select '{name}', count(*) from \"{name}\"" for (name,) in tables]
        return dict(connection.execute(" union all ".join(parts)).fetchall()) if parts else {}


def _tested(node: Any) -> list[str]:
    """The models that a test compares."""
    return [name.split(".")[-1] for name in _models_of(node)]


def _models_of(node: Any) -> list[str]:
    return [name for name in node.depends_on.nodes if name.startswith("model.")]


def invoke(arguments: list[str], callbacks: list[Any] | None = None) -> Any:
    """One dbt invocation in this process; its output goes to the log file, not the screen."""
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager
    from dbt.cli.main import dbtRunner

    log = Path(os.environ["DBT_LOG_PATH"]) / "dbt_console.log"
    command = [*arguments, "--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT)]
    try:
        with log.open("a") as stream, contextlib.redirect_stdout(stream):
            return dbtRunner(callbacks=callbacks or []).invoke(command)
    finally:  # dbt keeps the file open, and nobody else in this process could read it
        DuckDBConnectionManager.close_all_connections()  # type: ignore[no-untyped-call]


def _newest_source() -> float:
    folders = ("models", "marts", "macros", "tests/dbt")
    files = [p for f in folders for p in (PROJECT / f).rglob("*") if p.suffix in (".sql", ".yml")]
    return max(p.stat().st_mtime for p in [*files, PROJECT / "dbt_project.yml"])
