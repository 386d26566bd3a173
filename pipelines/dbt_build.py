"""Runs the dbt project in this process, for the command line and for Dagster. Not here: models."""

import contextlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ingestion.lake import Lake
from pipelines import facts
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
    """Build and test all models, or exactly the named models and tests; report each as it ends.

    Args:
        anew: Build facts from all of silver, not only what has come since the last build. This
            happens by itself when the SQL has changed or a batch has left silver.

    Returns:
        dbt's result of every model and test, in the order in which they ended.

    Raises:
        BuildFailed: a model or an error-severity test failed.
    """
    lake = Lake.open()
    chosen_facts = facts.facts_of(manifest(), select)
    total = len(select) or _node_count()
    done = 0

    def hear(event: Any) -> None:
        nonlocal done
        if event.info.name in ("LogModelResult", "LogTestResult", "LogUnitTestResult"):
            done += 1
            name = event.data.node_info.node_name
            report(Step("build", name, done, max(total, done)))

    options = ["--select", *select, "--indirect-selection", "empty"] if select else []
    if anew or facts.must_build_anew(lake, chosen_facts):
        options.append("--full-refresh")
    outcome = invoke(["build", *options], callbacks=[hear])
    results = list(outcome.result or [])
    done_well = {r.node.name for r in results if str(r.status) == "success"}
    facts.remember_definition(lake, done_well & set(chosen_facts))
    failed = [r for r in results if str(r.status) in ("error", "fail", "runtime error")]
    if failed or not outcome.success:
        names = "; ".join(f"{r.node.name}: {str(r.message)[:300]}" for r in failed)
        raise BuildFailed(names or str(outcome.exception), results)
    return results


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
