"""Runs the dbt project in this process. Not here: models, or Dagster's own way of running dbt."""

import contextlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.progress import Step, report
from pipelines.settings import PROJECT


class BuildFailed(RuntimeError):
    """A dbt model or test failed; the message names each."""


@dataclass(frozen=True)
class BuildSummary:
    models: int
    tests: int
    warnings: int
    seconds: float


def manifest_path() -> Path:
    return Path(os.environ["DBT_TARGET_PATH"]) / "manifest.json"


def manifest() -> dict[str, Any]:
    """The dbt manifest; parsed first if it is missing or older than the project's files."""
    path = manifest_path()
    if not path.exists() or path.stat().st_mtime < _newest_source():
        invoke(["parse"])
    loaded: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return loaded


def build(select: str | None = None) -> BuildSummary:
    """Build and test all models (or a dbt selection), reporting each node as it ends.

    Raises:
        BuildFailed: a model or an error-severity test failed.
    """
    total = _node_count()
    done = 0

    def hear(event: Any) -> None:
        nonlocal done
        if event.info.name in ("LogModelResult", "LogTestResult", "LogUnitTestResult"):
            done += 1
            name = event.data.node_info.node_name
            report(Step("build", name, done, max(total, done)))

    arguments = ["build", *(["--select", select] if select else [])]
    result = invoke(arguments, callbacks=[hear])
    nodes = list(result.result or [])
    failed = [n for n in nodes if str(n.status) in ("error", "fail", "runtime error")]
    if failed or not result.success:
        names = "; ".join(f"{n.node.name}: {str(n.message)[:300]}" for n in failed)
        raise BuildFailed(names or str(result.exception))
    kinds = [n.node.resource_type.value for n in nodes]
    return BuildSummary(
        models=kinds.count("model"),
        tests=kinds.count("test") + kinds.count("unit_test"),
        warnings=sum(str(n.status) == "warn" for n in nodes),
        seconds=sum(n.execution_time for n in nodes),
    )


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


def _node_count() -> int:
    nodes = manifest()["nodes"].values()
    return sum(n["resource_type"] in ("model", "test") for n in nodes)


def _newest_source() -> float:
    folders = ("models", "marts", "macros", "tests/dbt")
    files = [p for f in folders for p in (PROJECT / f).rglob("*") if p.suffix in (".sql", ".yml")]
    return max(p.stat().st_mtime for p in [*files, PROJECT / "dbt_project.yml"])
