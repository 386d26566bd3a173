"""The dbt models as assets, dbt's tests as their checks: one `dbt build` for all that is selected.

Not here: SQL (`models/`, `marts/`), Great Expectations (`checks.py`), publishing (`published.py`).
"""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_dbt import (
    DagsterDbtTranslator,
    DagsterDbtTranslatorSettings,
    DbtCliResource,
    dbt_assets,
)

from ingestion.entity import entities
from ingestion.lake import Lake
from pipelines import dbt_build
from pipelines.settings import PROJECT, home


class Translator(DagsterDbtTranslator):
    """Asset keys are `<layer folder>/<name>`; sources are the assets that write them."""

    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> dg.AssetKey:
        if dbt_resource_props["resource_type"] == "source":
            layer = dbt_resource_props["source_name"]
            name = "ledger" if layer == "reference" else dbt_resource_props["name"]
            return dg.AssetKey([layer, name])
        return dg.AssetKey([_folder(dbt_resource_props), dbt_resource_props["name"]])

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str:
        return _folder(dbt_resource_props)

    def get_owners(self, dbt_resource_props: Mapping[str, Any]) -> list[str]:
        return ["team:data_engineers"]

    def get_description(self, dbt_resource_props: Mapping[str, Any]) -> str:
        """That of the model's properties; staging has none and is named after what it reads."""
        if given := dbt_resource_props.get("description"):
            return str(given)
        reads = dbt_resource_props.get("depends_on", {}).get("nodes", [])  # a source has none
        names = [node.split(".")[-1] for node in reads]
        known = [entities()[name].label_zh for name in names if name in entities()]
        return f"{known[0]}：暂存视图" if len(known) == 1 else f"{len(known)} 个实体的暂存视图"


def _folder(dbt_resource_props: Mapping[str, Any]) -> str:
    return Path(dbt_resource_props["original_file_path"]).parts[1]


TRANSLATOR = Translator(
    settings=DagsterDbtTranslatorSettings(
        enable_asset_checks=True, enable_duplicate_source_asset_keys=True
    )
)


def dbt() -> DbtCliResource:
    return DbtCliResource(
        project_dir=str(PROJECT),
        profiles_dir=str(PROJECT),
        dbt_executable=str(Path(sys.executable).parent / "dbt"),
    )


def model_assets() -> dg.AssetsDefinition:
    """All models in one step. The manifest is parsed only when a file of the project is newer."""

    @dbt_assets(
        manifest=dbt_build.manifest(),
        dagster_dbt_translator=TRANSLATOR,
        name="libraries_and_marts",
    )
    def libraries_and_marts(
        context: dg.AssetExecutionContext, dbt: DbtCliResource
    ) -> Iterator[Any]:
        lake = Lake.open(home())
        target = dbt_build.manifest_path().parent / "dagster"  # one folder, written over each run
        build = dbt.cli(["build"], context=context, target_path=target)
        events: list[Any] = []
        try:
            events.extend(build.stream())
        finally:  # a failed build still tells what it built and which test failed
            yield from _with_row_counts(events, lake.warehouse)

    return libraries_and_marts


def _with_row_counts(events: list[Any], warehouse: Path) -> Iterator[Any]:
    """Add the row count of each table; `fetch_row_counts` would keep the DuckDB file open."""
    counts = _row_counts(warehouse)
    for event in events:
        name = str(event.metadata["unique_id"].value).split(".")[-1]
        if isinstance(event, dg.Output) and name in counts:
            event = event.with_metadata({**event.metadata, "dagster/row_count": counts[name]})
        yield event


def _row_counts(warehouse: Path) -> dict[str, int]:
    import duckdb

    if not warehouse.exists():
        return {}
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        tables = connection.execute("select table_name from duckdb_tables()").fetchall()
        parts = [f"select '{name}', count(*) from \"{name}\"" for (name,) in tables]
        return dict(connection.execute(" union all ".join(parts)).fetchall()) if parts else {}
