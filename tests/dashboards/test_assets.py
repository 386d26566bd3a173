"""The compact assets compile, and everything they name exists. Needs no Superset, no browser."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import asset_files
import compile_assets
import datasets
import duckdb
import pytest
import yaml
from asset_files import AssetError
from metrics import MetricError, metric_sql

ASSETS = asset_files.read_assets()
BUNDLE = {
    path: yaml.safe_load(text) for path, text in compile_assets.compile_bundle(ASSETS).items()
}
CHINESE = re.compile(r"[\u4e00-\u9fff]")
ROLES = yaml.safe_load(
    (Path(compile_assets.__file__).parent / "roles.yml").read_text(encoding="utf-8")
)


def columns_of(connection: duckdb.DuckDBPyConnection, table: str) -> dict[str, str]:
    rows = connection.execute(
        "select column_name, data_type from information_schema.columns where table_name = ?",
        [table],
    ).fetchall()
    return dict(rows)


@pytest.mark.parametrize("table", sorted(ASSETS.datasets))
def test_a_published_table_has_the_columns_its_model_states(table: str, county: Any) -> None:
    stated = {name: column.data_type for name, column in ASSETS.datasets[table].columns.items()}
    assert stated == {name: kind.lower() for name, kind in columns_of(county, table).items()}


@pytest.mark.parametrize("table", sorted(ASSETS.datasets))
def test_every_metric_runs_on_the_warehouse(table: str, county: Any) -> None:
    for metric in BUNDLE[f"datasets/county/{table}.yaml"]["metrics"]:
        county.execute(f"select {metric['expression']} from {table}").fetchall()


@pytest.mark.parametrize("table", sorted(ASSETS.datasets))
def test_tables_that_are_summed_hold_own_figures_only(table: str, county: Any) -> None:
    dataset = ASSETS.datasets[table]
    if dataset.time is None or dataset.rows != "own":
        return
    rolled = county.execute(
        f"select count(*) from {table} where organization_id in "
        "(select organization_id from organization "
        "where organization_level in ('county', 'consortium'))"
    ).fetchone()[0]
    assert rolled == 0


def test_every_label_is_chinese() -> None:
    for path, content in BUNDLE.items():
        if path.startswith("datasets/"):
            for item in content["columns"] + content["metrics"]:
                name = item.get("column_name") or item.get("metric_name")
                assert CHINESE.search(item["verbose_name"]), f"{path}: {name}"
        if path.startswith("charts/"):
            assert CHINESE.search(content["slice_name"]), path


def charts_on(layout: dict[str, Any]) -> list[str]:
    return [cell["chart"] for row in layout["rows"] for cell in row["cells"] if "chart" in cell]


def test_every_chart_stands_on_a_page() -> None:
    placed = {chart for layout in ASSETS.layouts.values() for chart in charts_on(layout)}
    assert placed == set(ASSETS.charts)


def page(*charts: str, own: dict[str, Any] | None = None) -> dict[str, Any]:
    cells = [{"chart": chart, "width": 12 // len(charts)} for chart in charts]
    return {"title": "试页", "rows": [{"height": 20, "cells": cells}], "charts": own or {}}


def test_a_chart_may_stand_on_several_pages() -> None:
    """Each page has a cell for it, all with the one id of the chart."""
    pages = {name: page("discharges_tile", "average_stay_tile") for name in ("one", "two")}
    assets = replace(ASSETS, layouts=ASSETS.layouts | pages)
    bundle = compile_assets.compile_bundle(assets)
    shown = asset_files.stable_id("chart", "discharges_tile")
    for name in ("county_overview", "one", "two"):
        position = yaml.safe_load(bundle[f"dashboards/{name}.yaml"])["position"]
        assert position["CHART-discharges_tile"]["meta"]["uuid"] == shown
    assert [path for path in bundle if "discharges_tile" in path] == ["charts/discharges_tile.yaml"]


def test_a_chart_stands_on_a_page_once() -> None:
    pages = {"one": page("discharges_tile", "discharges_tile")}
    with pytest.raises(AssetError, match="twice"):
        compile_assets.compile_bundle(replace(ASSETS, layouts=pages))


def test_a_page_may_hold_its_own_charts(tmp_path: Path) -> None:
    """One file makes a dashboard; its charts have names like any other."""
    shutil.copytree(asset_files.ASSETS, tmp_path / "assets")
    own = {"beds_by_month": {"title": "床日", "viz": "tile", "dataset": "service_month",
                             "metric": "bed_occupancy"}}  # fmt: skip
    path = tmp_path / "assets" / "beds.yml"
    path.write_text(yaml.safe_dump(page("beds_by_month", own=own), allow_unicode=True), "utf-8")
    bundle = compile_assets.compile_bundle(asset_files.read_assets(tmp_path / "assets"))
    assert {"charts/beds_by_month.yaml", "dashboards/beds.yaml"} <= set(bundle)
    path.write_text(yaml.safe_dump(page("discharges_tile", own={"discharges_tile": {}})), "utf-8")
    with pytest.raises(AssetError, match="other charts named"):
        asset_files.read_assets(tmp_path / "assets")


PROPERTIES = """
models:
  - name: bed_month
    description: 床日
    config: {meta: {grain: one month, cockpit: {metrics: {total: METRIC}}}}
    columns: [{name: open_bed_days, data_type: bigint, description: 开放床日}]
