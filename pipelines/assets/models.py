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
from pipelines import dbt_build
from pipelines.build_plan import models_in_order
from pipelines.dagster_events import results
from pipelines.events import Made, recording
from pipelines.resources import LakeResource

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
    def libraries_and_marts(
        context: dg.AssetExecutionContext, lake: LakeResource
    ) -> Iterator[Event]:
        assets, checks = context.selected_asset_keys, context.selected_asset_check_keys
        chosen = [key.path[-1] for key in assets] + [key.name for key in checks]
        failure = None
        with lake.writing("build"), recording() as events:
            try:
                dbt_build.build(chosen if context.is_subset else ())
            except dbt_build.BuildFailed as failed:  # what was built and what failed is told still
                failure = failed
        told = {event.key: event for event in events if isinstance(event, Made)}
        for name in models_in_order(dbt_build.manifest()):
            path = dbt_build.asset_path("", name)
            unchanged = None if failure else Made(path, {"seconds": 0.0, "unchanged": True})
            if event := told.get(path, unchanged):
                yield from results([event], assets)
        yield from results(events, (), checks)
        if failure:
            raise failure

    return libraries_and_marts
