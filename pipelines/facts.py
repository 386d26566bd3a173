"""Whether library facts may be kept up to date key by key, or must be built anew.

Belongs here: what `built_batch` of the warehouse must agree with. Not here: how a fact is kept up
to date (`macros/facts.sql`) or running dbt (`dbt_build.py`). Decision: 0006-facts-by-key.
"""

import hashlib
from collections.abc import Collection
from typing import Any

import duckdb

from ingestion.lake import Lake
from pipelines.settings import PROJECT


def facts_of(manifest: dict[str, Any], chosen: Collection[str]) -> dict[str, str]:
    """Entity by fact among the chosen nodes, or among all when none is chosen."""
    found = {}
    for node in manifest["nodes"].values():
        if node["config"].get("materialized") != "incremental":
            continue
        if not chosen or node["name"] in chosen:
            (silver,) = (s.split(".")[-1] for s in node["depends_on"]["nodes"] if ".silver." in s)
            found[node["name"]] = silver
    return found


def must_build_anew(lake: Lake, facts: dict[str, str]) -> bool:
    """True when SQL has changed since a fact was built, or a batch it took is gone from silver."""
    if not lake.warehouse.exists():
        return False  # there is nothing yet: dbt builds everything
    with duckdb.connect(str(lake.warehouse)) as warehouse:
        known = {name for (name,) in warehouse.execute("show tables").fetchall()}
        if "built_batch" not in known or "fact_definition" not in known:
            return True
        taken = warehouse.execute("select model, batch_id from built_batch").fetchall()
        built = dict(warehouse.execute("select model, digest from fact_definition").fetchall())
    definition = _definition()
    if any(model in known and built.get(model) != definition for model in facts):
        return True
    there: dict[str, set[str]] = {
        entity: {path.stem.split("--")[-1] for path in lake.silver(entity).glob("*/*--*.parquet")}
        for entity in set(facts.values())
    }
    return any(m in facts and batch not in there[facts[m]] for m, batch in taken)


def remember_definition(lake: Lake, facts: Collection[str]) -> None:
    """Note that these facts were built with the SQL of today."""
    with duckdb.connect(str(lake.warehouse)) as warehouse:
        warehouse.execute(
            "create table if not exists fact_definition (model varchar, digest varchar)"
        )
        for model in facts:
            warehouse.execute("delete from fact_definition where model = ?", [model])
            warehouse.execute("insert into fact_definition values (?, ?)", [model, _definition()])


def _definition() -> str:
    """Digest of everything that decides what is in a fact."""
    digest = hashlib.sha256()
    for folder in ("models", "macros"):
        for path in sorted((PROJECT / folder).rglob("*")):
            if path.suffix in (".sql", ".yml"):
                digest.update(path.read_bytes())
    return digest.hexdigest()