"""


def dataset_with(folder: Path, metric: str) -> datasets.Dataset:
    (folder / "bed_month.yml").write_text(PROPERTIES.replace("METRIC", metric), "utf-8")
    return datasets.read_datasets(folder)["bed_month"]


def test_a_sum_bears_the_label_of_its_column(tmp_path: Path) -> None:
    assert dataset_with(tmp_path, "{sum: open_bed_days}").metrics["total"]["label"] == "开放床日"
    own = dataset_with(tmp_path, "{sum: open_bed_days, label: 合计}")
    assert own.metrics["total"]["label"] == "合计"


@pytest.mark.parametrize(
    "metric", ["{sum: unheard_of}", "{sql: count(*)}", "{sum: open_bed_days, colour: red}"]
)
def test_a_metric_with_a_wrong_word_is_refused(metric: str, tmp_path: Path) -> None:
    with pytest.raises(datasets.DatasetError):
        dataset_with(tmp_path, metric)


def test_every_row_of_a_layout_fills_the_grid() -> None:
    for layout in ASSETS.layouts.values():
        for row in layout["rows"]:
            assert sum(cell["width"] for cell in row["cells"]) == 12


@pytest.mark.parametrize("name", sorted(ASSETS.charts))
def test_query_context_and_parameters_ask_for_the_same(name: str) -> None:
    chart = BUNDLE[f"charts/{name}.yaml"]
    params = chart["params"]
    query = json.loads(chart["query_context"])["queries"][0]
    asked = params.get("metrics") or ([params["metric"]] if "metric" in params else [])
    assert query["metrics"] == asked
    simple = [f for f in params["adhoc_filters"] if f["expressionType"] == "SIMPLE"]
    assert [(f["col"], f["op"], f["val"]) for f in query["filters"]] == [
        (f["subject"], f["operator"], f["comparator"]) for f in simple
    ]


@pytest.mark.parametrize("name", sorted(ASSETS.charts))
def test_charts_of_a_time_dataset_follow_the_period_filter(name: str) -> None:
    chart = BUNDLE[f"charts/{name}.yaml"]
    time = ASSETS.datasets[ASSETS.charts[name]["dataset"]].time
    subjects = [f.get("subject") for f in chart["params"]["adhoc_filters"]]
    assert (time in subjects) if time else (subjects == [])


def test_indicator_charts_read_months_only() -> None:
    for name, chart in ASSETS.charts.items():
        shows_values = bool(chart.get("metric") or chart.get("metrics"))
        if chart["dataset"] == "indicator_display" and shows_values:
            assert chart["where"]["period_kind"] == "month", name


def test_ids_are_stable_and_unique() -> None:
    ids = [content["uuid"] for path, content in BUNDLE.items() if "/" in path]
    assert len(ids) == len(set(ids))
    again = compile_assets.compile_bundle()
    assert again == compile_assets.compile_bundle(ASSETS)


def test_every_dataset_with_an_organization_is_under_row_rules() -> None:
    """Rules go to the datasets that have organization_id; none may name it otherwise."""
    open_to_all = {
        table
        for table, dataset in ASSETS.datasets.items()
        if "organization_id" not in dataset.columns
    }
    assert open_to_all == {"publication"}
    assert ROLES["institution_roles"]["clause"].startswith("organization_id in (")


def test_institution_roles_may_neither_query_nor_export() -> None:
    assert ROLES["institution_roles"]["may"] == ["view"]
    querying = [role["name"] for role in ROLES["roles"] if "query" in role["may"]]
    assert querying == ["数据分析员"]


def test_no_password_stands_in_the_repository() -> None:
    assert all("password" not in account for account in ROLES["accounts"])


def test_unknown_column_is_an_error() -> None:
    chart = {**ASSETS.charts["outpatient_by_organization"], "x": "nowhere"}
    with pytest.raises(asset_files.AssetError, match="no column nowhere"):
        compile_assets.compile_chart("broken", chart, ASSETS)


class TestRolledUpMetric:
    """A rate over rolled-up rows takes the highest level in sight and never averages rates."""

    SQL = metric_sql(
        {"ratio": ["numerator", "denominator"], "blank_when": "state = 'no_feed'"}, "rolled_up"
    )

    def value(self, rows: list[tuple[str, float | None, float | None, str]]) -> float | None:
        with duckdb.connect() as connection:
            connection.execute(
                "create table t (organization_level varchar, numerator double, "
                "denominator double, state varchar)"
            )
            connection.executemany("insert into t values (?, ?, ?, ?)", rows)
            found: float | None = connection.execute(f"select {self.SQL} from t").fetchone()[0]
            return found

    def test_county_row_wins_over_its_parts(self) -> None:
        rows = [("county", 30.0, 100.0, "ok"), ("township", 20.0, 25.0, "ok")]
        assert self.value(rows) == pytest.approx(0.3)

    def test_two_townships_are_summed_not_averaged(self) -> None:
        rows = [("township", 1.0, 10.0, "ok"), ("township", 45.0, 50.0, "ok"),
                ("village", 9.0, 9.0, "ok")]  # fmt: skip
        assert self.value(rows) == pytest.approx(46 / 60)

    def test_missing_feed_leaves_the_value_empty(self) -> None:
        rows = [("township", 1.0, 10.0, "ok"), ("township", None, None, "no_feed")]
        assert self.value(rows) is None

    def test_missing_feed_of_a_part_does_not_hide_the_county(self) -> None:
        rows = [("county", 30.0, 100.0, "ok"), ("township", None, None, "no_feed")]
        assert self.value(rows) == pytest.approx(0.3)

    def test_zero_denominator_is_empty_not_zero(self) -> None:
        assert self.value([("county", 0.0, 0.0, "not_applicable")]) is None

    def test_unknown_kind_of_rows_is_an_error(self) -> None:
        with pytest.raises(MetricError):
            metric_sql({"sum": "x"}, "sideways")
