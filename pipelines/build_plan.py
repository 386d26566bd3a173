"""Which models must be built: those whose own SQL or whose data has changed since they were.

Every table remembers, in the warehouse itself (`model_state`), the digest of its definition and the
versions of what it read. A definition is the model's SQL, the macros it uses, its columns and types
and how it is kept; labels and descriptions change nothing. The version of a table is what it was
built with, that of silver the batches in it, that of other files their bytes.

Belongs here: comparing then and now. Not here: how a fact takes new batches (`macros/facts.sql`)
and running dbt (`dbt_build.py`). Decision: docs/decisions/0006-facts-by-key.md.
"""

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import duckdb

from ingestion.clock import now
from ingestion.lake import Lake
from ingestion.ledger import Ledger

_STATE = (
    "create table if not exists model_state (model varchar, definition varchar, inputs varchar)"
)
_TIME_MACRO = "macro.yigong.run_moment"
_KEPT_BY = ("materialized", "incremental_strategy", "unique_key", "on_schema_change", "severity")


@dataclass(frozen=True)
class BuildPlan:
    """What a build has to do.

    Args:
        models: Models to build, in the manifest's order; views with them.
        tests: Tests of those models, and those that compare them with others.
        anew: Facts among them that must be built from all of silver.
        states: Definition and inputs of each table to be built, to be remembered afterwards.
    """

    models: tuple[str, ...]
    tests: tuple[str, ...] = ()
    anew: tuple[str, ...] = ()
    states: Mapping[str, tuple[str, str]] = field(default_factory=dict)


def plan_build(
    lake: Lake, manifest: dict[str, Any], *, chosen: Collection[str] = (), anew: bool = False
) -> BuildPlan:
    """Compare the warehouse with the project and the lake of now.

    Args:
        manifest: The dbt manifest.
        chosen: Build exactly these models, stale or not; all stale ones when left out.
        anew: Take everything as stale and build facts from all of silver.
    """
    models = _models(manifest)
    there, known, taken = _warehouse(lake)
    versions = _Versions(lake, manifest, known)
    stale: dict[str, tuple[str, str]] = {}
    building: set[str] = set()
    for name in _in_order(models):
        node = models[name]
        state = versions.definition(name), versions.inputs(name)
        is_view = node["config"]["materialized"] in ("view", "ephemeral")
        if is_view:  # it names the files it reads by their path: a lake that has moved has others
            state = _digest([state[0], str(lake.home.absolute())]), state[1]
        before = known.get(node["name"], ("", ""))
        as_it_was = before[0] == state[0] if is_view else before == state
        wanted = anew or node["name"] not in there or not as_it_was
        if node["name"] in chosen if chosen else wanted:
            stale[node["name"]] = state
            building.add(name)
            if not is_view:
                versions.rebuilt(name)
    tests = tuple(
        node["name"]
        for node in manifest["nodes"].values()
        if node["resource_type"] == "test" and building & set(node["depends_on"]["nodes"])
    )
    live = _live_batches(lake)
    whole = tuple(
        models[name]["name"]
        for name in sorted(building)
        if models[name]["config"]["materialized"] == "incremental"
        and models[name]["name"] in there
        and (
            anew
            or known.get(models[name]["name"], ("",))[0] != versions.definition(name)
            or not taken.get(models[name]["name"], set()) <= live
        )
    )
    return BuildPlan(tuple(stale), tests, whole, stale)


def remember(lake: Lake, plan: BuildPlan, built: Collection[str]) -> None:
    """Note what some tables of a plan were built with."""
    with duckdb.connect(str(lake.warehouse)) as warehouse:
        warehouse.execute(_STATE)
        for model in built:
            warehouse.execute("delete from model_state where model = ?", [model])
            warehouse.execute(
                "insert into model_state values (?, ?, ?)", [model, *plan.states[model]]
            )


def forget(lake: Lake, models: Collection[str]) -> None:
    """Some tables failed: whatever they hold, they are built again next time."""
    with duckdb.connect(str(lake.warehouse)) as warehouse:
        warehouse.execute(_STATE)
        for model in models:
            warehouse.execute("delete from model_state where model = ?", [model])


def drop_retired(lake: Lake) -> None:
    """Remove rows of superseded batches that no fact has taken, or that all have let go of."""
    _, _, taken = _warehouse(lake)
    wanted = {batch for batches in taken.values() for batch in batches}
    for path in lake.home.glob("retired/*/*.parquet"):
        if path.stem.split("--")[1] not in wanted:
            path.unlink()


def table_versions(lake: Lake) -> dict[str, str]:
    """What tells two contents of each table of the warehouse apart."""
    _, known, _ = _warehouse(lake)
    return {model: _digest(state) for model, state in known.items()}


