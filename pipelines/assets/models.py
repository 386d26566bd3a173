"""The dbt models and the published version as assets."""

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

from ingestion.lake import Lake
from pipelines import dbt_build, publish
from pipelines.settings import PROJECT, home


class Translator(DagsterDbtTranslator):
    """Asset keys are `<layer folder>/<name>`; sources are the assets that write them."""

    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> dg.AssetKey:
        if dbt_resource_props["resource_type"] == "source":
            layer = dbt_resource_props["source_name"]
            name = "ledger" if layer == "reference" else dbt_resource_props["name"]
            return dg.AssetKey([layer, name])
        folders = Path(dbt_resource_props["original_file_path"]).parts[1:-1]
        return dg.AssetKey([*folders[:1], dbt_resource_props["name"]])

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str:
        return Path(dbt_resource_props["original_file_path"]).parts[1]

    def get_owners(self, dbt_resource_props: Mapping[str, Any]) -> list[str]:
        return ["team:data_engineers"]


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
    dbt_build.manifest()

    @dbt_assets(
        manifest=dbt_build.manifest_path(),
        dagster_dbt_translator=TRANSLATOR,
        name="libraries_and_marts",
    )
    def libraries_and_marts(
        context: dg.AssetExecutionContext, dbt: DbtCliResource
    ) -> Iterator[Any]:
        yield from dbt.cli(["build"], context=context).stream().fetch_row_counts()

    return libraries_and_marts


def published_asset(marts: list[dg.AssetKey]) -> dg.AssetsDefinition:
    @dg.asset(
        key=["published", "current"],
        group_name="published",
        description="发布版本：驾驶舱与分析师只读此处；关键检查未过则不发布",
        owners=["team:data_engineers"],
        deps=marts,
        kinds={"duckdb"},
    )
    def published() -> dg.MaterializeResult[None]:
        lake = Lake.open(home())
        version = publish.publish(lake, dbt_build.manifest(), quality={})
        return dg.MaterializeResult(metadata={"version": version})

    return published
