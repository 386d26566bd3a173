"""Dashboard pages from their layout files: rows of a 12-column grid, and the filters above them.

Belongs here: positions and filters. Does not belong here: what a chart shows or how it looks.
"""

from __future__ import annotations

from typing import Any

from asset_files import AssetError, Assets, stable_id
from chart_kinds import COLOUR_SCHEME


def _position(name: str, layout: dict[str, Any], assets: Assets) -> dict[str, Any]:
    numbers = {chart: number for number, chart in enumerate(sorted(assets.charts), start=1)}
    grid: dict[str, Any] = {
        "type": "GRID",
        "id": "GRID_ID",
        "children": [],
        "parents": ["ROOT_ID"],
    }
    position: dict[str, Any] = {
        "DASHBOARD_VERSION_KEY": "v2",
        "ROOT_ID": {"type": "ROOT", "id": "ROOT_ID", "children": ["GRID_ID"]},
        "GRID_ID": grid,
        "HEADER_ID": {"type": "HEADER", "id": "HEADER_ID", "meta": {"text": layout["title"]}},
    }
    for index, row in enumerate(layout["rows"]):
        row_id = f"ROW-{index}"
        parents = ["ROOT_ID", "GRID_ID", row_id]
        children = []
        for cell in row["cells"]:
            size = {"width": cell["width"], "height": row["height"]}
            if "text" in cell:
                cell_id = f"MARKDOWN-{cell['text']}"
                meta = {"code": layout["texts"][cell["text"]], **size}
                kind = "MARKDOWN"
            else:
                chart = cell["chart"]
                if chart not in assets.charts:
                    raise AssetError(f"page {name}: no chart {chart}")
                if f"CHART-{chart}" in position:
                    raise AssetError(f"page {name}: shows {chart} twice")
                cell_id, kind = f"CHART-{chart}", "CHART"
                meta = {
                    "chartId": numbers[chart],
                    "uuid": stable_id("chart", chart),
                    "sliceName": assets.charts[chart]["title"],
                    **size,
                }
            children.append(cell_id)
            position[cell_id] = {
                "type": kind,
                "id": cell_id,
                "children": [],
                "parents": parents,
                "meta": meta,
            }
        grid["children"].append(row_id)
        position[row_id] = {
            "type": "ROW",
            "id": row_id,
            "children": children,
            "parents": parents[:2],
            "meta": {"background": "BACKGROUND_TRANSPARENT"},
        }
    return position


def _native_filter(item: dict[str, Any]) -> dict[str, Any]:
    select = item["kind"] == "select"
    target: dict[str, Any] = {}
    if select:
        target = {
            "column": {"name": item["column"]},
            "datasetUuid": stable_id("dataset", item["dataset"]),
        }
    return {
        "id": f"NATIVE_FILTER-{item['key']}",
        "type": "NATIVE_FILTER",
        "filterType": "filter_select" if select else "filter_time",
        "name": item["name"],
        "description": "",
        "targets": [target],
        "controlValues": {
            "enableEmptyFilter": False,
            "defaultToFirstItem": False,
            "multiSelect": True,
            "searchAllOptions": False,
            "inverseSelection": False,
        }
        if select
        else {"enableEmptyFilter": False},
        "defaultDataMask": {"extraFormData": {}, "filterState": {}, "ownState": {}},
        "cascadeParentIds": [f"NATIVE_FILTER-{item['after']}"] if "after" in item else [],
        "scope": {"rootPath": ["ROOT_ID"], "excluded": []},
    }


def compile_dashboard(name: str, layout: dict[str, Any], assets: Assets) -> dict[str, Any]:
    """One dashboard page from its layout file; its address ends in the name of the file."""
    return {
        "dashboard_title": layout["title"],
        "description": None,
        "css": assets.css,
        "slug": name.replace("_", "-"),
        "certified_by": "",
        "certification_details": "",
        "published": True,
        "uuid": stable_id("dashboard", name),
        "position": _position(name, layout, assets),
        "metadata": {
            "color_scheme": COLOUR_SCHEME,
            "refresh_frequency": 0,
            "cross_filters_enabled": True,
            "filter_bar_orientation": "HORIZONTAL",
            "chart_configuration": {},
            "global_chart_configuration": {
                "scope": {"rootPath": ["ROOT_ID"], "excluded": []},
                "chartsInScope": [],
            },
            "shared_label_colors": [],
            "label_colors": layout.get("colours", {}),
            "expanded_slices": {},
            "timed_refresh_immune_slices": [],
            "default_filters": "{}",
            "native_filter_configuration": [
                _native_filter(item) for item in layout.get("filters", [])
            ],
        },
        "version": "1.0.0",
    }
