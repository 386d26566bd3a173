"""The dbt models as assets, dbt's tests as their checks: one build for all that is selected.

dbt runs in this process, as it does for the command line: a process of its own costs 13 s a run.

Not here: SQL (`models/`, `marts/`), Great Expectations (`checks.py`), publishing (`published.py`).
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DagsterDbtTranslatorSettings, dbt_assets

from ingestion.entity import entities
from ingestion.lake import Lake
from pipelines import dbt_build
from pipelines.run_lock import writing
from pipelines.settings import home

Event = dg.MaterializeResult[None] | dg.AssetCheckResult


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


def model_assets() -> dg.AssetsDefinition:
    """All models in one step. The manifest is parsed only when a file of the project is newer."""

    @dbt_assets(
        manifest=dbt_build.manifest(),
        dagster_dbt_translator=TRANSLATOR,
        name="libraries_and_marts",
    )
    def libraries_and_marts(context: dg.AssetExecutionContext) -> Iterator[Event]:
        lake = Lake.open(home())
        tested = {key.name: key.asset_key for key in context.selected_asset_check_keys}
        built = {key.path[-1]: key for key in context.selected_asset_keys}
        failure = None
        try:
            with writing(lake, "Dagster"):
                results = dbt_build.build([*built, *tested] if context.is_subset else ())
        except dbt_build.BuildFailed as failed:  # still tell what was built and which test failed
            failure, results = failed, list(failed.results)
        rows = _row_counts(lake.warehouse)
        for result in results:
            if event := _event(result, {**built, **tested}, rows):
                yield event
        if failure:
            raise failure

    return libraries_and_marts


def _event(result: Any, keys: Mapping[str, dg.AssetKey], rows: Mapping[str, int]) -> Event | None:
    """What Dagster records of one dbt result; nothing of a node that was skipped or broke."""
    name, status = result.node.name, str(result.status)
    seconds = round(result.execution_time, 2)
    if result.node.resource_type.value == "model":
        if status != "success":
            return None
        count = {"dagster/row_count": rows[name]} if name in rows else {}  # a view has none
        return dg.MaterializeResult(asset_key=keys[name], metadata={"seconds": seconds, **count})
    if status not in ("pass", "warn", "fail"):
        return None
    return dg.AssetCheckResult(
        asset_key=keys[name],
        check_name=name,
        passed=status == "pass",
        severity=dg.AssetCheckSeverity.WARN if status == "warn" else dg.AssetCheckSeverity.ERROR,
        metadata={"unexpected": int(result.failures or 0), "seconds": seconds},
    )


def _row_counts(warehouse: Path) -> dict[str, int]:
    import duckdb

    if not warehouse.exists():
        return {}
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        tables = connection.execute("select table_name from duckdb_tables()").fetchall()
        parts = [f"select '{name}', count(*) from \"{name}\"" for (name,) in tables]
        return dict(connection.execute(" union all ".join(parts)).fetchall()) if parts else {}
