"""The kinds of chart a file in assets/charts may ask for, each as Superset parameters and query.

Belongs here: what a `tile`, `line`, `bar`, `heat`, `table` or `area_map` looks like everywhere.
Does not belong here: what one chart shows (assets/charts), ids and files (compile_assets.py).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from datasets import Dataset

COLOUR_SCHEME = "yigong"
DEPTH_SCHEME = "yigong_depth"
PRIMARY = {"r": 15, "g": 107, "b": 115, "a": 1}
WHITE = {"r": 255, "g": 255, "b": 255, "a": 1}
CELL_COLOURS = {"good": "#3C8D5A", "watch": "#C98A1B", "poor": "#B94A48"}
MONTH_FORMAT = "%Y-%m"


@dataclass(frozen=True)
class Kind:
    """One compiled chart: what draws it and what it asks the warehouse."""

    viz_type: str
    params: dict[str, Any]
    columns: list[Any] = field(default_factory=list)
    metrics: list[str] = field(default_factory=list)
    order: list[list[Any]] = field(default_factory=list)
    row_limit: int = 10_000


def _axis(chart: dict[str, Any], dataset: Dataset) -> dict[str, Any]:
    """The x axis as the query wants it; the time column is cut to months."""
    name = chart["x"]
    axis = {
        "columnType": "BASE_AXIS",
        "expressionType": "SQL",
        "label": name,
        "sqlExpression": name,
    }
    return {"timeGrain": "P1M", **axis} if name == dataset.time else axis


def _format(chart: dict[str, Any], dataset: Dataset) -> str:
    names = [chart["metric"]] if "metric" in chart else chart["metrics"]
    return str(dataset.metrics[names[0]].get("format", ",d"))


def tile(chart: dict[str, Any], dataset: Dataset) -> Kind:
    """Latest month in large, change against the month before, trend below."""
    month = dataset.time
    params = {
        "x_axis": month,
        "time_grain_sqla": "P1M",
        "metric": chart["metric"],
        "aggregation": "LAST_VALUE",
        "show_trend_line": True,
        "start_y_axis_at_zero": False,
        "compare_lag": 1,
        "compare_suffix": "环比",
        "show_timestamp": True,
        "time_format": "%Y年%-m月",
        "show_metric_name": False,
        "header_font_size": 0.5,
        "subheader_font_size": 0.2,
        "subtitle_font_size": 0.2,
        "metric_name_font_size": 0.2,
        "color_picker": PRIMARY,
        "y_axis_format": _format(chart, dataset),
        "rolling_type": "None",
    }
    return Kind("big_number", params, [_axis({"x": month}, dataset)], [chart["metric"]])


def line(chart: dict[str, Any], dataset: Dataset) -> Kind:
    """Metrics over months, one line for each metric or each value of `by`."""
    groups = [chart["by"]] if "by" in chart else []
    params = {
        "x_axis": chart["x"],
        "x_axis_sort": chart["x"],
        "x_axis_sort_asc": True,
        "time_grain_sqla": "P1M",
        "metrics": chart["metrics"],
        "groupby": groups,
        "color_scheme": COLOUR_SCHEME,
        "seriesType": "line",
        "markerEnabled": True,
        "markerSize": 6,
        "show_legend": True,
        "legendType": "plain",
        "legendOrientation": "top",
        "rich_tooltip": True,
        "tooltipTimeFormat": "%Y年%-m月",
        "x_axis_time_format": MONTH_FORMAT,
        "y_axis_format": _format(chart, dataset),
        "truncateYAxis": bool(chart.get("zoomed", False)),
        "y_axis_bounds": [None, None],
        "only_total": True,
        "row_limit": 10_000,
        "sort_series_type": "sum",
        "sort_series_ascending": False,
    }
    return Kind(
        "echarts_timeseries_line",
        params,
        [_axis(chart, dataset), *groups],
        chart["metrics"],
        [[chart["metrics"][0], False]],
    )


def bar(chart: dict[str, Any], dataset: Dataset) -> Kind:
    """Horizontal bars, longest first."""
    limit = chart.get("limit", 10_000)
    params = {
        "x_axis": chart["x"],
        "x_axis_sort": chart["metrics"][0],
        "x_axis_sort_asc": True,
        "metrics": chart["metrics"],
        "groupby": [],
        "orientation": "horizontal",
        "color_scheme": COLOUR_SCHEME,
        "show_legend": False,
        "show_value": True,
        "rich_tooltip": True,
        "y_axis_format": _format(chart, dataset),
        "x_axis_time_format": MONTH_FORMAT,
        "truncateXAxis": False,
        "row_limit": limit,
        "order_desc": True,
    }
    return Kind(
        "echarts_timeseries_bar",
        params,
        [_axis(chart, dataset)],
        chart["metrics"],
        [[chart["metrics"][0], False]],
        limit,
    )


def heat(chart: dict[str, Any], dataset: Dataset) -> Kind:
    """Months across, organizations down, the value in the cell."""
    params = {
        "x_axis": chart["x"],
        "time_grain_sqla": "P1M",
        "groupby": chart["by"],
        "metric": chart["metric"],
        "linear_color_scheme": DEPTH_SCHEME,
        "normalize_across": "heatmap",
        "show_legend": False,
        "legend_type": "continuous",
        "show_values": True,
        "show_percentage": False,
        "sort_x_axis": "alpha_asc",
        "sort_y_axis": "alpha_desc",
        "x_axis_time_format": MONTH_FORMAT,
        "y_axis_format": _format(chart, dataset),
        "value_bounds": [None, None],
        "xscale_interval": -1,
        "yscale_interval": -1,
        "left_margin": "auto",
        "bottom_margin": 40,
        "border_color": WHITE,
        "border_width": 2,
        "row_limit": 10_000,
    }
    return Kind("heatmap_v2", params, [_axis(chart, dataset), chart["by"]], [chart["metric"]])


def table(chart: dict[str, Any], dataset: Dataset) -> Kind:
    """Rows of dimensions and metrics, coloured by `colours`."""
    groups, metrics = chart.get("by", []), chart["metrics"]
    config: dict[str, Any] = {}
    for name in metrics:
        if number := dataset.metrics[name].get("format"):
            config[name] = {"d3NumberFormat": number, "d3SmallNumberFormat": number}
    for name, look in chart.get("columns", {}).items():
        words = {"align": "horizontalAlign", "width": "columnWidth", "format": "d3NumberFormat"}
        config.setdefault(name, {}).update({words[key]: value for key, value in look.items()})
    for rule in chart.get("colours", []):  # a coloured column carries no bars as well
        config.setdefault(rule["column"], {})["showCellBars"] = False
    order = chart.get("order")
    params = {
        "query_mode": "aggregate",
        "groupby": groups,
        "metrics": metrics,
        "all_columns": [],
        "percent_metrics": [],
        "order_by_cols": [],
        "timeseries_limit_metric": order if order in dataset.metrics else None,
        "order_desc": bool(chart.get("descending", False)),
        "row_limit": 1000,
        "server_pagination": False,
        "page_length": chart.get("page", 0),
        "include_search": bool(chart.get("search", False)),
        "show_cell_bars": False,
        "color_pn": False,
        "allow_rearrange_columns": False,
        "table_timestamp_format": "%Y-%m-%d",
        "column_config": config,
        "conditional_formatting": [
            {
                "column": rule["column"],
                "operator": rule["operator"],
                "targetValue": rule["value"],
                "colorScheme": CELL_COLOURS[rule["colour"]],
                "useGradient": False,
                "objectFormatting": "TEXT_COLOR",
            }
            for rule in chart.get("colours", [])
        ],
    }
    ordering = [[order, not params["order_desc"]]] if order else []
    return Kind("table", params, groups, metrics, ordering, 1000)


def area_map(chart: dict[str, Any], dataset: Dataset) -> Kind:
    """Polygons without a tile server, darker where the metric is larger."""
    params = {
        "line_column": chart["ring"],
        "line_type": "json",
        "metric": chart["metric"],
        "point_radius_fixed": {"type": "fix", "value": 0},
        "filled": True,
        "stroked": True,
        "extruded": False,
        "color_scheme_type": "linear_palette",
        "linear_color_scheme": DEPTH_SCHEME,
        "fill_color_picker": PRIMARY,
        "stroke_color_picker": WHITE,
        "line_width": 2,
        "line_width_unit": "pixels",
        "opacity": 90,
        "num_buckets": "5",
        "table_filter": False,
        "toggle_polygons": False,
        "legend_position": "br",
        "legend_format": _format(chart, dataset),
        "mapbox_style": "",
        "map_style": "",
        "autozoom": True,
        "viewport": {"longitude": 81.45, "latitude": 43.67, "zoom": 9, "bearing": 0, "pitch": 0},
        "js_columns": [chart["by"]],
        "tooltip_contents": [
            {"item_type": "column", "column_name": chart["by"]},
            {"item_type": "metric", "metric_name": chart["metric"]},
        ],
        "row_limit": 1000,
    }
    return Kind("deck_polygon", params, [chart["ring"], chart["by"]], [chart["metric"]])


KINDS: dict[str, Callable[[dict[str, Any], Dataset], Kind]] = {
    "tile": tile,
    "line": line,
    "bar": bar,
    "heat": heat,
    "table": table,
    "area_map": area_map,
}
