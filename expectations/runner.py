"""Runs suites with Great Expectations on DuckDB. Not here: what a suite says (`suite.py`).

Great Expectations closes its DuckDB connection before it has fetched; naming DuckDB among its
persisted-connection dialects keeps it open (the version is pinned and a test holds this). An engine
error is never taken for a data failure: it raises.
"""

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from expectations.suite import Expectation, Suite

os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")

FAILING_KEYS_KEPT = 200


class ExpectationError(RuntimeError):
    """An expectation could not be evaluated: the suite or the engine is wrong, not the data."""


@dataclass(frozen=True)
class CheckOutcome:
    """What one expectation found. `failing_keys` identify rows, at most `FAILING_KEYS_KEPT`."""

    suite: Suite
    expectation: Expectation
    passed: bool
    unexpected_count: int
    observed: str
    failing_keys: list[dict[str, Any]] = field(default_factory=list)

    @property
    def stops(self) -> bool:
        return not self.passed and self.expectation.severity == "critical"


def run_suites(
    home: Path,
    suites: Sequence[Suite],
    *,
    progress: Callable[[str], None] | None = None,
) -> Iterator[CheckOutcome]:
    """Evaluate suites against one lake: silver from Parquet, libraries and marts from its DuckDB.

    Raises:
        ExpectationError: an expectation raised inside the engine.
    """
    if not suites:
        return
    needs_warehouse = any(suite.layer != "silver" for suite in suites)
    with _connections_closed():
        source = _data_source(home / "county.duckdb" if needs_warehouse else None)
        for suite in suites:
            if progress:
                progress(f"{suite.layer}/{suite.table}")
            yield from _run(source, home, suite)


@contextmanager
def _connections_closed() -> Iterator[None]:
    """Close what is opened meanwhile: DuckDB allows one kind of connection to a file in a process,
    and a persisted connection would stay until some collection of garbage."""
    from sqlalchemy import event
    from sqlalchemy.pool import Pool

    opened: list[Any] = []

    def note(_: object, entry: Any) -> None:
        opened.append(entry)

    event.listen(Pool, "connect", note)
    try:
        yield
    finally:
        event.remove(Pool, "connect", note)
        for entry in opened:
            entry.invalidate()


def _data_source(warehouse: Path | None) -> Any:
    logging.getLogger("great_expectations").setLevel(logging.ERROR)
    import great_expectations as gx
    from great_expectations.execution_engine import sqlalchemy_execution_engine as engine

    class _Dialect(str):
        value = "duckdb"

    if "duckdb" not in engine._PERSISTED_CONNECTION_DIALECTS:
        engine._PERSISTED_CONNECTION_DIALECTS = (  # type: ignore[assignment]
            *engine._PERSISTED_CONNECTION_DIALECTS,
            _Dialect("duckdb"),
        )
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}  # type: ignore[assignment]
    return context.data_sources.add_sql(
        "lake",
        connection_string=f"duckdb:///{warehouse or ':memory:'}",
        create_temp_table=False,
        kwargs={"connect_args": {"read_only": True}} if warehouse else {},  # type: ignore[call-arg]
    )


def _run(source: Any, home: Path, suite: Suite) -> Iterator[CheckOutcome]:
    import great_expectations as gx

    batch = (
        source.add_query_asset(f"{suite.layer}_{suite.table}", query=_query(home, suite))
        .add_batch_definition_whole_table("all")
        .get_batch()
    )
    for expectation in suite.expectations:
        configuration = gx.expectations.registry.get_expectation_impl(expectation.type)
        result = batch.validate(
            configuration(**expectation.kwargs),
            result_format={
                "result_format": "COMPLETE",
                "unexpected_index_column_names": suite.key,
                "partial_unexpected_count": 20,
            }
            if suite.key
            else "SUMMARY",
        )
        _raise_engine_errors(suite, expectation, result)
        found = result.result or {}
        rows = (found.get("details") or {}).get("unexpected_rows") or []
        keys = (found.get("unexpected_index_list") or rows)[:FAILING_KEYS_KEPT]
        yield CheckOutcome(
            suite=suite,
            expectation=expectation,
            passed=bool(result.success),
            unexpected_count=int(found.get("unexpected_count") or len(rows)),
            observed=str(found.get("observed_value", "")),
            failing_keys=[{k: str(row.get(k)) for k in suite.key} for row in keys],
        )


def _query(home: Path, suite: Suite) -> str:
    if suite.layer == "silver":
        files = home / "silver" / suite.table / "*" / "*.parquet"
        options = "hive_partitioning = false, union_by_name = true"
        return f"select * from read_parquet('{files}', {options})"
    return f'select * from "{suite.table}"'


def _raise_engine_errors(suite: Suite, expectation: Expectation, result: Any) -> None:
    info = result.exception_info or {}
    details = [info] if "raised_exception" in info else list(info.values())
    for detail in details:
        if isinstance(detail, dict) and detail.get("raised_exception"):
            raise ExpectationError(
                f"{suite.layer}/{suite.table} {expectation.id}: "
                f"{str(detail.get('exception_message'))[:300]}"
            )
