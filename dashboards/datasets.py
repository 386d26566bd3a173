"""The tables the cockpit reads, from the property files beside their models.

Belongs here: which models are datasets, their columns, labels and metrics as those files state
them. Does not belong here: what Superset wants of a dataset (compile_assets.py), SQL of metrics
(metrics.py).

A model is a dataset when its `config.meta` has a part `cockpit`:

    time       the column that months are taken from
    rows       `own` (rows may be summed) or `rolled_up` (see metrics.py)
    computed   column name to {label, sql}: columns that only the cockpit has
    metrics    metric name to {label, format, sum | ratio | sql, only, blank_when}; a metric that
               sums a column bears the column's label unless it says its own
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

PROPERTIES = Path(__file__).resolve().parent.parent / "marts"
KEYS = {"time", "rows", "computed", "metrics"}
METRIC_KEYS = {"label", "format", "sum", "ratio", "sql", "only", "blank_when"}


class DatasetError(ValueError):
    """A property file says something of a dataset that the cockpit does not know."""


@dataclass(frozen=True)
class Column:
    """A stored column: Chinese label and type in the warehouse."""

    label: str
    data_type: str


@dataclass(frozen=True)
class Dataset:
    """One table of the published warehouse, as the cockpit shows it."""

    label: str
    columns: dict[str, Column]
    metrics: dict[str, dict[str, Any]] = field(default_factory=dict)
    computed: dict[str, dict[str, str]] = field(default_factory=dict)
    time: str | None = None
    rows: str = "own"

    @property
    def labels(self) -> dict[str, str]:
        """Column name to Chinese label, in the order of the file; computed columns come last."""
        stored = {name: column.label for name, column in self.columns.items()}
        return stored | {name: item["label"] for name, item in self.computed.items()}


def property_files(folder: Path = PROPERTIES) -> list[Path]:
    """Every file that may describe a dataset."""
    return sorted(folder.rglob("*.yml"))


def read_datasets(folder: Path = PROPERTIES) -> dict[str, Dataset]:
    """Every dataset by table name.

    Raises:
        DatasetError: a part `cockpit` has an unknown key, or a metric sums an unknown column.
    """
    found = {}
    for path in property_files(folder):
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        sources = [table for source in content.get("sources", []) for table in source["tables"]]
        for model in [*content.get("models", []), *sources]:
            cockpit = model.get("config", {}).get("meta", {}).get("cockpit")
            if cockpit is not None:
                found[model["name"]] = _dataset(model, cockpit)
    return dict(sorted(found.items()))


def _dataset(model: dict[str, Any], cockpit: dict[str, Any]) -> Dataset:
    name = model["name"]
    if unknown := set(cockpit) - KEYS:
        raise DatasetError(f"{name}: cockpit has unknown keys {sorted(unknown)}")
    columns = {
        column["name"]: Column(column["description"], column["data_type"])
        for column in model["columns"]
    }
    metrics = {}
    for metric_name, metric in cockpit.get("metrics", {}).items():
        if unknown := set(metric) - METRIC_KEYS:
            raise DatasetError(f"{name}.{metric_name}: unknown keys {sorted(unknown)}")
        summed = [metric["sum"]] if "sum" in metric else metric.get("ratio", [])
        if missing := [column for column in summed if column not in columns]:
            raise DatasetError(f"{name}.{metric_name}: no columns {missing}")
        if "label" not in metric and "sum" not in metric:
            raise DatasetError(f"{name}.{metric_name}: only a sum has the label of its column")
        inherited = {} if "label" in metric else {"label": columns[metric["sum"]].label}
        metrics[metric_name] = inherited | metric
    return Dataset(
        label=model["description"],
        columns=columns,
        metrics=metrics,
        computed=cockpit.get("computed", {}),
        time=cockpit.get("time"),
        rows=cockpit.get("rows", "own"),
    )
