"""Turns the compact metrics beside the models into SQL for DuckDB.

Belongs here: how a sum or a ratio is taken over whatever organizations a reader may see.
Does not belong here: anything about one table or one chart.

A table with `rows: own` is summed as it is. A table with `rows: rolled_up` holds every organization
*and* everything above it, so its rows are never summed across levels: the metric uses the highest
level among the rows that are left after filters and row rules. A commission manager gets the county
row, a township account its own row, a filter on townships the sum of the townships.
"""

from __future__ import annotations

from typing import Any

# Highest first; hospitals and township centres stand side by side.
LEVELS = (("county",), ("consortium",), ("hospital", "township"), ("village",))


class MetricError(ValueError):
    """A metric says something this compiler does not know."""


def metric_sql(metric: dict[str, Any], rows: str) -> str:
    """SQL of one metric.

    Args:
        metric: One of `sql`, `sum: column` or `ratio: [numerator, denominator]`; a sum or a ratio
            may carry `only` (a condition on the rows) and `blank_when` (a condition that, met by
            any row used, leaves the value empty: a missing feed must not read as a small number).
        rows: `own` or `rolled_up`.
    """
    if "sql" in metric:
        return " ".join(metric["sql"].split())
    if rows == "own":
        return _aggregate(metric, None)
    if rows != "rolled_up":
        raise MetricError(f"rows: {rows} is neither own nor rolled_up")
    cases = []
    for level in LEVELS:
        names = ", ".join(f"'{name}'" for name in level)
        condition = f"organization_level IN ({names})"
        cases.append(f"WHEN bool_or({condition}) THEN {_aggregate(metric, condition)}")
    return f"CASE {' '.join(cases)} END"


def _aggregate(metric: dict[str, Any], level: str | None) -> str:
    def total(column: str) -> str:
        conditions = [f"({part})" for part in (level, metric.get("only")) if part]
        suffix = f" FILTER (WHERE {' AND '.join(conditions)})" if conditions else ""
        return f"SUM({column}){suffix}"

    if "ratio" in metric:
        numerator, denominator = metric["ratio"]
        value = f"CAST({total(numerator)} AS DOUBLE) / NULLIF({total(denominator)}, 0)"
    elif "sum" in metric:
        value = total(metric["sum"])
    else:
        raise MetricError(f"metric needs sql, sum or ratio: {sorted(metric)}")
    if blank := metric.get("blank_when"):
        conditions = " AND ".join(f"({part})" for part in (level, blank) if part)
        return f"CASE WHEN bool_or({conditions}) THEN NULL ELSE {value} END"
    return value
