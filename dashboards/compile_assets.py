"""Compiles assets/ (our compact YAML) into the bundle that Superset imports.

Belongs here: files of the bundle, query contexts.
Does not belong here: looks of a kind of chart (chart_kinds.py), SQL of metrics (metrics.py), pages
(layout.py).

    python dashboards/compile_assets.py FOLDER     writes the bundle to look at it
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import yaml
from asset_files import AssetError, Assets, read_assets, stable_id
from chart_kinds import KINDS, Kind
from datasets import Dataset
from layout import compile_dashboard
from metrics import metric_sql

DATABASE_NAME = "县域医共体数据湖仓"
TYPES = {"timestamp with time zone": "TIMESTAMP"}


def _column(name: str, label: str, data_type: str, expression: str | None = None) -> dict[str, Any]:
    kind = TYPES.get(data_type, data_type.upper())
    return {
        "column_name": name,
        "verbose_name": label,
        "type": kind,
        "is_dttm": kind in ("DATE", "TIMESTAMP"),
        "is_active": True,
        "groupby": True,
        "filterable": True,
        "expression": expression,
        "description": None,
        "python_date_format": None,
    }


def compile_database() -> dict[str, Any]:
    """The connection; its path is set for each connection by the mutator in superset_config."""
    return {
        "database_name": DATABASE_NAME,
        "sqlalchemy_uri": "duckdb:///county.duckdb",
        "cache_timeout": None,
        "expose_in_sqllab": True,
        "allow_run_async": False,
        "allow_ctas": False,
        "allow_cvas": False,
        "allow_dml": False,
        "allow_file_upload": False,
        "extra": {"metadata_params": {}, "engine_params": {}, "metadata_cache_timeout": {}},
        "uuid": stable_id("database", "county"),
        "version": "1.0.0",
    }


def compile_dataset(table: str, dataset: Dataset) -> dict[str, Any]:
    """One physical table with its Chinese labels and metrics."""
    columns = [
        _column(name, column.label, column.data_type) for name, column in dataset.columns.items()
    ] + [
        _column(name, item["label"], "varchar", item["sql"])
        for name, item in dataset.computed.items()
    ]
    metrics = [
        {
            "metric_name": name,
            "verbose_name": metric["label"],
            "metric_type": None,
            "expression": metric_sql(metric, dataset.rows),
            "description": None,
            "d3format": metric.get("format"),
            "currency": None,
            "extra": {},
            "warning_text": None,
        }
        for name, metric in dataset.metrics.items()
    ]
    return {
        "table_name": table,
        "main_dttm_col": dataset.time,
        "description": dataset.label,
        "default_endpoint": None,
        "offset": 0,
        "cache_timeout": None,
        "catalog": None,
        "schema": "main",
        "sql": None,
        "params": None,
        "template_params": None,
        "filter_select_enabled": True,
        "fetch_values_predicate": None,
        "extra": None,
        "normalize_columns": False,
        "always_filter_main_dttm": False,
        "uuid": stable_id("dataset", table),
        "metrics": metrics,
        "columns": columns,
        "version": "1.0.0",
        "database_uuid": stable_id("database", "county"),
    }


def _adhoc_filters(chart: dict[str, Any], dataset: Dataset) -> list[dict[str, Any]]:
    filters: list[dict[str, Any]] = []
    if month := dataset.time:
        filters.append(
            {
                "clause": "WHERE",
                "expressionType": "SIMPLE",
                "subject": month,
                "operator": "TEMPORAL_RANGE",
                "comparator": "No filter",
            }
        )
    for column, value in chart.get("where", {}).items():
        filters.append(
            {
                "clause": "WHERE",
                "expressionType": "SIMPLE",
                "subject": column,
                "operator": "==",
                "operatorId": "EQUALS",
                "comparator": value,
            }
        )
    for clause, key in (("WHERE", "where_sql"), ("HAVING", "having")):
        if key in chart:
            filters.append({"clause": clause, "expressionType": "SQL", "sqlExpression": chart[key]})
    return filters


def _query_context(
    chart: dict[str, Any], kind: Kind, params: dict[str, Any], filters: list[dict[str, Any]]
) -> dict[str, Any]:
    query = {
        "columns": kind.columns,
        "metrics": kind.metrics,
        "filters": [
            {"col": item["subject"], "op": item["operator"], "val": item["comparator"]}
            for item in filters
            if item["expressionType"] == "SIMPLE"
        ],
        "extras": {"where": chart.get("where_sql", ""), "having": chart.get("having", "")},
        "orderby": kind.order,
        "row_limit": kind.row_limit,
        "series_limit": 0,
        "order_desc": True,
        "annotation_layers": [],
        "applied_time_extras": {},
        "custom_form_data": {},
        "custom_params": {},
        "url_params": {},
    }
    return {
        "datasource": {"id": 0, "type": "table"},
        "force": False,
        "queries": [query],
        "form_data": {"datasource": "0__table", **params},
        "result_format": "json",
        "result_type": "full",
    }


def compile_chart(name: str, chart: dict[str, Any], assets: Assets) -> dict[str, Any]:
    """One chart: parameters for the page and the query context for the API, from one source."""
    if chart["dataset"] not in assets.datasets:
        raise AssetError(f"chart {name}: no dataset {chart['dataset']}")
    if chart["viz"] not in KINDS:
        raise AssetError(f"chart {name}: viz {chart['viz']} is none of {sorted(KINDS)}")
    dataset = assets.datasets[chart["dataset"]]
    kind = KINDS[chart["viz"]](chart, dataset)
    for column in kind.columns:
        label = column["label"] if isinstance(column, dict) else column
        if label not in dataset.labels:
            raise AssetError(f"chart {name}: no column {label} in {chart['dataset']}")
    for metric in kind.metrics:
        if metric not in dataset.metrics:
            raise AssetError(f"chart {name}: no metric {metric} in {chart['dataset']}")
    filters = _adhoc_filters(chart, dataset)
    params = {
        "viz_type": kind.viz_type,
        "adhoc_filters": filters,
        "extra_form_data": {},
        **kind.params,
    }
    context = _query_context(chart, kind, params, filters)
    return {
        "slice_name": chart["title"],
        "description": chart.get("description"),
        "certified_by": None,
        "certification_details": None,
        "viz_type": kind.viz_type,
        "params": params,
        "query_context": json.dumps(context, ensure_ascii=False),
        "cache_timeout": None,
        "uuid": stable_id("chart", name),
        "version": "1.0.0",
        "dataset_uuid": stable_id("dataset", chart["dataset"]),
    }


def compile_bundle(assets: Assets | None = None) -> dict[str, str]:
    """The whole bundle: path inside it to YAML text."""
    assets = assets or read_assets()
    bundle: dict[str, dict[str, Any]] = {
        "metadata.yaml": {
            "version": "1.0.0",
            "type": "assets",
            "timestamp": "2026-01-01T00:00:00+00:00",
        },
        "databases/county.yaml": compile_database(),
    }
    for table, dataset in assets.datasets.items():
        bundle[f"datasets/county/{table}.yaml"] = compile_dataset(table, dataset)
    for name, chart in assets.charts.items():
        bundle[f"charts/{name}.yaml"] = compile_chart(name, chart, assets)
    for name, layout in assets.layouts.items():
        bundle[f"dashboards/{name}.yaml"] = compile_dashboard(name, layout, assets)
    return {
        path: yaml.safe_dump(content, allow_unicode=True, sort_keys=False, width=120)
        for path, content in bundle.items()
    }


def main(folder: str) -> None:
    """Write the bundle below a folder."""
    for path, text in compile_bundle().items():
        target = Path(folder) / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