class _Versions:
    """Definitions and versions of the nodes of one manifest, each worked out once."""

    def __init__(
        self, lake: Lake, manifest: dict[str, Any], known: Mapping[str, tuple[str, str]]
    ) -> None:
        self.lake, self.manifest, self.known = lake, manifest, known
        self._definitions: dict[str, str] = {}
        self._versions: dict[str, str] = {}
        with Ledger(lake.home) as ledger:
            self._silver = ledger.silver_versions()

    def definition(self, name: str) -> str:
        if name not in self._definitions:
            node = self.manifest["nodes"][name]
            config = {key: node["config"].get(key) for key in _KEPT_BY}
            hooks = [node["config"].get(hook) for hook in ("pre-hook", "post-hook")]
            macros = {m: self.manifest["macros"][m]["macro_sql"] for m in self._macros(name)}
            contract = node.get("contract", {}).get("checksum")
            self._definitions[name] = _digest([node["raw_code"], config, hooks, macros, contract])
        return self._definitions[name]

    def inputs(self, name: str) -> str:
        """Versions of everything a model reads, as JSON by node."""
        read = {parent: self.version(parent) for parent in self._parents(name)}
        if _TIME_MACRO in self._macros(name):
            read["day"] = now().date().isoformat()
        return json.dumps(dict(sorted(read.items())))

    def version(self, name: str) -> str:
        if name not in self._versions:
            if name.startswith("source."):
                self._versions[name] = self._source(name)
            elif self.manifest["nodes"][name]["config"]["materialized"] in ("view", "ephemeral"):
                self._versions[name] = _digest([self.definition(name), self.inputs(name)])
            else:
                state = self.known.get(self.manifest["nodes"][name]["name"])
                self._versions[name] = _digest(state)
        return self._versions[name]

    def rebuilt(self, name: str) -> None:
        """This build renews the table: what reads it meets other data than before."""
        self._versions[name] = _digest((self.definition(name), self.inputs(name)))

    def _source(self, name: str) -> str:
        _, _, layer, table = name.split(".")
        if layer == "silver":
            return self._silver.get(table, "")
        path = self.lake.home / layer / f"{table}.parquet"
        if not path.exists():
            return ""
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()

    def _parents(self, name: str) -> list[str]:
        """What a model reads; a fact looks up its batches, and is stale by silver, not by the list
        of all batches."""
        nodes = self.manifest["nodes"][name]["depends_on"]["nodes"]
        return [node for node in nodes if node != "source.yigong.reference.silver_batch"]

    def _macros(self, name: str) -> list[str]:
        """The project's macros that a model uses, directly or through others."""
        left = list(self.manifest["nodes"][name]["depends_on"]["macros"])
        found: set[str] = set()
        while left:
            macro = left.pop()
            if macro in found or not macro.startswith("macro.yigong."):
                continue
            found.add(macro)
            left += self.manifest["macros"][macro]["depends_on"]["macros"]
            dispatched = f"macro.yigong.default__{macro.rsplit('.', 1)[-1]}"
            if dispatched in self.manifest["macros"]:
                left.append(dispatched)
        return sorted(found)


def _live_batches(lake: Lake) -> set[str]:
    """Batches a fact may have taken: live ones, and superseded ones whose rows are still kept."""
    with Ledger(lake.home) as ledger:
        rows = ledger.silver_batches()
    return {
        batch
        for entity, feed, batch, _, live in rows
        if live or (lake.retired(entity) / f"{feed}--{batch}.parquet").exists()
    }


def _warehouse(lake: Lake) -> tuple[set[str], dict[str, tuple[str, str]], dict[str, set[str]]]:
    """Tables and views there are, what each was built with, and the batches each fact has taken."""
    if not lake.warehouse.exists():
        return set(), {}, {}
    with duckdb.connect(str(lake.warehouse)) as warehouse:
        there = {name for (name,) in warehouse.execute("show tables").fetchall()}
        known: dict[str, tuple[str, str]] = {}
        taken: dict[str, set[str]] = {}
        if "model_state" in there:
            rows = warehouse.execute("select model, definition, inputs from model_state").fetchall()
            known = {model: (definition, inputs) for model, definition, inputs in rows}
        if "built_batch" in there:
            for model, batch in warehouse.execute(
                "select model, batch_id from built_batch"
            ).fetchall():
                taken.setdefault(model, set()).add(batch)
    return there, known, taken


def models_in_order(manifest: dict[str, Any]) -> list[str]:
    """Names of all models, each after those it reads."""
    return [manifest["nodes"][name]["name"] for name in _in_order(_models(manifest))]


def _models(manifest: dict[str, Any]) -> dict[str, dict[str, Any]]:
    nodes = manifest["nodes"].items()
    return {name: node for name, node in nodes if node["resource_type"] == "model"}


def _in_order(models: Mapping[str, dict[str, Any]]) -> list[str]:
    """Models after those they read."""
    done: dict[str, None] = {}

    def visit(name: str) -> None:
        for parent in models[name]["depends_on"]["nodes"]:
            if parent in models and parent not in done:
                visit(parent)
        done[name] = None

    for name in models:
        if name not in done:
            visit(name)
    return list(done)


def _digest(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
