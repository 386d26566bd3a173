"""Publishing: an immutable copy of what passed its checks, swapped in atomically.

`published/v<N>/` holds `county.duckdb` (marts for the cockpit, native tables), `analysis.duckdb`
and `parquet/` (pseudonymised libraries, marts and evidence for analysts), and `manifest.json` with
the digest of every file. `published/current` is a symlink that is replaced in one step, so a reader
sees the old version or the new one, never half of either.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from ingestion.agreement import require_agreement
from ingestion.clock import now
from ingestion.lake import Lake
from ingestion.ledger import Ledger
from pipelines import restatement
from pipelines.build_plan import table_versions
from pipelines.events import Made, tell
from pipelines.progress import Step, report
from pipelines.settings import PROJECT

KEEP_VERSIONS = 5
COCKPIT_LIBRARIES = ("organization", "organization_ancestor")
_LIBRARY_FOLDERS = ("population", "health_record", "emr", "resource")


class EmptyRegistry(RuntimeError):
    """The libraries know no organization."""


def current_version(lake: Lake) -> int | None:
    """Number of the published version, None before the first."""
    link = lake.published / "current"
    return int(link.readlink().name.removeprefix("v")) if link.is_symlink() else None


def publish(
    lake: Lake, manifest: dict[str, Any], *, quality: dict[str, int], keep: int = KEEP_VERSIONS
) -> int:
    """Copy libraries and marts of the warehouse into a new version and make it current.

    Nothing is done when the current version holds just that.

    Args:
        manifest: The dbt manifest; tells which tables are libraries and which are marts.
        quality: Counts of checks by outcome, shown on the cockpit and kept in the manifest.
        keep: Versions to keep, the new one included.

    Returns:
        The number of the version that is current now.

    Raises:
        SilverDisagrees: silver does not hold what the ledger has booked.
        EmptyRegistry: no organization is known, so nothing can be right.
    """
    content = _content(lake, quality)
    current = current_version(lake)
    if current is not None and content and _manifest_of(lake, current)["content"] == content:
        return current
    with Ledger(lake.home) as ledger:
        require_agreement(lake, ledger)
    lake.published.mkdir(parents=True, exist_ok=True)
    version = max([0, *_versions(lake)]) + 1
    building = lake.published / f".v{version}.building"
    shutil.rmtree(building, ignore_errors=True)
    (building / "parquet").mkdir(parents=True)
    moment = now()
    libraries, marts, evidence = _tables(manifest)
    report(Step("publish", f"v{version}", 0, 1))
    cockpit = [*marts, *(t for t in COCKPIT_LIBRARIES if t in libraries)]
    publication = (
        f"select {version}::integer as version, timestamp '{moment:%Y-%m-%d %H:%M:%S}' as"
        " published_at, (select max(as_of_date) from warehouse.coverage_month) as data_through,"
        f" '{_quality_state(quality)}' as quality_state"
    )
    comments = _comments(manifest)
    counts = _copy(lake.warehouse, building / "county.duckdb", cockpit, publication, comments)
    everything = [*libraries, *marts, *evidence]
    counts |= _copy(lake.warehouse, building / "analysis.duckdb", everything, publication, comments)
    counts[restatement.TABLE] = _restate(lake, building, (current, version), moment, comments)
    if not counts.get("organization", 1):
        raise EmptyRegistry(
            "机构登记为空，不发布：请检查机构数据源是否已接入；已发布的版本保持不变"
        )
    _export_parquet(building / "analysis.duckdb", building / "parquet")
    _write_manifest(building, version, moment.isoformat(), counts, quality, content)
    building.rename(lake.published / f"v{version}")
    _swap(lake.published, f"v{version}")
    _prune(lake, keep)
    _tell_cockpit(lake)
    checks = {f"checks_{outcome}": count for outcome, count in quality.items()}
    facts = {"dagster/row_count": sum(counts.values()), "version": version, "tables": len(counts)}
    tell(Made(("published", "current"), {**facts, **checks}))
    report(Step("publish", f"v{version}", 1, 1, f"{len(counts)} 张表"))
    return version


def _restate(
    lake: Lake,
    building: Path,
    versions: tuple[int | None, int],
    moment: datetime,
    comments: dict[str, list[tuple[str, str]]],
) -> int:
    """List what the new version changes in closed periods; gives the length of the list."""
    current = lake.published / "current" / "analysis.duckdb"
    rows = restatement.restate(
        building / "analysis.duckdb",
        current.resolve() if versions[0] is not None and current.exists() else None,
        reference=lake.reference,
        versions=versions,
        moment=moment,
    )
    for name in ("county.duckdb", "analysis.duckdb"):
        restatement.write(building / name, rows, comments.get(restatement.TABLE, []))
    return len(rows)


def _content(lake: Lake, quality: dict[str, int]) -> str:
    """What tells two versions apart: every table's version and the outcome of the checks; nothing
    where the warehouse does not say what it was built with."""
    versions = table_versions(lake)
    facts = json.dumps([versions, quality], sort_keys=True)
    return hashlib.sha256(facts.encode()).hexdigest() if versions else ""


def _manifest_of(lake: Lake, version: int) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(
        (lake.published / f"v{version}" / "manifest.json").read_text("utf-8")
    )
    return loaded


def _tables(manifest: dict[str, Any]) -> tuple[list[str], list[str], list[str]]:
    libraries, marts, evidence = [], [], []
    for node in manifest["nodes"].values():
        if node["resource_type"] != "model" or node["config"]["materialized"] == "view":
            continue
        if node["config"]["materialized"] == "ephemeral":
            continue
        folder = Path(node["original_file_path"]).parts
        if "evidence" in folder:
            evidence.append(node["name"])
        elif folder[0] == "marts":
            marts.append(node["name"])
        elif folder[1] in _LIBRARY_FOLDERS:
            libraries.append(node["name"])
    return sorted(libraries), sorted(marts), sorted(evidence)


def _comments(manifest: dict[str, Any]) -> dict[str, list[tuple[str, str]]]:
    """By table: what it and its columns (`table."column"`) are called in Chinese."""
    described = [n for n in manifest["nodes"].values() if n["resource_type"] == "model"]
    described += [n for n in manifest["sources"].values() if n["source_name"] == "published"]
    found = {}
    for node in described:
        columns = [
            (f'column "{node["name"]}"."{name}"', column["description"])
            for name, column in node["columns"].items()
        ]
        found[node["name"]] = [(f'table "{node["name"]}"', node["description"]), *columns]
    return found


def _copy(
    warehouse: Path,
    target: Path,
    tables: list[str],
    publication: str,
    comments: dict[str, list[tuple[str, str]]],
) -> dict[str, int]:
    connection = duckdb.connect(str(target))
    try:
        connection.execute(f"attach '{warehouse}' as warehouse (read_only)")
        counts = {}
        for table in tables:
            connection.execute(f'create table "{table}" as select * from warehouse."{table}"')
            row = connection.execute(f'select count(*) from "{table}"').fetchone()
            counts[table] = int(row[0]) if row else 0
        connection.execute(f"create table publication as {publication}")
        for table in [*tables, "publication"]:
            for what, label in comments.get(table, []):
                label = label.replace("'", "''")
                connection.execute(f"comment on {what} is '{label}'")
        connection.execute("detach warehouse")
        connection.execute("checkpoint")
    finally:
        connection.close()
    return counts


def _export_parquet(database: Path, folder: Path) -> None:
    with duckdb.connect(str(database), read_only=True) as connection:
        names = connection.execute("select table_name from duckdb_tables() order by 1").fetchall()
        for (name,) in names:
            connection.execute(
                f"copy \"{name}\" to '{folder / name}.parquet' (format parquet, compression zstd)"
            )


def _quality_state(quality: dict[str, int]) -> str:
    if quality.get("warning"):
        return f"{quality.get('passed', 0)} 项通过，{quality['warning']} 项警告"
    return f"{quality.get('passed', 0)} 项通过"


def _write_manifest(
    folder: Path,
    version: int,
    moment: str,
    counts: dict[str, int],
    quality: dict[str, int],
    content: str,
) -> None:
    files = {
        path.relative_to(folder).as_posix(): {
            "bytes": path.stat().st_size,
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        }
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    stated = {
        "version": version,
        "published_at": moment,
        "quality": quality,
        "content": content,
        "tables": dict(sorted(counts.items())),
        "files": files,
    }
    path = folder / "manifest.json"
    with path.open("w", encoding="utf-8") as stream:
        json.dump(stated, stream, ensure_ascii=False, indent=2)
        stream.flush()
        os.fsync(stream.fileno())


def _swap(folder: Path, name: str) -> None:
    fresh = folder / ".current.new"
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(name)
    fresh.replace(folder / "current")


def _tell_cockpit(lake: Lake) -> None:
    """A cockpit of this lake forgets its cached results; without one there is nothing to do."""
    if (lake.home / "superset").is_dir():
        command = [sys.executable, str(PROJECT / "dashboards" / "serve.py"), "refresh"]
        environment = os.environ | {"YIGONG_HOME": str(lake.home)}
        subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)


def _versions(lake: Lake) -> list[int]:
    return sorted(
        int(p.name[1:]) for p in lake.published.glob("v*") if p.name[1:].isdigit() and p.is_dir()
    )


def _prune(lake: Lake, keep: int) -> None:
    for old in _versions(lake)[:-keep]:  # out of sight at once, then gone: a stop halves no version
        dropped = (lake.published / f"v{old}").rename(lake.published / f".v{old}.dropped")
        shutil.rmtree(dropped)
    for dropped in lake.published.glob(".v*.dropped"):
        shutil.rmtree(dropped)
